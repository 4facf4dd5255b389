/** Graphs made of what networks are made of, each over sizes of any kind. */
import {
  add,
  call,
  div,
  mul,
  neg,
  pow,
  reduce,
  solve,
  sqrt,
  square,
  sub,
} from "../../compiler/math/algebra.ts";
import {
  type Axis,
  axesFor,
  axisOf,
  type Dim,
  dim,
  freshAxis,
  type Sizes,
} from "../../compiler/math/axis.ts";
import { constant, delta, type Expr, extent, leaf, position, type Tensor } from "../../compiler/math/expr.ts";
import { POSITIVE } from "../../compiler/math/interval.ts";
import { maxOver, sum } from "../../compiler/math/ops/index.ts";
import { define, type Graph, numbers, random, tensor } from "./dense.ts";

const [B, T, D, F, V, J] = ["B", "T", "D", "F", "V", "J"].map((n) => dim([n])) as [
  Dim,
  Dim,
  Dim,
  Dim,
  Dim,
  Dim,
];

export interface Named {
  readonly name: string;
  readonly graph: (sizes: Sizes, seed: number) => Graph;
}

const zero = constant(0);
export const where = (c: Expr, x: Expr): Expr => call("where", c, x, zero);
export const total = (e: Expr, ...axes: readonly Axis[]): Expr => axes.reduce((x, a) => reduce(sum, a, x), e);
export const most = (e: Expr, axis: Axis): Expr => reduce(maxOver, axis, e);
export const silu = (x: Expr): Expr => mul(x, call("sigmoid", x));

const [b, t, d, f, v, j] = [B, T, D, F, V, J].map((n) => axisOf(n)) as [Axis, Axis, Axis, Axis, Axis, Axis];
const s = axisOf(T, 1);

const x = tensor("x", [B, T, D]);
const y = tensor("y", [B, T, F]);
const W = tensor("W", [D, F]);
const U = tensor("U", [F, D]);
const g = tensor("g", [B, T, D]);
const gain = tensor("gain", [D], POSITIVE);
const table = tensor("table", [V, D]);
const kernel = tensor("kernel", [D, J]);
const tokens = tensor("tokens", [B, T]);
const bias = tensor("bias", [F]);
const each = tensor("each", [B]);

/** A graph of one definition. */
function one(name: string, shape: readonly Dim[], value: Expr, inputs: readonly Tensor[]): Named {
  const out = tensor("out", shape);
  return {
    name,
    graph: (sizes, seed) => ({
      definitions: [define(out, value)],
      kept: [out],
      sizes,
      inputs: dataFor(inputs, sizes, seed),
    }),
  };
}

export function dataFor(inputs: readonly Tensor[], sizes: Sizes, seed: number): Map<Tensor, Float64Array> {
  return new Map(
    inputs.map((input, i) => {
      const plain = random(input, sizes, seed + 17 * i);
      if (input === tokens) {
        const n = sizes.V as number;
        // One in some is none of the vocabulary.
        return [input, plain.map((p) => Math.floor(Math.abs(p) * (n + 0.2)) - (p < -0.9 ? n + 1 : 0))];
      }
      return [input, input.domain.low >= 0 ? plain.map((p) => Math.fround(Math.abs(p) + 0.1)) : plain];
    }),
  );
}

const X = leaf(x, [b, t, d]);
const G = leaf(g, [b, t, d]);
const Y = leaf(y, [b, t, f]);
const token = leaf(tokens, [b, t]);
const rms = pow(add(div(total(square(X), d), extent(D)), constant(1e-5)), constant(-0.5));

const logits = total(mul(X, leaf(table, [v, d])), d);
const logitsAt = tensor("logits", [B, T, V]);
const L = leaf(logitsAt, [b, t, v]);
const softmax = div(call("exp", sub(L, most(L, v))), total(call("exp", sub(L, most(L, v))), v));

