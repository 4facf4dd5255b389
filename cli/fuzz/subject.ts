/** What is tried: a given model, or random specs. */
import fc from "fast-check";
import { compile, type Model } from "../../compiler/pipeline.ts";
import type { Backend } from "../backend.ts";
import { prelude } from "../prelude.ts";
import { attempt, type Outcome, textOf } from "./attempt.ts";
import { type Plan, plans } from "./case.ts";
import type { Finding } from "./report.ts";
import { type Range, search, type Tally } from "./search.ts";
import { textOfVariant } from "./variant-text.ts";
import { type Variant, variants } from "./variants.ts";

export interface Subject {
  readonly name: string;
  /** Whether what fails once leaves others to be tried. */
  readonly isMany: boolean;
  /** What fails, in all ways in which it does; none where nothing fails. */
  look(range: Range, isOver: () => boolean, tally: Tally): Promise<Finding[]>;
}

function subject<T>(
  name: string,
  isMany: boolean,
  values: fc.Arbitrary<T>,
  tried: (value: T) => Promise<Outcome>,
  about: (value: T) => Pick<Finding, "of" | "plan">,
): Subject {
  const look: Subject["look"] = async (range, isOver, tally) => {
    const found = await search(values, tried, range, isOver, tally);
    if (!found) return [];
    const { value, failures, ...where } = found;
    return failures.map((failure) => ({ failure, ...about(value), ...where }));
  };
  return { name, isMany, look };
}

export const givenModel = (path: string, model: Model, backend: Backend): Subject =>
  subject(
    model.spec.name,
    false,
    plans,
    (plan) => attempt(model, plan, backend),
    (plan) => ({ plan, of: { path, model: model.spec.name } }),
  );

export const randomSpecs = (backend: Backend): Subject =>
  subject(
    "random specs",
    true,
    fc.record({ variant: variants, plan: plans }),
    ({ variant, plan }) => attemptVariant(variant, plan, backend),
    ({ variant, plan }) => ({ plan, of: { text: textOfVariant(variant) } }),
  );

/** What a random spec may be refused for: whether a penalty has a closed form is not known before. */
export const REFUSALS: ReadonlySet<string> = new Set(["not-solved", "link-at-zero", "start-outside"]);

/** A random spec is compiled first: it must be accepted, or be refused for a reason that is foreseen. */
async function attemptVariant(variant: Variant, plan: Plan, backend: Backend): Promise<Outcome> {
  const refused = (thrown: string): Outcome => ({
    kind: "tried",
    failures: [
      {
        property: "accepted",
        meaning: "a spec that keeps to the rules of the language compiles",
        sides: ["compiler", "wanted"],
        thrown,
      },
    ],
  });
  try {
    const file = { path: "variant.miras", text: textOfVariant(variant) };
    const { models, diagnostics } = compile(file, prelude());
    const errors = diagnostics.all.filter((d) => d.severity === "error");
    const [first] = errors;
    if (first && errors.every((d) => REFUSALS.has(d.code))) return { kind: "discarded", why: first.code };
    if (first) return refused(`${first.code}: ${first.message}`);
    const [model] = models;
    return model ? await attempt(model, plan, backend) : refused("no model, and no error");
  } catch (error) {
    return refused(textOf(error));
  }
}
