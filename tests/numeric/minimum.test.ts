/** Solved penalties and implicit steps are minima: nothing feasible near them does better. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import { linked } from "../../compiler/derive/linked.ts";
import { uniform } from "../../compiler/derive/sample.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import type { Tensor } from "../../compiler/math/expr.ts";
import { tensorsOf } from "../../compiler/math/expr.ts";
import { compileText, modelOf } from "../support/specs.ts";

const DK = 3;
const DV = 4;
const N = DK * DV;
const sizes = { dk: DK, dv: DV };

type Numbers = Readonly<Record<string, number>>;
type Matrix = ArrayLike<number>;
const sum = (w: Matrix, f: (x: number, i: number) => number): number =>
  Array.from(w).reduce((s, x, i) => s + f(x, i), 0);
const get = (m: Matrix, i: number): number => m[i] as number;

interface Family {
  readonly name: string;
  /** The body of the retention. */
  readonly body: string;
  readonly gates: Readonly<Record<string, readonly [number, number]>>;
  /** R(W, prev), in plain numbers. */
  readonly penalty: (w: Matrix, prev: Matrix, gates: Numbers) => number;
  readonly looksBack: boolean;
  /** Where W may lie, and so where it is moved to. */
  readonly within: "anywhere" | "positive" | "unit" | "simplex" | readonly [number, number];
  /** Primal states that must start inside. */
  readonly start?: "positive" | "simplex";
}

const xlogx = (x: number): number => (x === 0 ? 0 : x * Math.log(x));

const families: readonly Family[] = [
  {
    name: "near the state before, and small",
    body: "minimize sum((W - prev)^2) / (2 * eta) + sum(W^2) / (2 * beta)",
    gates: { eta: [0.1, 2], beta: [0.1, 3] },
    penalty: (w, p, { eta = 0, beta = 0 }) =>
      sum(w, (x, i) => (x - get(p, i)) ** 2 / (2 * eta) + x ** 2 / (2 * beta)),
    looksBack: true,
    within: "anywhere",
  },
  {
    name: "the same with absolute values",
    body: "minimize sum((W - prev)^2) / (2 * eta) + sum(W^2) / (2 * beta) + sum(abs(W)) / lambda",
    gates: { eta: [0.1, 2], beta: [0.1, 3], lambda: [0.3, 3] },
    penalty: (w, p, { eta = 0, beta = 0, lambda = 0 }) =>
      sum(w, (x, i) => (x - get(p, i)) ** 2 / (2 * eta) + x ** 2 / (2 * beta) + Math.abs(x) / lambda),
    looksBack: true,
    within: "anywhere",
  },
  {
    name: "in a box",
    body: "minimize sum((W - prev)^2) / (2 * eta) over box(-0.5, 0.75)",
    gates: { eta: [0.1, 2] },
    penalty: (w, p, { eta = 0 }) => sum(w, (x, i) => (x - get(p, i)) ** 2 / (2 * eta)),
    looksBack: true,
    within: [-0.5, 0.75],
  },
  {
    name: "absolute values of what is accumulated",
    body: "keep alpha\n minimize sum(W^2) / 2 + lambda * sum(abs(W))",
    gates: { alpha: [0.2, 1], lambda: [0.1, 1] },
    penalty: (w, _, { lambda = 0 }) => sum(w, (x) => x ** 2 / 2 + lambda * Math.abs(x)),
    looksBack: false,
    within: "anywhere",
  },
  {
    name: "entropy on the simplex",
    body: "keep alpha\n minimize sum(W * log(W)) over simplex(last)",
    gates: { alpha: [0.2, 1] },
    penalty: (w) => sum(w, xlogx),
    looksBack: false,
    within: "simplex",
  },
  {
    name: "half the entropy on the simplex",
    body: "minimize sum(W * log(W)) / (2 * beta) over simplex(last)",
    gates: { beta: [0.2, 2] },
    penalty: (w, _, { beta = 0 }) => sum(w, xlogx) / (2 * beta),
    looksBack: false,
    within: "simplex",
  },
  {
    name: "relative entropy and entropy on the simplex",
    body: "minimize sum(W * log(W / prev)) / eta + sum(W * log(W)) / beta over simplex(last)",
    gates: { eta: [0.2, 2], beta: [0.3, 3] },
    penalty: (w, p, { eta = 0, beta = 0 }) =>
      sum(w, (x, i) => (xlogx(x) - x * Math.log(get(p, i))) / eta + xlogx(x) / beta),
    looksBack: true,
    within: "simplex",
  },
  {
    name: "relative entropy of positive numbers",
    body: "minimize sum(W * log(W / prev) - W + prev) over positive",
    gates: {},
    penalty: (w, p) => sum(w, (x, i) => xlogx(x) - x * Math.log(get(p, i)) - x + get(p, i)),
    looksBack: true,
    within: "positive",
  },
  {
    name: "the entropy of coins",
    body: "keep alpha\n minimize sum(W * log(W) + (1 - W) * log(1 - W)) over box(0, 1)",
    gates: { alpha: [0.2, 1] },
    penalty: (w) => sum(w, (x) => xlogx(x) + xlogx(1 - x)),
    looksBack: false,
    within: "unit",
  },
  {
    name: "the divergence of coins from those before",
    body: `minimize sum(W * log(W / prev) + (1 - W) * log((1 - W) / (1 - prev))) / eta over box(0, 1)`,
    gates: { eta: [0.2, 2] },
    penalty: (w, p, { eta = 0 }) =>
      sum(
        w,
        (x, i) => xlogx(x) - x * Math.log(get(p, i)) + xlogx(1 - x) - (1 - x) * Math.log(1 - get(p, i)),
      ) / eta,
    looksBack: true,
    within: "unit",
  },
  {
    name: "a power",
    body: "keep alpha\n minimize sum(abs(W)^3) / 3",
    gates: { alpha: [0.2, 1] },
    penalty: (w) => sum(w, (x) => Math.abs(x) ** 3 / 3),
    looksBack: false,
    within: "anywhere",
  },
  {
    name: "an even power",
    body: "minimize sum(W^4) / 4",
    gates: {},
    penalty: (w) => sum(w, (x) => x ** 4 / 4),
    looksBack: false,
    within: "anywhere",
  },
  {
    name: "half a squared norm",
    body: "keep alpha\n minimize sum(abs(W)^3)^(2 / 3) / 2",
    gates: { alpha: [0.2, 1] },
    penalty: (w) => sum(w, (x) => Math.abs(x) ** 3) ** (2 / 3) / 2,
    looksBack: false,
    within: "anywhere",
  },
  {
    name: "half another squared norm",
    body: "minimize sum(abs(W)^1.5)^(2 / 1.5) / 2",
    gates: {},
    penalty: (w) => sum(w, (x) => Math.abs(x) ** 1.5) ** (2 / 1.5) / 2,
    looksBack: false,
    within: "anywhere",
  },
  {
    name: "a square relative to the state before",
    body: "minimize sum((W - prev)^2 / prev) / 2 over positive",
    gates: {},
    penalty: (w, p) => sum(w, (x, i) => (x - get(p, i)) ** 2 / get(p, i)) / 2,
    looksBack: true,
    within: "positive",
    start: "positive",
  },
];

