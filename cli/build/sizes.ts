/** `--sizes dk=64,dv=64` or `--sizes B=4,T=64`: the sizes that kernels are made for. */
import type { Rule } from "../../compiler/derive/rule.ts";
import type { Sizes } from "../../compiler/math/axis.ts";
import { closest } from "../../compiler/source/suggest.ts";
import { UsageError } from "../errors.ts";

/** Where nothing else is said. */
const USUAL = 64;
/** Tokens that a memory of all tokens has room for, where nothing else is said. */
const USUAL_TOKENS = 1024;

/** Sequences, and tokens of each, of a network where nothing else is said. */
const USUAL_BATCH: BatchSizes = { B: 1, T: 64 };

/** Sequences, and tokens of each. */
export interface BatchSizes {
  readonly B: number;
  readonly T: number;
}

/** Sizes as they are asked for: those of a model may be more, or fewer. */
export type Asked = ReadonlyMap<string, number>;

/** The value of one `--sizes`. */
export function askedSizes(text: string): Asked {
  const sizes = new Map<string, number>();
  for (const part of text.split(",")) {
    const [, name = "", value = ""] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    const size = Number(value);
    if (name === "" || value === "" || !Number.isSafeInteger(size) || size < 1)
      throw new UsageError(
        `--sizes ${text}: \`${part.trim()}\` should be a size and a whole number from 1 on, as in --sizes dk=64,dv=64`,
      );
    if (sizes.has(name)) throw new UsageError(`--sizes ${text}: ${name} is there twice`);
    sizes.set(name, size);
  }
  return sizes;
}

/** The sizes of a rule for each that is asked for: all its names, and those only. */
export function sizesOf(rule: Rule, asked: readonly Asked[]): Sizes[] {
  const names = namesOf(rule);
  if (asked.length === 0) return [completed(rule, new Map(), names)];
  return different(asked.map((sizes) => completed(rule, sizes, names)));
}

/** The same of a network. */
export function batchSizesOf(asked: readonly Asked[]): BatchSizes[] {
  const all = asked.map((sizes) => ({ ...USUAL_BATCH, ...Object.fromEntries(sizes) }));
  return asked.length === 0 ? [USUAL_BATCH] : different(all.map(({ B, T }) => ({ B, T })));
}

/** Choices that differ in sizes of others alone are one. */
const different = <S extends object>(all: readonly S[]): S[] => [
  ...new Map(all.map((sizes) => [JSON.stringify(sizes), sizes])).values(),
];

/** Throws UsageError where a size is asked for that none of these has. */
export function checkAsked(
  asked: readonly Asked[],
  models: readonly Rule[],
  networks: readonly string[],
): void {
  const known = [
    ...(models.length > 0 ? KNOWN : []),
    ...(networks.length > 0 ? Object.keys(USUAL_BATCH) : []),
  ];
  for (const sizes of asked) {
    const unknown = [...sizes.keys()].find((n) => !known.includes(n));
    if (unknown === undefined) continue;
    const near = closest(unknown, known);
    const all = [
      ...models.map((rule) => `the sizes of ${rule.spec.name}: ${namesOf(rule).join(", ")}`),
      ...networks.map((name) => `the sizes of ${name}: ${Object.keys(USUAL_BATCH).join(", ")}`),
    ];
    throw new UsageError(`--sizes: there is no size ${unknown}`, near ? [`did you mean ${near}?`] : all);
  }
}

/** Every size that a model can have. A file may have models with and without one of them. */
const KNOWN = ["dk", "dv", "tokens"];

/** A size that must equal a given one is that one; any other that is absent has its usual value. */
function completed({ spec }: Rule, asked: Asked, names: readonly string[]): Sizes {
  const sizes = new Map(asked);
  for (const [a, b] of spec.equalities.required) {
    const [x, y] = [sizes.get(a), sizes.get(b)];
    if (x !== undefined && y !== undefined && x !== y)
      throw new UsageError(`--sizes: ${spec.name} requires ${a} = ${b}, and ${a} is ${x} and ${b} is ${y}`);
    if (x !== undefined) sizes.set(b, x);
    else if (y !== undefined) sizes.set(a, y);
  }
  const usual = (name: string): number => (name === "tokens" ? USUAL_TOKENS : USUAL);
  return Object.fromEntries(names.map((name) => [name, sizes.get(name) ?? usual(name)]));
}

/** The names of sizes that the tensors of a rule have. */
function namesOf({ spec, states }: Rule): string[] {
  const tensors = [...spec.inputs, ...spec.parameters].map((i) => i.tensor);
  const shapes = [...tensors, ...states].map((t) => t.shape);
  return [...new Set([...shapes, spec.outputShape].flat().flatMap((d) => d.names))].sort();
}
