/** Tile forms of memories that keep their last pairs, against the rule token by token. */
import { describe, expect, test } from "vitest";
import { type Data, interpret, type Result, type Run } from "../../compiler/derive/interpret.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { sample, uniform } from "../../compiler/derive/sample.ts";
import { interpretTiles } from "../../compiler/form/interpret.ts";
import type { TileForm } from "../../compiler/form/tile-form.ts";
import { tileForm } from "../../compiler/form/tiles.ts";
import { add, call, div, mul, reduce, sub, sumOver } from "../../compiler/math/algebra.ts";
import { type Axis, dim, elements, freshAxis } from "../../compiler/math/axis.ts";
import { constant, type Expr, extent, leaf, position } from "../../compiler/math/expr.ts";
import { maxOver } from "../../compiler/math/ops/index.ts";
import { errorRatio } from "../support/compare.ts";
import { type Drawn, drawn, handmade } from "../support/rules.ts";
import { compileText, modelOf, specFile, specModel } from "../support/specs.ts";

const BOUND = 1e-12;
const TILES = [1, 4, 5, 8, 16, 64];
const LENGTHS = [0, 1, 7, 21, 70];
const BEFORE = 10;
const B = 2;
const H = 1;

// ---------------------------------------------------------------- the rules

/** Attention in as few words as it takes, with lines of its own. */
const attends = (
  memory: string,
  retention = "none",
  lines = "",
  algorithm = "nonparametric(dk ^ (-1/2))",
) => `
model Attends {
  memory     ${memory}
  bias       l2
  retention  ${retention}
  algorithm  ${algorithm}

  ${lines}
  input q, k = project
  input v    = project
}
`;
const GATED = "gate alpha in (0, 1)";
const DISTANCE = `
algorithm by_distance(scale) {
  minimize past(loss / (1 + scale * sum((x - k)^2))) over y
}
`;

const modelled = (text: string): Rule => modelOf(text).rule;

const [N, DK, DV] = [dim(["n"]), dim(["dk"]), dim(["dv"])];
const read = (d: Drawn, ...index: readonly Axis[]): Expr => leaf(d.tensor, index);

/** A clock of n slots, and what a ring does at its turn. */
function clock(): {
  readonly state: Drawn;
  readonly update: () => Expr;
  put(w: Axis, v: Expr, old: Expr): Expr;
} {
  const state = drawn("turn", [], 0, 0);
  return {
    state,
    update: () => {
      const following = add(read(state), constant(1));
      return call("where", call("less", following, extent(N)), following, constant(0));
    },
    put: (w, v, old) => call("where", call("equal", position(w), read(state)), v, old),
  };
}

/**
 * What the language does not say: what each channel of a key keeps fades by a gate of its own, each channel has
 * a softmax of its own with a bias for its slot, values are put in as products, and what was kept before the token is
 * read as well.
 */
function byChannel(): Rule {
  const [q, k, v] = [drawn("q", [DK]), drawn("k", [DK]), drawn("v", [DK])];
  const gate = drawn("gate", [DK], 0.5, 1);
  const [K, V] = [drawn("K", [N, DK]), drawn("V", [N, DK])];
  const turns = clock();
  const both = (index: readonly Axis[]) => index as [Axis, Axis];
  return handmade({
    name: "byChannel",
    tokens: [q, k, v, gate],
    states: [
      {
        state: K,
        update: (index) => {
          const [w, i] = both(index);
          return turns.put(w, read(k, i), mul(read(gate, i), read(K, w, i)));
        },
      },
      {
        state: V,
        update: (index) => {
          const [w, i] = both(index);
          return turns.put(w, mul(read(v, i), read(gate, i)), read(V, w, i));
        },
      },
      turns,
    ],
    output: (after, [i]) => {
      const score = (w: Axis, at: Axis): Expr =>
        add(mul(constant(20), read(q, at), after(K, [w, at])), mul(constant(0.1), position(w)));
      const share = (w: Axis, at: Axis): Expr => {
        const r = freshAxis(N);
        return call("exp", sub(score(w, at), reduce(maxOver, r, score(r, at))));
      };
      const [w, r] = [freshAxis(N), freshAxis(N)];
      const at = i as Axis;
      const mean = div(sumOver(mul(share(w, at), after(V, [w, at])), [w]), sumOver(share(r, at), [r]));
      return add(mean, sumOver(mul(read(K, w, at), read(V, w, at)), [w]));
    },
    outputShape: [DK],
  }).rule;
}

