/** The variants that nobody published, against plain loops that share nothing with the compiler. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { uniform } from "../../compiler/derive/sample.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { errorRatio } from "../support/compare.ts";
import { compileText } from "../support/specs.ts";

const T = 23;
const DK = 5;
const DV = 4;
const sizes = { dk: DK, dv: DV };
const BOUND = 1e-12;

type Vector = readonly number[];
type Matrix = number[][];
interface Token {
  readonly q: Vector;
  readonly k: Vector;
  readonly v: Vector;
  /** Gates, and params, which are the same for every token. */
  readonly g: Readonly<Record<string, Vector>>;
}

const one = (t: Token, name: string): number => t.g[name]?.[0] as number;
const times = (w: Matrix, x: Vector): number[] =>
  w.map((row) => row.reduce((s, a, j) => s + a * (x[j] as number), 0));
const map = (w: Matrix, f: (x: number, i: number, j: number) => number): Matrix =>
  w.map((row, i) => row.map((x, j) => f(x, i, j)));
const error = (w: Matrix, t: Token): number[] => times(w, t.k).map((y, i) => y - (t.v[i] as number));
/** A − rate · u kᵀ */
const minus = (a: Matrix, u: Vector, k: Vector, rate: number): Matrix =>
  map(a, (x, i, j) => x - rate * (u[i] as number) * (k[j] as number));
const soft = (x: number, c: number): number => Math.sign(x) * Math.max(Math.abs(x) - c, 0);
const norm = (u: Vector): number => Math.sqrt(u.reduce((s, x) => s + x * x, 0));

/** What is accumulated after a token, and what is read of it. */
interface Variant {
  readonly model: string;
  readonly step: (a: Matrix, t: Token, past: readonly Token[], own: { s: Matrix }) => Matrix;
  readonly read?: (a: Matrix, t: Token) => Matrix;
}

const variants: Readonly<Record<string, readonly Variant[]>> = {
  omega: [
    {
      model: "Omega",
      step: (a, t, past) => {
        const last = [...past, t].slice(-4);
        const kept = map(a, (x) => one(t, "alpha") * x);
        return last.reduce((w, s) => minus(w, error(a, s), s.k, one(t, "eta")), kept);
      },
    },
  ],
  elastic_net: [
    {
      model: "ElasticNet",
      step: (a, t) => {
        const [eta, beta, lambda] = [one(t, "eta"), one(t, "beta"), one(t, "lambda")];
        const rate = (eta * beta) / (eta + beta);
        const e = error(a, t);
        return map(a, (x, i, j) =>
          soft((rate / eta) * x - rate * (e[i] as number) * (t.k[j] as number), rate / lambda),
        );
      },
    },
    {
      model: "ElasticNetLeader",
      read: (a, t) => map(a, (x) => soft(x, one(t, "threshold"))),
      step: (a, t) =>
        minus(
          a,
          error(
            map(a, (x) => soft(x, one(t, "threshold"))),
            t,
          ),
          t.k,
          one(t, "eta"),
        ),
    },
  ],
  sigmoid_matrix: [
    {
      model: "SigmoidMatrix",
      read: (a) => map(a, (x) => 1 / (1 + Math.exp(-x))),
      step: (a, t) => {
        const w = map(a, (x) => 1 / (1 + Math.exp(-x)));
        return minus(
          map(a, (x) => one(t, "alpha") * x),
          error(w, t),
          t.k,
          one(t, "eta"),
        );
      },
    },
  ],
  lp_matrix: [
    {
      model: "LpMatrix",
      step: (a, t) => {
        const u = error(a, t).map((e) => 3 * Math.sign(e) * e * e);
        return minus(
          map(a, (x) => one(t, "alpha") * x),
          u,
          t.k,
          one(t, "eta"),
        );
      },
    },
  ],
  huber_matrix: [
    {
      model: "HuberMatrix",
      step: (a, t) => {
        const kept = map(a, (x) => one(t, "alpha") * x);
        const d = one(t, "delta");
        const u = error(kept, t).map((e) => (Math.abs(e) <= d ? e : d * Math.sign(e)));
        return minus(kept, u, t.k, one(t, "eta"));
      },
    },
  ],
  robust_matrix: [
    {
      model: "RobustMatrix",
      step: (a, t) => {
        const e = error(a, t);
        const u = e.map((x) => x + (one(t, "delta") * x) / norm(e));
        return minus(
          map(a, (x) => one(t, "alpha") * x),
          u,
          t.k,
          one(t, "eta"),
        );
      },
    },
  ],
  momentum_gla: [
    {
      model: "MomentumGLA",
      step: (a, t, _, own) => {
        const e = error(a, t);
        own.s = map(
          own.s,
          (s, i, j) => one(t, "eta") * s + one(t, "theta") * (e[i] as number) * (t.k[j] as number),
        );
        return map(a, (x, i, j) => (t.g.alpha?.[j] as number) * x - (own.s[i]?.[j] as number));
      },
    },
  ],
};