export const products: readonly Named[] = [
  one("x W", [B, T, F], total(mul(X, leaf(W, [d, f])), d), [x, W]),
  one("x Uᵀ", [B, T, F], total(mul(X, leaf(U, [f, d])), d), [x, U]),
  one("weight gradient", [D, F], total(mul(X, Y), t, b), [x, y]),
  one("weight gradient, other order", [F, D], total(mul(X, Y), b, t), [x, y]),
  one("batched", [B, T, T], total(mul(X, leaf(g, [b, s, d])), d), [x, g]),
  one("batched, over time", [B, D, F], total(mul(X, Y), t), [x, y]),
  one(
    "batched, with a factor for each",
    [B, D, F],
    add(leaf(W, [d, f]), mul(silu(leaf(each, [b])), total(mul(X, Y), t))),
    [x, y, W, each],
  ),
  one("a matrix and a vector", [B, T], total(mul(X, leaf(gain, [d])), d), [x, gain]),
  one("prologue", [B, T, F], total(mul(silu(X), G, leaf(W, [d, f])), d), [x, g, W]),
  one("epilogue", [B, T, F], add(Y, silu(add(leaf(bias, [f]), total(mul(X, leaf(W, [d, f])), d)))), [
    x,
    y,
    W,
    bias,
  ]),
  one(
    "two products",
    [B, T, F],
    mul(silu(total(mul(X, leaf(W, [d, f])), d)), total(mul(X, leaf(U, [f, d])), d)),
    [x, W, U],
  ),
  one("scaled rows", [B, T, F], total(mul(X, rms, leaf(gain, [d]), leaf(W, [d, f])), d), [x, W, gain]),
];

export const rows: readonly Named[] = [
  one("rmsnorm", [B, T, D], mul(X, rms, leaf(gain, [d])), [x, gain]),
  one("softmax", [B, T, V], softmax, [logitsAt]),
  one("log-sum-exp", [B, T], add(most(L, v), call("log", total(call("exp", sub(L, most(L, v))), v))), [
    logitsAt,
  ]),
  one("gain gradient", [D], total(mul(G, X, rms), t, b), [x, g]),
  one("bias gradient", [F], total(Y, b, t), [y]),
  one("loss", [], total(square(sub(X, G)), b, t, d), [x, g]),
  one("largest", [], most(most(most(X, d), t), b), [x]),
  one("centred", [B, T, D], sub(X, div(total(X, d), extent(D))), [x]),
];

export const lookups: readonly Named[] = [
  one("embedding", [B, T, D], total(where(call("equal", position(v), token), leaf(table, [v, d])), v), [
    tokens,
    table,
  ]),
  one(
    "embedding gradient",
    [V, D],
    total(mul(where(call("equal", position(v), token), constant(1)), X), b, t),
    [tokens, x],
  ),
  one(
    "causal convolution",
    [B, T, D],
    total(
      mul(
        leaf(kernel, [d, j]),
        total(where(call("equal", position(s), sub(position(t), position(j))), leaf(x, [b, s, d])), s),
      ),
      j,
    ),
    [kernel, x],
  ),
  one(
    "its gradient for the input",
    [B, T, D],
    total(
      mul(
        leaf(kernel, [d, j]),
        total(where(call("equal", position(t), sub(position(s), position(j))), leaf(g, [b, s, d])), s),
      ),
      j,
    ),
    [kernel, g],
  ),
  one(
    "its gradient for the kernel",
    [D, J],
    total(
      mul(G, total(where(call("equal", sub(position(t), position(j)), position(s)), leaf(x, [b, s, d])), s)),
      t,
      b,
    ),
    [g, x],
  ),
  one("a picked logit", [B, T], total(mul(L, where(call("equal", token, position(v)), constant(1))), v), [
    logitsAt,
    tokens,
  ]),
  one(
    "conditions over each other",
    [B, T, D],
    total(
      mul(
        where(call("equal", position(s), add(position(t), constant(-1))), leaf(x, [b, s, d])),
        where(call("less", constant(0), position(t)), G),
        where(call("equal", position(v), leaf(tokens, [b, s])), leaf(table, [v, d])),
      ),
      v,
      s,
    ),
    [x, g, tokens, table],
  ),
  one(
    "a sum of lookups",
    [B, T, D],
    total(
      mul(
        leaf(gain, [d]),
        add(
          where(call("equal", position(s), position(t)), leaf(x, [b, s, d])),
          where(
            call("equal", position(s), sub(sub(extent(T), constant(1)), position(t))),
            leaf(g, [b, s, d]),
          ),
        ),
      ),
      s,
    ),
    [gain, x, g],
  ),
];

const there = call("tanh", mul(leaf(x, [b, s, d]), G));
const [here, now] = [position(s), position(t)];