/** Attention where attention points, to the pairs of each token's three steps. */
function twice(): Rule {
  const [q, k, v] = [drawn("q", [DK]), drawn("k", [DK]), drawn("v", [DK])];
  const [K, V] = [drawn("K", [N, DK]), drawn("V", [N, DK])];
  const turns = clock();
  const put =
    (ring: Drawn, x: Drawn) =>
    (index: readonly Axis[]): Expr => {
      const [w, i] = index as [Axis, Axis];
      return turns.put(w, read(x, i), read(ring, w, i));
    };
  return handmade({
    name: "twice",
    tokens: [q],
    stepwise: [k, v],
    steps: 3,
    states: [{ state: K, update: put(K, k) }, { state: V, update: put(V, v) }, turns],
    output: (after, [i]) => {
      const attend = (x: (j: Axis) => Expr, at: Axis): Expr => {
        const score = (w: Axis): Expr => {
          const j = freshAxis(DK);
          return sumOver(mul(after(K, [w, j]), x(j)), [j]);
        };
        const [w, r] = [freshAxis(N), freshAxis(N)];
        const share = (slot: Axis): Expr => call("exp", sub(score(slot), reduce(maxOver, r, score(r))));
        return div(sumOver(mul(share(w), after(V, [w, at])), [w]), sumOver(share(w), [w]));
      };
      return attend((j) => attend((l) => read(q, l), j), i as Axis);
    },
    outputShape: [DK],
  }).rule;
}

/** A counter that is not linear in itself, beside a state that it counts in. */
function counted(): Rule {
  const [q, k, v] = [drawn("q", [DK]), drawn("k", [DK]), drawn("v", [DV])];
  const [W, count] = [drawn("W", [DV, DK]), drawn("count", [], 1, 2)];
  const next = add(div(constant(1), read(count)), constant(1));
  return handmade({
    name: "counted",
    tokens: [q, k, v],
    states: [
      {
        state: W,
        update: ([i, j]) =>
          add(
            mul(constant(0.9), read(W, i as Axis, j as Axis)),
            mul(next, read(v, i as Axis), read(k, j as Axis)),
          ),
      },
      { state: count, update: () => next },
    ],
    output: (after, [i]) => {
      const j = freshAxis(DK);
      return mul(after(count, []), sumOver(mul(after(W, [i as Axis, j]), read(q, j)), [j]));
    },
    outputShape: [DV],
  }).rule;
}

const RULES: Readonly<Record<string, () => Rule>> = {
  attention: () => specModel("attention").rule,
  "sliding window": () => specModel("sliding_window_attention").rule,
  "window 1": () => modelled(attends("pairs(1)")),
  "window 3": () => modelled(attends("pairs(3)")),
  "window 5": () => modelled(attends("pairs(5)")),
  "window 5, decaying": () => modelled(attends("pairs(5)", "decay(alpha)", GATED)),
  "window 1, decaying": () => modelled(attends("pairs(1)", "decay(alpha)", GATED)),
  "all pairs, decaying": () => modelled(attends("pairs", "decay(alpha)", GATED)),
  "window 5, before the token": () => modelled(attends("pairs(5)", "none", "output = read(prev, q)")),
  "window 5, decaying, before and after": () =>
    modelled(attends("pairs(5)", "decay(alpha)", `${GATED}\n  output = read(q) - read(prev, q)`)),
  "window 5, by distance": () =>
    modelled(DISTANCE + attends("pairs(5)", "decay(alpha)", GATED, "by_distance(0.5)")),
  "steps, read where it read": twice,
  "by channel": byChannel,
};

// ---------------------------------------------------------------- running them

const formOf = (rule: Rule): TileForm => {
  const form = tileForm(rule);
  if (form.kind === "obstacle") throw new Error(`${form.state.name}: ${form.why}`);
  return form;
};

/** Slots are as many as the longest sequence has tokens, or as n says: fewer than a tile, or more. */
const sizesOf = (rule: Rule) => ({
  dk: 4,
  dv: rule.spec.equalities.required.length > 0 ? 4 : 3,
  n: 6,
  tokens: BEFORE + Math.max(...LENGTHS),
});

function randomTokens(rule: Rule, T: number, seed: number): Data {
  const random = uniform(seed);
  const sizes = sizesOf(rule);
  const { steps, inputs } = rule.spec;
  return new Map(
    inputs.map(({ tensor, each }) => {
      const count = B * T * H * (each === "step" ? steps : 1) * elements(tensor.shape, sizes);
      return [tensor.name, Float64Array.from({ length: count }, () => sample(tensor.domain, random))];
    }),
  );
}