const specOf = ({ body, gates, start }: Family): string => `
memory own { state W [dv, dk] = ${start ? "learned" : "zeros"}
  read(x [dk]) = W @ x }
retention own_retention(${Object.keys(gates)
  .map((g) => `${g}: real > 0`)
  .join(", ")}) { ${body} }
model M { memory own
  bias dot
  retention own_retention
  algorithm gd(1)
  ${Object.entries(gates)
    .map(([g]) => `gate ${g} > 0`)
    .join("\n  ")}
}`;

/** Moves a feasible W to another one. */
function moved(w: Matrix, within: Family["within"], scale: number, random: () => number): Float64Array {
  const noise = (): number => (2 * random() - 1) * scale;
  const out = Float64Array.from({ length: N }, (_, i) => get(w, i));
  if (within === "simplex") {
    for (let row = 0; row < DV; row++) {
      let total = 0;
      for (let j = 0; j < DK; j++) {
        const at = row * DK + j;
        out[at] = get(out, at) * Math.exp(noise());
        total += get(out, at);
      }
      for (let j = 0; j < DK; j++) out[row * DK + j] = get(out, row * DK + j) / total;
    }
    return out;
  }
  for (let i = 0; i < N; i++) {
    const x = get(out, i);
    if (within === "positive") out[i] = x * Math.exp(noise());
    else if (within === "unit") out[i] = 1 / (1 + Math.exp(-(Math.log(x / (1 - x)) + noise())));
    else if (within === "anywhere") out[i] = x + noise();
    else out[i] = Math.min(within[1], Math.max(within[0], x + noise()));
  }
  return out;
}

