/** The adjoint of every form is what finite differences of the rule say. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { interpretAdjoint } from "../../compiler/form/interpret-adjoint.ts";
import { tileAdjoint } from "../../compiler/form/tile-adjoint.ts";
import { Random } from "../numeric/reference/random.ts";
import { sequenceOf } from "../support/sequences.ts";
import { slopeNearest } from "../support/slopes.ts";
import { sizesOf, tiled } from "../support/tiles.ts";

const BOUND = 1e-6;
const NUMBER_OF_RUNS = 4;
/** As many tokens as draw the ranges in which a deep memory is no chaos: its slopes are steep otherwise. */
const STEADY = 100;

const cases = fc.record({
  seed: fc.nat(),
  B: fc.integer({ min: 1, max: 2 }),
  T: fc.integer({ min: 0, max: 7 }),
  H: fc.integer({ min: 1, max: 2 }),
  // A layer norm of three channels passes back little but rounding.
  dk: fc.integer({ min: 4, max: 5 }),
  dv: fc.integer({ min: 4, max: 5 }),
  tile: fc.integer({ min: 1, max: 8 }),
  turnsBefore: fc.integer({ min: 0, max: 1 }),
});

describe.each(tiled)("$name", ({ model, form, ranges }) => {
  const adjoint = tileAdjoint(form);

  test("of every input, parameter and state", () => {
    fc.assert(
      fc.property(cases, ({ seed, B, T, H, dk, dv, tile, turnsBefore }) => {
        const before = turnsBefore * (model.spec.chunk ?? 5);
        const given = { B, T, H, sizes: sizesOf(model, dk, dv) };
        const { extents, run } = sequenceOf(model, given, seed, { before, ranges: ranges(STEADY) });
        const random = new Random(seed + 1);
        const like = (x: Float64Array): Float64Array => x.map(() => random.normal());
        const forward = interpret(model.rule, extents, run);
        const seeds = {
          y: like(forward.y),
          states: new Map([...forward.states].map(([name, x]) => [name, like(x)])),
        };
        const got = interpretAdjoint(form, adjoint, extents, run, seeds, tile);
        for (const kind of ["tokens", "parameters", "states"] as const) {
          for (const [name, x] of run[kind]) {
            if (isCounter(name)) continue;
            const direction = like(x);
            // A solved matrix is symmetric, and stays so; a slot that holds no token stays empty.
            if (name.endsWith(".gram")) symmetrise(direction, extents.sizes.dk as number);
            if (name.endsWith(".weight")) for (const [i, w] of x.entries()) if (w === 0) direction[i] = 0;
            const value = (by: number): number => {
              const moved = x.map((v, i) => v + by * (direction[i] as number));
              const { y, states } = interpret(model.rule, extents, {
                ...run,
                [kind]: new Map(run[kind]).set(name, moved),
              });
              const ends = [...states].filter(([s]) => !isCounter(s));
              return dot(y, seeds.y) + sumOf(ends.map(([s, end]) => dot(end, seeds.states.get(s) ?? [])));
            };
            const found = got[kind].get(name) as Float64Array;
            const claim = dot(direction, found);
            // About as large as the slope along a random direction is, if no sign happens to cancel.
            const scale = Math.max(Math.abs(claim), norm(found), 1e-3);
            const wanted = slopeNearest(claim, value);
            const error = Math.abs(wanted - claim) / scale;
            expect(error, `${kind} ${name}: ${claim}, by differences ${wanted}`).toBeLessThanOrEqual(BOUND);
          }
        }
      }),
      { numRuns: NUMBER_OF_RUNS },
    );
  });
});

/** Whole numbers that count tokens: nothing is learned of them. */
const isCounter = (name: string): boolean => name.endsWith(".slot") || name.endsWith(".count");

/** Makes each of some `n` by `n` matrices symmetric. */
function symmetrise(x: Float64Array, n: number): void {
  for (let at = 0; at < x.length; at += n * n)
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) x[at + j * n + i] = x[at + i * n + j] as number;
}

const sumOf = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
const dot = (a: Float64Array, b: ArrayLike<number>): number =>
  a.reduce((total, x, i) => total + x * (b[i] ?? 0), 0);
const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));