const runOf = (rule: Rule, T: number, seed: number, states: Data): Run => ({
  tokens: randomTokens(rule, T, seed),
  parameters: new Map(),
  states,
});

const extentsOf = (rule: Rule, T: number) => ({ B, T, H, sizes: sizesOf(rule) });

/** The tokens from one to another, of every batch. */
function cut(run: Run, T: number, from: number, to: number, states: Data): Run {
  const tokens = new Map(
    [...run.tokens].map(([name, data]) => {
      const each = data.length / (B * T);
      const parts = Array.from({ length: B }, (_, b) =>
        data.subarray((b * T + from) * each, (b * T + to) * each),
      );
      return [name, Float64Array.from(parts.flatMap((p) => [...p]))];
    }),
  );
  return { ...run, tokens, states };
}

function expectSame(got: Result, want: Result): void {
  expect(errorRatio(got.y, want.y)).toBeLessThanOrEqual(BOUND);
  for (const [name, data] of want.states)
    expect(errorRatio(got.states.get(name) as Float64Array, data), name).toBeLessThanOrEqual(BOUND);
}

/** The rule's states after some tokens. */
const heldAfter = (rule: Rule, T: number): Data =>
  interpret(rule, extentsOf(rule, T), runOf(rule, T, 5, new Map())).states;

describe.each(Object.entries(RULES))("a ring of pairs: %s", (_, made) => {
  const rule = made();
  const form = formOf(rule);

  test("has a tile form of class streaming, with nothing serial", () => {
    expect(form.class).toBe("streaming");
    expect(form.phases.map((p) => p.order)).not.toContain("serial");
  });

  test.each(LENGTHS)("agrees with the rule over %d tokens, with tiles of any length", (T) => {
    for (const states of [new Map(), heldAfter(rule, BEFORE)]) {
      const run = runOf(rule, T, 11 + T, states);
      const want = interpret(rule, extentsOf(rule, T), run);
      for (const tile of TILES) expectSame(interpretTiles(form, extentsOf(rule, T), run, tile), want);
    }
  });

  test("goes on where it stopped", () => {
    const T = 21;
    const run = runOf(rule, T, 3, heldAfter(rule, BEFORE));
    for (const [tile, first] of [
      [8, 13],
      [4, 2],
      [64, 20],
    ] as const) {
      const all = interpretTiles(form, extentsOf(rule, T), run, tile);
      const one = interpretTiles(form, extentsOf(rule, first), cut(run, T, 0, first, run.states), tile);
      const rest = cut(run, T, first, T, one.states);
      const two = interpretTiles(form, extentsOf(rule, T - first), rest, tile);
      const width = all.y.length / (B * T);
      const y = Array.from({ length: B }, (_, b) => [
        ...one.y.subarray(b * first * width, (b + 1) * first * width),
        ...two.y.subarray(b * (T - first) * width, (b + 1) * (T - first) * width),
      ]);
      expectSame({ y: Float64Array.from(y.flat()), states: two.states }, all);
    }
  });
});

test("large scores of pairs that are gone do no harm", () => {
  const rule = modelled(attends("pairs(3)"));
  const T = 21;
  const run = runOf(rule, T, 17, heldAfter(rule, BEFORE));
  const scaled = new Map(
    [...run.states].map(([name, d]) => [name, name === "past.k" ? d.map((x) => 1e4 * x) : d]),
  );
  const want = interpret(rule, extentsOf(rule, T), { ...run, states: scaled });
  for (const tile of TILES)
    expectSame(interpretTiles(formOf(rule), extentsOf(rule, T), { ...run, states: scaled }, tile), want);
});

test("a number that follows from itself runs along the tile", () => {
  const rule = counted();
  const form = formOf(rule);
  expect(form.class).toBe("associative");
  const T = 21;
  const states = new Map([
    ["W", new Float64Array(B * H * 12).fill(0.5)],
    ["count", new Float64Array(B * H).fill(1.5)],
  ]);
  const run = runOf(rule, T, 23, states);
  const want = interpret(rule, extentsOf(rule, T), run);
  for (const tile of TILES) expectSame(interpretTiles(form, extentsOf(rule, T), run, tile), want);
});

test("a memory that learns from a ring solves a triangular system, where its loss is quadratic", () => {
  const { text } = specFile("variants/omega");
  const [model] = compileText(text).models;
  expect(tileForm(model?.rule as Rule)).toMatchObject({ kind: "tiles", class: "triangular" });
});