/** Sums along a part of an axis; no product, for what is summed up is one value. */
export const ranges: readonly Named[] = (
  [
    ["before", where(call("less", here, now), there)],
    ["up to", where(call("lessEqual", here, now), there)],
    ["after", where(call("less", now, here), there)],
    ["not after", call("where", call("less", now, here), zero, there)],
    ["not before", call("where", call("less", here, now), zero, there)],
    ["up to the next but one of", where(call("less", here, add(now, constant(3))), there)],
    ["before the one before", where(call("less", here, sub(now, constant(1))), there)],
    ["between ends of", where(call("less", here, now), where(call("less", constant(1), here), there))],
    ["where both hold at", where(call("less", now, here), where(call("less", here, now), there))],
  ] as const
).map(([name, value]) => one(`${name} a position`, [B, T, D], total(value, s), [x, g]));

/** Of sizes at which it is worth a kernel to have them but once. */
const wide = ({ name, graph }: Named): Named => ({
  name: `${name}, wide`,
  graph: (sizes, seed) => graph({ ...sizes, B: 2, T: 17, D: 40, F: 65 }, seed),
});

export const dear: readonly Named[] = [
  wide(one("a value for each column", [B, T, D, F], mul(X, call("tanh", call("exp", Y))), [x, y])),
  wide(
    one(
      "a value for each column of a sum of rows",
      [B, T, D],
      total(mul(call("exp", mul(leaf(W, [d, f]), X)), call("tanh", call("exp", Y))), f),
      [x, y, W],
    ),
  ),
  wide(
    one(
      "two powers of one sum",
      [B, T, F],
      mul(
        Y,
        add(
          sqrt(add(constant(1), total(square(mul(X, leaf(W, [d, f]))), d))),
          total(square(mul(X, leaf(W, [d, f]))), d),
        ),
      ),
      [x, y, W],
    ),
  ),
];

const root = where(call("less", zero, X), pow(call("max", X, zero), constant(-0.5)));

/** Conditions keep what is not finite out of a product. */
export const guardedProducts: readonly Named[] = [
  one("a product of guarded roots", [B, T, F], total(mul(root, leaf(W, [d, f])), d), [x, W]),
  one(
    "a product of what is not guarded by an else",
    [B, T, F],
    total(
      mul(
        call("where", call("lessEqual", X, zero), zero, pow(call("max", X, zero), constant(-0.5))),
        leaf(W, [d, f]),
      ),
      d,
    ),
    [x, W],
  ),
];

export const elementwise: readonly Named[] = [
  one("chain", [B, T, D], mul(silu(X), add(G, constant(1)), sqrt(leaf(gain, [d]))), [x, g, gain]),
  one("transposed", [D, T, B], neg(X), [x]),
  one("broadcast", [B, D, T], add(leaf(gain, [d]), token), [gain, tokens]),
  one("position", [B, T, D], mul(position(t), add(X, position(d), extent(B))), [x]),
  one("constant", [B, T], constant(3), []),
  // The inner one alone is too large for 32 bits.
  one("the logarithm of a cosh", [B, T, D], call("log", call("cosh", mul(constant(300), X))), [x]),
];

/** Σₜ x xᵀ / T + Diag(λ) of a sequence, with λ between 0.6 and 1.6: the systems of all f go with one matrix. */
function gram(over: Tensor, sequence: Axis): (i: Axis, j: Axis) => Expr {
  const n = freshAxis(T);
  const at = (i: Axis): Expr => leaf(over, [sequence, n, i]);
  return (i, j) =>
    add(div(total(mul(at(i), at(j)), n), extent(T)), mul(add(constant(0.5), leaf(gain, [i])), delta(i, j)));
}

function solution(matrix: (i: Axis, j: Axis) => Expr, right: (j: Axis) => Expr, result = d): Expr {
  const [i, j] = [freshAxis(D), freshAxis(D)];
  return solve(i, j, matrix(i, j), right(j), result);
}

const ofTokens = gram(x, b);
const atEach = solution(ofTokens, (i) => leaf(g, [b, t, i]));
const matrices = tensor("matrices", [B, D, D]);

