/** One case of one model, through all properties. */
import { type Extents, interpret, type Result } from "../../compiler/derive/interpret.ts";
import type { Model } from "../../compiler/pipeline.ts";
import type { Backend } from "../backend.ts";
import { caseOf, type Plan } from "./case.ts";
import { whereNotFinite } from "./not-finite.ts";
import { properties } from "./properties.ts";
import type { Violation } from "./property.ts";

/** A property that fails; where something was thrown there are no numbers, only what it says. */
export interface Failure {
  readonly property: string;
  readonly meaning: string;
  readonly sides: readonly [left: string, right: string];
  readonly violation?: Violation;
  readonly thrown?: string;
}

export type Outcome =
  | { readonly kind: "tried"; readonly failures: readonly Failure[]; readonly extents?: Extents }
  /** The case says nothing of the compiler. */
  | { readonly kind: "discarded"; readonly why: string };

/** Numbers above this grow without bound: the model's own doing. */
const GROWN = 1e50;

const runs = {
  property: "runs",
  meaning: "the interpreter runs what is accepted, and finite numbers stay so",
  sides: ["value", "largest of its arguments"],
} as const;

export async function attempt(model: Model, plan: Plan, backend: Backend): Promise<Outcome> {
  const tried = caseOf(model, plan);
  const { extents } = tried;
  let result: Result;
  try {
    result = interpret(model.rule, extents, tried.run);
  } catch (error) {
    return { kind: "tried", failures: [{ ...runs, thrown: textOf(error) }], extents };
  }
  if (!areFinite(result)) {
    if (tried.isOnOpenEnd) return { kind: "discarded", why: "has no value where a range ends" };
    const found = whereNotFinite(model, tried);
    if (found === "overflow" || found === undefined) return { kind: "discarded", why: "overflows" };
    return { kind: "tried", failures: [{ ...runs, violation: found }], extents };
  }
  if (largest(result) > GROWN) return { kind: "discarded", why: "diverges" };
  const failures: Failure[] = [];
  for (const property of properties) {
    const { name, meaning, sides } = property;
    try {
      if (!property.applies(model, backend)) continue;
      const violation = await property.check({ model, case: tried, result, backend });
      if (violation) failures.push({ property: name, meaning, sides, violation });
    } catch (error) {
      failures.push({ property: name, meaning, sides, thrown: textOf(error) });
    }
  }
  return { kind: "tried", failures, extents };
}

export const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

const numbersOf = ({ y, states }: Result): Float64Array[] => [y, ...states.values()];
const areFinite = (result: Result): boolean => numbersOf(result).every((x) => x.every(Number.isFinite));
const largest = (result: Result): number =>
  numbersOf(result).reduce((most, data) => data.reduce((m, x) => Math.max(m, Math.abs(x)), most), 0);
