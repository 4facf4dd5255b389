/** What must hold for every spec: gradients, proofs, causality, and sequences split in two. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradient } from "../../compiler/derive/gradient.ts";
import { type Extents, elements, interpret, type Result, type Run } from "../../compiler/derive/interpret.ts";
import { at, substitute, sumOver } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { type Expr, type Tensor, tensorsOf } from "../../compiler/math/expr.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { errorRatio } from "../support/compare.ts";
import { slopeNearest } from "../support/slopes.ts";
import { specModel, specNames } from "../support/specs.ts";

/** Longer than any sequence here, so that a memory of all pairs holds them all, whole or in parts. */
const TOKENS = 40;
const sizesOf = ({ spec }: Model) => ({
  dk: 3,
  dv: spec.equalities.required.length > 0 ? 3 : 4,
  tokens: TOKENS,
});

/** A generator of numbers in the domain of a tensor. */
function numbers(seed: number): (t: Tensor, n: number) => Float64Array {
  let state = seed | 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return ({ domain }, n) => {
    const low = Number.isFinite(domain.low) ? domain.low : -1;
    const high = Number.isFinite(domain.high) ? domain.high : low + 2;
    return Float64Array.from({ length: n }, () => low + (high - low) * random());
  };
}

/** What is counted, or must be positive definite, starts at zero. */
const startsAtZero = (name: string): boolean => name === "past.slot" || name.endsWith(".gram");

function sequence(model: Model, { B, T, H, sizes }: Extents, seed: number): Run {
  const draw = numbers(seed);
  const { spec, rule } = model;
  return {
    tokens: new Map(
      spec.inputs.map(({ tensor: t, each }) => [
        t.name,
        draw(t, B * T * (each === "step" ? spec.steps : 1) * H * elements(t.shape, sizes)),
      ]),
    ),
    parameters: new Map(
      spec.parameters.map(({ tensor: t }) => [t.name, draw(t, H * elements(t.shape, sizes))]),
    ),
    states: new Map(
      rule.states.map((s) => {
        const n = B * H * elements(s.shape, sizes);
        return [s.name, startsAtZero(s.name) ? new Float64Array(n) : draw(s.previous, n)];
      }),
    ),
  };
}

/** Tokens `from` to `to` of a run with B = 1. */
const part = (run: Run, T: number, from: number, to: number, states: Run["states"]): Run => ({
  ...run,
  tokens: new Map([...run.tokens].map(([n, x]) => [n, x.slice((from * x.length) / T, (to * x.length) / T)])),
  states,
});