export const systems: readonly Named[] = [
  one("one matrix for the systems of all tokens", [B, T, D], atEach, [x, gain, g]),
  one(
    "solutions in another order",
    [D, B, F],
    solution(ofTokens, (i) => leaf(W, [i, f])),
    [x, gain, W],
  ),
  one(
    "solutions of ones",
    [B, D],
    mul(
      leaf(each, [b]),
      solution(ofTokens, () => constant(1)),
    ),
    [x, gain, each],
  ),
  one(
    "solutions of nothing",
    [B, T, D],
    solution(ofTokens, (i) => where(call("less", constant(1), leaf(g, [b, t, i])), constant(1))),
    [x, gain, g],
  ),
  one(
    "solutions of next to nothing",
    [B, T, D],
    solution(ofTokens, (i) => {
      const right = leaf(g, [b, t, i]);
      return call(
        "where",
        call("less", zero, right),
        mul(constant(1e-30), right),
        mul(constant(-1e-30), right),
      );
    }),
    [x, gain, g],
  ),
  one("a sum of what is made of solutions", [B, F], total(mul(silu(atEach), Y), t, d), [x, gain, g, y]),
  one(
    "a system of systems",
    [B, T, D],
    solution(
      (i, j) =>
        add(ofTokens(i, j), mul(square(solution(ofTokens, (k) => leaf(g, [b, t, k]), i)), delta(i, j))),
      (i) =>
        add(
          leaf(g, [b, t, i]),
          solution(gram(g, b), (k) => leaf(x, [b, t, k]), i),
        ),
    ),
    [x, gain, g],
  ),
  {
    name: "two definitions of one system",
    graph: (sizes, seed) => {
      const [first, second] = [tensor("first", [B, T, D]), tensor("second", [B, D])];
      const [c, e] = axesFor(matrices.shape).slice(1) as [Axis, Axis];
      const own = solution(
        (i, j) => leaf(matrices, [b, i, j]),
        (i) => leaf(g, [b, t, i]),
      );
      return {
        definitions: [
          define(matrices, ofTokens(c, e)),
          define(first, own),
          define(second, total(mul(own, X), t)),
        ],
        kept: [first, second],
        sizes,
        inputs: dataFor([x, gain, g], sizes, seed),
      };
    },
  },
  {
    name: "more systems than workgroups side by side",
    graph: (sizes, seed) =>
      one("", [B, T, D], atEach, [x, gain, g]).graph({ ...sizes, B: 2, T: 33_000, D: 2 }, seed),
  },
];

/** More tensors than a kernel can bind. */
export const many: Named = {
  name: "more tensors than can be bound",
  graph: (sizes, seed) => {
    const inputs = Array.from({ length: 21 }, (_, i) => tensor(`in${i}`, [T, D]));
    const terms = inputs.map((each) => leaf(each, [t, d]));
    const out = tensor("out", [T, D]);
    const value = mul(
      add(...terms.slice(0, 12)),
      call("where", call("less", add(...terms.slice(12, 16)), zero), add(...terms.slice(12)), constant(2)),
    );
    return { definitions: [define(out, value)], kept: [out], sizes, inputs: dataFor(inputs, sizes, seed) };
  },
};

/** What takes the place of what it is made from. */
export const inPlace: Named = {
  name: "three tensors in place",
  graph: (sizes, seed) => {
    const [p, m, n, grad] = ["p", "m", "n", "grad"].map((name) => tensor(name, [D, F])) as Tensor[] as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const rate = tensor("rate", []);
    const index = axesFor([D, F]);
    const at = (each: Tensor): Expr => leaf(each, index);
    const [p1, m1, n1] = ["p'", "m'", "n'"].map((name) => tensor(name, [D, F])) as [Tensor, Tensor, Tensor];
    const mean = add(mul(constant(0.9), at(m)), mul(constant(0.1), at(grad)));
    const squares = add(mul(constant(0.95), square(at(n))), mul(constant(0.05), square(at(grad))));
    const step = mul(leaf(rate, []), at(m1), pow(add(sqrt(at(n1)), constant(1e-3)), constant(-1)));
    return {
      definitions: [define(m1, mean), define(n1, squares), define(p1, sub(mul(constant(0.99), at(p)), step))],
      kept: [p1, m1, n1],
      sizes,
      inputs: new Map([
        ...dataFor([p, m, n, grad], sizes, seed),
        [rate, numbers(1, seed)] as [Tensor, Float64Array],
      ]),
      replaces: new Map([
        [p1, p],
        [m1, m],
        [n1, n],
      ]),
    };
  },
};

/** Logits made from a table that is also the embedding, and what a loss is made from. */
export const tied: Named = {
  name: "logits of a table and their softmax",
  graph: (sizes, seed) => {
    const out = tensor("out", [B, T, V]);
    return {
      definitions: [define(logitsAt, logits), define(out, softmax)],
      kept: [out],
      sizes,
      inputs: dataFor([x, table], sizes, seed),
    };
  },
};

export const graphs: readonly Named[] = [
  ...products,
  ...rows,
  ...guardedProducts,
  ...lookups,
  ...ranges,
  ...dear,
  ...elementwise,
  ...systems,
  many,
  inPlace,
  tied,
];
