/**
 * Where dv = dk, it does not matter over which of the two a vector is declared: random expressions, in every place that
 * takes a vector, come to the same numbers however the gates and states in them are declared.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { misplaced } from "../support/places.ts";
import { largest, sequenceOf } from "../support/sequences.ts";
import { modelOf } from "../support/specs.ts";

const NUMBER_OF_RUNS = 60;
const BOUND = 1e-10;
const EXTENTS = { B: 1, T: 5, H: 2, sizes: { dk: 3, dv: 3 } };

/** An expression over vectors and gates; of no more than a few hundred in size, whatever these are. */
function over(...names: readonly string[]): fc.Arbitrary<string> {
  const { tree } = fc.letrec<{ tree: string; leaf: string }>((tie) => {
    const leaf = fc.constantFrom(...names, "0.5");
    const two = fc.tuple(tie("tree"), tie("tree"));
    const written = (of: (a: string, b: string) => string): fc.Arbitrary<string> =>
      two.map(([a, b]) => of(a, b));
    return {
      leaf,
      tree: fc.oneof(
        { maxDepth: 3, depthSize: "small", withCrossShrink: true },
        leaf,
        written((a, b) => `(${a} + ${b})`),
        written((a, b) => `(${a} - ${b})`),
        written((a, b) => `${a} * ${b}`),
        written((a, b) => `max(${a}, ${b})`),
        written((a, b) => `min(${a}, ${b})`),
        written((a, b) => `sum(${a}) * ${b}`),
        tie("tree").map((a) => `tanh(${a})`),
        fc
          .tuple(tie("tree"), tie("tree"), tie("tree"), tie("tree"))
          .map(([a, b, c, d]) => `where(${a} <= ${b}, ${c}, ${d})`),
      ),
    };
  });
  return tree;
}

const GATES = ["g", "h", "s"] as const;

const parts = fc.record({
  read: over("x", "b", "c"),
  bias: fc.oneof(
    over("(y - v)", ...GATES).map((e) => `grad ${e}`),
    over("(y - v)", ...GATES).map((e) => `loss sum(${e})`),
  ),
  keep: over(...GATES),
  link: over("A", ...GATES),
  prox: over("A", ...GATES),
  update: over("S", "grad", ...GATES),
  step: over("S'", "grad", ...GATES),
  output: over("read(q)", "read(prev, k)", "v", ...GATES),
});
type Parts = typeof parts extends fc.Arbitrary<infer P> ? P : never;

const size = fc.constantFrom("dk", "dv");
/** Over which of the two each of these is declared. */
const declared = fc.record({ b: size, c: size, g: size, h: size });
type Declared = typeof declared extends fc.Arbitrary<infer D> ? D : never;

const textOf = (p: Parts, d: Declared): string => `
memory holds {
  require dv = dk
  state b [${d.b}] = learned
  state c [${d.c}] = learned
  read(x [dk]) = x * c + b + ${p.read}
}
bias wants(y, v, g, h, s) {
  ${p.bias}
}
retention keeps(g, h, s) {
  keep    ${p.keep}
  link(A) = A + tanh(${p.link})
  prox(A) = tanh(A + ${p.prox})
}
algorithm learns(g, h, s) {
  state S like W = zeros
  S' = tanh(${p.update})
  step ${p.step}
}
model Vectors {
  memory    holds
  bias      wants
  retention keeps
  algorithm learns
  gate g [${d.g}] in (0, 1)
  gate h [${d.h}] in (0, 1)
  gate s in (0, 1)
  output = read(q) + ${p.output}
}
`;

test("a vector over dv and one over dk are the same vector", () => {
  fc.assert(
    fc.property(parts, declared, fc.nat(), (p, d, seed) => {
      const one = modelOf(textOf(p, { b: "dv", c: "dv", g: "dv", h: "dv" }));
      const other = modelOf(textOf(p, d));
      expect(misplaced(other, true), textOf(p, d)).toEqual([]);
      const { extents, run } = sequenceOf(one, EXTENTS, seed);
      const want = interpret(one.rule, extents, run);
      expect(largest(interpret(other.rule, extents, run), want), textOf(p, d)).toBeLessThanOrEqual(BOUND);
    }),
    { numRuns: NUMBER_OF_RUNS },
  );
});