describe.each(specNames)("%s", (name) => {
  const model = specModel(name);
  const { spec, rule } = model;
  const sizes = sizesOf(model);

  test("every expect is proved, symbolically for a linear memory", () => {
    // A memory of pairs has no state of its own to claim anything of.
    expect(model.proofs.length > 0).toBe(spec.algorithm.kind !== "regression");
    const reads = new Set(spec.states.map((s) => s.read));
    const slopes = [...gradient(sumOfRead(model), [...reads]).values()];
    const linear = ![...tensorsOf(...slopes)].some((t) => reads.has(t));
    for (const { expectation, proof } of model.proofs) {
      console.log(
        `${spec.name}: ${expectation.target.name} is proved ${proof.verdict === "symbolic" ? "symbolically" : proof.verdict}`,
      );
      expect(linear ? ["symbolic"] : ["symbolic", "numeric"]).toContain(proof.verdict);
    }
  });

  const { loss } = spec.bias;
  const isGradient = spec.errorKey === spec.key;
  const why = !loss
    ? " (skipped: the bias gives its gradient outright)"
    : isGradient
      ? ""
      : " (skipped: the error is read elsewhere, and what is written is no gradient)";
  test.skipIf(!loss || !isGradient)(`∇ℓ is what finite differences show${why}`, () => {
    const { read, bias, states } = spec;
    const y = substitute(read.body, (t, index) =>
      t === read.x ? at(spec.key, axesFor(read.x.shape), index) : undefined,
    );
    const through = (e: Expr): Expr =>
      substitute(e, (t, index) =>
        t === bias.y
          ? at(y, axesFor(read.shape), index)
          : t === bias.v
            ? at(bias.target, axesFor(bias.v.shape), index)
            : undefined,
      );
    const objective = through(loss as Expr);
    const derived = rule.gradients.map((g) => ({ expr: through(g.shown), axes: axesFor(g.state.shape) }));
    const tensors = [...tensorsOf(objective, ...derived.map((d) => d.expr))];
    const value = evaluator([{ expr: objective, axes: [] }], sizes);
    const slopes = evaluator(derived, sizes);
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = numbers(seed);
        const environment = new Map(tensors.map((t) => [t, draw(t, elements(t.shape, sizes))]));
        const found = slopes(environment);
        for (const [i, s] of states.entries()) {
          const data = environment.get(s.read);
          if (!data) continue;
          const claims = found[i] as Float64Array;
          const differences = claims.map((claim, j) =>
            slopeNearest(claim, (by) => {
              const nudged = data.map((x, k) => (k === j ? x + by : x));
              return (value(new Map([...environment, [s.read, nudged]]))[0] as Float64Array)[0] as number;
            }),
          );
          expect(errorRatio(claims, differences), s.name).toBeLessThanOrEqual(1e-6);
        }
      }),
      // The first: a slope 1e4 times smaller than the loss, which short steps lose in its rounding.
      { numRuns: 20, examples: [[-1950638849]] },
    );
  });

  test.skipIf(!loss)("dℓ/dy is what finite differences show", () => {
    const { bias } = spec;
    const derived = evaluator([{ expr: rule.error.simple, axes: axesFor(bias.y.shape) }], sizes);
    const value = evaluator([{ expr: loss as Expr, axes: [] }], sizes);
    const tensors = [...tensorsOf(loss as Expr, rule.error.simple), bias.y, bias.v];
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = numbers(seed);
        const environment = new Map(tensors.map((t) => [t, draw(t, elements(t.shape, sizes))]));
        const y = environment.get(bias.y) as Float64Array;
        const claims = derived(environment)[0] as Float64Array;
        const differences = claims.map((claim, j) =>
          slopeNearest(claim, (by) => {
            const nudged = y.map((v, k) => (k === j ? v + by : v));
            return (value(new Map([...environment, [bias.y, nudged]]))[0] as Float64Array)[0] as number;
          }),
        );
        expect(errorRatio(claims, differences)).toBeLessThanOrEqual(1e-6);
      }),
      { numRuns: 20 },
    );
  });

  test("outputs up to a token do not change with what comes after it", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 19 }), (seed, cut) => {
        const extents = { B: 1, T: 20, H: 2, sizes };
        const run = sequence(model, extents, seed);
        const other = sequence(model, extents, seed + 1);
        const mixed = new Map(
          [...run.tokens].map(([n, x]) => {
            const keep = (cut * x.length) / 20;
            return [
              n,
              Float64Array.of(...x.slice(0, keep), ...(other.tokens.get(n) as Float64Array).slice(keep)),
            ];
          }),
        );
        const a = interpret(rule, extents, run).y;
        const b = interpret(rule, extents, { ...run, tokens: mixed }).y;
        const until = (cut * a.length) / 20;
        expect(b.slice(0, until)).toEqual(a.slice(0, until));
      }),
      { numRuns: 10 },
    );
  });

  test("a sequence split in two, at a chunk's start, is the whole", () => {
    const chunk = spec.chunk ?? 1;
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: Math.floor(33 / chunk) }), (seed, chunks) => {
        const T = 33;
        const cut = chunks * chunk;
        const run = sequence(model, { B: 1, T, H: 2, sizes }, seed);
        const over = (r: Run, length: number): Result => interpret(rule, { B: 1, T: length, H: 2, sizes }, r);
        const whole = over(run, T);
        const first = over(part(run, T, 0, cut, run.states), cut);
        const second = over(part(run, T, cut, T, first.states), T - cut);
        expect(Float64Array.of(...first.y, ...second.y)).toEqual(whole.y);
        expect(second.states).toEqual(whole.states);
      }),
      { numRuns: 10 },
    );
  });

  test("no tokens leave the states as they are", () => {
    const extents = { B: 2, T: 0, H: 3, sizes };
    const run = sequence(model, extents, 1);
    const { y, states } = interpret(rule, extents, run);
    expect(y.length).toBe(0);
    expect(states).toEqual(run.states);
  });
});

/** Σ of what is read: linear in a state if its gradient there does not read the states. */
const sumOfRead = ({ spec }: Model): Expr => sumOver(spec.read.body, axesFor(spec.read.shape));
