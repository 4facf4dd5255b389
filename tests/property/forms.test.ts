/** What must hold of every form of a tile of tokens, at random sizes, lengths and tiles. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorRatio, tensorsOf } from "../../cli/fuzz/compare.ts";
import { tolerance } from "../../cli/fuzz/rounding.ts";
import { interpret } from "../../compiler/derive/interpret.ts";
import { interpretTiles } from "../../compiler/form/interpret.ts";
import { sequenceOf, slice } from "../support/sequences.ts";
import { sizesOf, tiled } from "../support/tiles.ts";

const BOUND = 1e-10;
const NUMBER_OF_RUNS = 8;

const cases = fc.record({
  seed: fc.nat(),
  B: fc.integer({ min: 1, max: 2 }),
  T: fc.integer({ min: 0, max: 36 }),
  H: fc.integer({ min: 1, max: 2 }),
  // Where there is one channel, a layer norm is of rounding alone; where there are two, so is what it passes back: what is
  // normalised is ±1, whatever it was.
  dk: fc.integer({ min: 3, max: 5 }),
  dv: fc.integer({ min: 3, max: 5 }),
  tile: fc.integer({ min: 1, max: 48 }),
  turnsBefore: fc.integer({ min: 0, max: 2 }),
  edge: fc.boolean(),
});

/** Memora's second matrix is zero here, but for what cancelling leaves of it: noise beside noise is no error. */
const CANCELLED = { seed: 190672722, B: 1, T: 4, H: 1, dk: 5, dv: 3, tile: 1, turnsBefore: 1, edge: true };

describe.each(tiled)("$name", ({ model, form, ranges }) => {
  const drawn = ({ seed, B, T, H, dk, dv, turnsBefore, edge }: Case) => {
    const before = turnsBefore * (model.spec.chunk ?? 5);
    const extents = { B, T, H, sizes: sizesOf(model, dk, dv) };
    return sequenceOf(model, extents, seed, { before, edge, ranges: ranges(before + T) });
  };

  test("a tile gives what the rule gives, token by token", () => {
    fc.assert(
      fc.property(cases, (c) => {
        const { extents, run } = drawn(c);
        const want = interpret(model.rule, extents, run);
        const compared = tensorsOf(interpretTiles(form, extents, run, c.tile), want, model, extents);
        const error = Math.max(...compared.map((t) => errorRatio(t.got, t.want)));
        if (error <= BOUND) return;
        // A memory that amplifies: what rounding the data and each operation does explains a larger error.
        const explained = tolerance(model, { extents, run }, want, Number.EPSILON);
        console.log(
          `${model.spec.name}, T = ${c.T}, dk = ${c.dk}: rounding explains ${explained.toExponential(1)}`,
        );
        expect(error).toBeLessThanOrEqual(explained);
      }),
      { numRuns: NUMBER_OF_RUNS, examples: [[CANCELLED]] },
    );
  });

  test("outputs up to a token do not change with what comes after it", () => {
    fc.assert(
      fc.property(cases, fc.double({ min: 0, max: 1, noNaN: true }), (c, share) => {
        const { extents, run } = drawn(c);
        const cut = Math.floor(share * c.T);
        const other = drawn({ ...c, seed: c.seed + 1 });
        const mixed = new Map(
          [...run.tokens].map(([name, x]) => {
            const later = other.run.tokens.get(name) as Float64Array;
            return [name, joined(x, later, extents, cut)];
          }),
        );
        const y = (tokens: typeof mixed): Float64Array =>
          slice(interpretTiles(form, extents, { ...run, tokens }, c.tile).y, extents, 0, cut);
        expect(y(mixed).map(withoutSign)).toEqual(y(new Map(run.tokens)).map(withoutSign));
      }),
      { numRuns: NUMBER_OF_RUNS },
    );
  });
});

type Case = typeof cases extends fc.Arbitrary<infer C> ? C : never;

/** One tensor up to a token, another from there. */
function joined(
  x: Float64Array,
  later: Float64Array,
  extents: { readonly B: number; readonly T: number },
  cut: number,
): Float64Array {
  const each = x.length / Math.max(1, extents.B * extents.T);
  return x.map((value, i) => (Math.floor(i / each) % extents.T < cut ? value : (later[i] as number)));
}

/** A sum over later tokens adds 0, or −0. */
const withoutSign = (x: number): number => (x === 0 ? 0 : x);