function check(family: Family, seed: number): void {
  const { rule } = modelOf(specOf(family));
  const random = uniform(seed);
  const gates = Object.fromEntries(
    Object.entries(family.gates).map(([g, [low, high]]) => [g, low + (high - low) * random()]),
  );
  const draw = (n: number, scale: number): Float64Array =>
    Float64Array.from({ length: n }, () => (2 * random() - 1) * scale);
  const k = draw(DK, 1);
  const v = draw(DV, 0.7);
  const [state] = rule.spec.states;
  if (!state) throw new Error("no state");
  const given = draw(N, 1.5);
  if (family.start) for (let i = 0; i < N; i++) given[i] = 0.5 + random();
  const before = family.start === "simplex" ? moved(given, "simplex", 0, random) : given;
  const run = interpret(
    rule,
    { B: 1, T: 1, H: 1, sizes },
    {
      tokens: new Map([
        ["q", draw(DK, 1)],
        ["k", k],
        ["v", v],
        ...Object.entries(gates).map(([g, x]) => [g, Float64Array.of(x)] as const),
      ]),
      parameters: new Map(),
      states: new Map([[state.name, before]]),
    },
  );
  const after = run.states.get(state.name) as Float64Array;
  const reader = evaluator([{ expr: linked(state, state.previous), axes: axesFor(state.shape) }], sizes);
  const read = (a: Float64Array): Float64Array => {
    const environment = new Map<Tensor, Float64Array>([[state.previous, a]]);
    for (const t of tensorsOf(linked(state, state.previous)))
      if (t !== state.previous)
        environment.set(
          t,
          Float64Array.from({ length: elements(t.shape, sizes) }, () => gates[t.name] ?? 0),
        );
    return (reader(environment)[0] as Float64Array).slice();
  };
  const previous = read(before);
  const w = read(after);
  // The bias is −⟨y, v⟩, so that the step is −v kᵀ whatever the memory holds.
  const step = (i: number): number => -get(v, Math.floor(i / DK)) * get(k, i % DK);
  const objective = (x: Matrix): number =>
    family.penalty(x, previous, gates) +
    sum(x, (xi, i) => xi * (family.looksBack ? step(i) : -get(after, i)));
  const least = objective(w);
  expect(w.every(Number.isFinite), `W = ${w}`).toBe(true);
  for (const scale of [1e-3, 1e-2, 0.1, 1]) {
    for (let n = 0; n < 25; n++) {
      const other = objective(moved(w, family.within, scale, random));
      expect(other - least, `moved by ${scale}: ${other} < ${least}`).toBeGreaterThanOrEqual(
        -1e-10 * Math.max(1, Math.abs(least)),
      );
    }
  }
  if (!family.looksBack) {
    // The accumulator is what retention keeps, minus the step.
    const { alpha = 1 } = gates;
    for (let i = 0; i < N; i++) expect(get(after, i)).toBeCloseTo(alpha * get(before, i) - step(i), 12);
  }
}

describe("a solved penalty is at its minimum", () => {
  it.each(families.map((f) => [f.name, f] as const))("%s", (_, family) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (seed) => check(family, seed)),
      { numRuns: 30 },
    );
  });
});

interface Loss {
  readonly name: string;
  readonly bias: string;
  readonly loss: (e: number) => number;
}

const losses: readonly Loss[] = [
  { name: "squares", bias: "bias own(y, v) = sum((y - v)^2) / 2", loss: (e) => e ** 2 / 2 },
  { name: "sizes", bias: "bias own(y, v) = sum(abs(y - v))", loss: Math.abs },
  {
    name: "squares near, sizes far",
    bias: "bias own(y, v) = sum(where(abs(y - v) <= 0.4, (y - v)^2 / 2, 0.4 * (abs(y - v) - 0.2)))",
    loss: (e) => (Math.abs(e) <= 0.4 ? e ** 2 / 2 : 0.4 * (Math.abs(e) - 0.2)),
  },
  {
    name: "unequal sizes",
    bias: "bias own(y, v) = sum(max(0.3 * (y - v), 0.7 * (v - y)))",
    loss: (e) => Math.max(0.3 * e, -0.7 * e),
  },
  { name: "both", bias: "bias own(y, v) = sum(abs(y - v) + (y - v)^2)", loss: (e) => Math.abs(e) + e ** 2 },
];