function modelsOf(name: string): readonly Model[] {
  const path = `specs/variants/${name}.miras`;
  const { models, diagnostics } = compileText(readFileSync(path, "utf8"), path);
  expect(diagnostics.all).toEqual([]);
  return models;
}

function compare({ spec, rule }: Model, variant: Variant, seed: number): void {
  const random = uniform(seed);
  const draw = (n: number, low: number, high: number): number[] =>
    Array.from({ length: n }, () => low + (high - low) * random());
  const unit = (x: number[]): number[] => x.map((y) => y / norm(x));
  const gates = spec.inputs.filter((i) => i.role === "gate").map((i) => i.tensor);
  const params = spec.parameters.map((p) => p.tensor);
  const lengthOf = (shape: readonly unknown[]): number => (shape.length === 0 ? 1 : DK);
  const fixed = Object.fromEntries(params.map((p) => [p.name, draw(1, 0.1, 0.6)]));
  const tokens: Token[] = Array.from({ length: T }, () => ({
    q: draw(DK, -1, 1),
    k: unit(draw(DK, -1, 1)),
    v: draw(DV, -1, 1),
    g: {
      ...fixed,
      ...Object.fromEntries(
        gates.map((g) => [g.name, draw(lengthOf(g.shape), 0.05, g.name === "eta" ? 0.3 : 0.95)]),
      ),
    },
  }));
  const start: Matrix = Array.from({ length: DV }, () => draw(DK, -0.5, 0.5));
  let a = start;
  const own = { s: map(start, () => 0) };
  const y: number[] = [];
  for (const [i, t] of tokens.entries()) {
    a = variant.step(a, t, tokens.slice(0, i), own);
    const w = variant.read ? variant.read(a, t) : a;
    y.push(...times(w, t.q).map((x) => x / Math.sqrt(DK)));
  }
  const flat = (of: (t: Token) => Vector): Float64Array =>
    Float64Array.from(tokens.flatMap((t) => [...of(t)]));
  const got = interpret(
    rule,
    { B: 1, T, H: 1, sizes },
    {
      tokens: new Map<string, Float64Array>([
        ["q", flat((t) => t.q)],
        ["k", flat((t) => t.k)],
        ["v", flat((t) => t.v)],
        ...gates.map((g) => [g.name, flat((t) => t.g[g.name] as Vector)] as const),
      ]),
      parameters: new Map(params.map((p) => [p.name, Float64Array.from(fixed[p.name] as number[])])),
      states: new Map([["W", Float64Array.from(start.flat())]]),
    },
  );
  expect(errorRatio(got.y, y)).toBeLessThanOrEqual(BOUND);
  expect(errorRatio(got.states.get("W") ?? [], a.flat())).toBeLessThanOrEqual(BOUND);
}

describe.each(Object.entries(variants))("%s", (name, all) => {
  const models = modelsOf(name);
  it.each(all.map((v) => [v.model, v] as const))("%s is its plain loops", (model, variant) => {
    const found = models.find((m) => m.spec.name === model);
    if (!found) throw new Error(`no model ${model}`);
    for (const seed of [1, 2, 3]) compare(found, variant, seed);
  });
});