describe("an implicit step is at the minimum of its objective", () => {
  it.each(losses.map((l) => [l.name, l] as const))("%s", (_, { bias, loss }) => {
    const { rule } = modelOf(`${bias}
model M { memory matrix
  bias own
  retention decay(alpha)
  algorithm implicit(eta)
  gate alpha in (0, 1)
  gate eta > 0 }`);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (seed) => {
        const random = uniform(seed);
        const draw = (n: number): Float64Array => Float64Array.from({ length: n }, () => 2 * random() - 1);
        const [k, v, before] = [draw(DK), draw(DV), draw(N)];
        if (seed % 7 === 0) k.fill(0);
        const [alpha, eta] = [random(), 3 * random()];
        const { states } = interpret(
          rule,
          { B: 1, T: 1, H: 1, sizes },
          {
            tokens: new Map([
              ["q", draw(DK)],
              ["k", k],
              ["v", v],
              ["alpha", Float64Array.of(alpha)],
              ["eta", Float64Array.of(eta)],
            ]),
            parameters: new Map(),
            states: new Map([["W", before]]),
          },
        );
        const w = states.get("W") as Float64Array;
        const objective = (x: Matrix): number => {
          let total = sum(x, (xi, i) => (xi - alpha * get(before, i)) ** 2 / (2 * eta));
          for (let i = 0; i < DV; i++) {
            let y = 0;
            for (let j = 0; j < DK; j++) y += get(x, i * DK + j) * get(k, j);
            total += loss(y - get(v, i));
          }
          return total;
        };
        expect(w.every(Number.isFinite)).toBe(true);
        const least = objective(w);
        for (const scale of [1e-4, 1e-2, 1]) {
          for (let n = 0; n < 20; n++) {
            const other = objective(moved(w, "anywhere", scale, random));
            expect(other - least).toBeGreaterThanOrEqual(-1e-10 * Math.max(1, least));
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("what has no closed form says which term is in the way", () => {
  const unsolved = (body: string): string[] =>
    compileText(
      `retention own { ${body} }\nmodel M { memory matrix\n bias l2\n retention own\n algorithm gd(1) }`,
    ).diagnostics.all.map((d) => `${d.code}: ${d.message} / ${d.labels[0].text}`);

  it.each([
    ["minimize sum(W^2 + exp(W))", /several of its terms/],
    ["minimize -sum(W^2)", /not convex/],
    ["minimize sum((W - prev)^2) over simplex(last)", /sorting/],
    ["minimize sum(W^2) over simplex(last)", /sorting/],
    ["minimize sum(sin(W))", /not convex/],
    ["minimize sum((W - prev)^2) / 2 + sum(W^4)", /coefficient|function/],
    ["minimize sum((transpose(W) @ W)^2)", /sum/],
  ])("%s", (body, why) => {
    const [first, ...others] = unsolved(body);
    expect(others).toEqual([]);
    expect(first).toMatch(/^not-solved/);
    expect(first).toMatch(why);
  });

  it("a loss that joins the channels has no implicit step", () => {
    const { diagnostics } = compileText(`bias own(y, v) = sqrt(sum((y - v)^2) + 1)
model M { memory matrix
 bias own
 retention none
 algorithm implicit(eta)
 gate eta > 0 }`);
    expect(diagnostics.all.map((d) => d.code)).toEqual(["not-solved"]);
    expect(diagnostics.all[0]?.labels[0].text).toMatch(/joins/);
  });
});

describe("a closed form beside its penalty", () => {
  const codes = (body: string): string[] =>
    compileText(
      `retention own(a: real in (0, 1)) { ${body} }\nmodel M { memory matrix\n bias l2\n retention own\n algorithm gd(1)\n gate a in (0, 1) }`,
    ).diagnostics.all.map((d) => d.code);

  it("agrees", () => {
    expect(codes("link(A) = softmax(A, last)\n minimize sum(W * log(W)) over simplex(last)")).toEqual([]);
    expect(codes("keep 1 / (1 + a)\n minimize sum((W - prev)^2) / 2 + a * sum(W^2) / 2")).toEqual([]);
  });
  it("differs", () => {
    expect(codes("link(A) = sigmoid(A)\n minimize sum(W * log(W)) over simplex(last)")).toEqual([
      "penalty-differs",
    ]);
    expect(codes("keep a\n minimize sum((W - prev)^2) / 2 + a * sum(W^2) / 2")).toEqual(["penalty-differs"]);
  });
});
