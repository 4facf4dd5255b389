/**
 * A small network with all that training takes: an embedding, layers of a norm and a gated perceptron, the cross-entropy of
 * what comes next, its gradients by the differentiator, clipping, and AdamW in place.
 */
import { pullBack } from "../../compiler/derive/gradient.ts";
import type { Definition } from "../../compiler/form/steps.ts";
import { add, call, div, mul, pow, sqrt, square, sub } from "../../compiler/math/algebra.ts";
import { type Axis, axesFor, axisOf, dim, elements, type Sizes } from "../../compiler/math/axis.ts";
import {
  constant,
  type Expr,
  extent,
  leaf,
  position,
  type Tensor,
  tensorsOf,
} from "../../compiler/math/expr.ts";
import { NONNEGATIVE, POSITIVE } from "../../compiler/math/interval.ts";
import { define, type Graph, numbers, random, tensor } from "./dense.ts";
import { most, silu, total, where } from "./dense-graphs.ts";

const [B, T, D, F, V] = ["B", "T", "width", "hidden", "vocabulary"].map((n) => dim([n])) as ReturnType<
  typeof dim
>[];
const [b, t, d, f, v] = [B, T, D, F, V].map((n) => axisOf(n as typeof B & {})) as [
  Axis,
  Axis,
  Axis,
  Axis,
  Axis,
];
const zero = constant(0);
const one = constant(1);
type Shape = Tensor["shape"];
const shape = (...dims: readonly (ReturnType<typeof dim> | undefined)[]): Shape => dims as Shape;

const tokens = tensor("tokens", shape(B, T));
const targets = tensor("targets", shape(B, T));
const table = tensor("embedding", shape(V, D));

export interface Network {
  readonly graph: Graph;
  readonly loss: Tensor;
  readonly gradients: readonly Tensor[];
  readonly learned: readonly Tensor[];
}

export function network(layers: number, sizes: Sizes, seed: number): Network {
  const forward: Definition[] = [];
  const learned: Tensor[] = [table];
  const made = (t: Tensor, value: Expr): Tensor => {
    forward.push(define(t, value));
    return t;
  };
  const token = leaf(tokens, [b, t]);
  const embedded = total(where(call("equal", position(v), token), leaf(table, [v, d])), v);
  let hidden = made(tensor("hidden", shape(B, T, D)), embedded);
  const normed = (x: Tensor, gain: Tensor, name: string): Tensor => {
    const at = leaf(x, [b, t, d]);
    const scale = pow(add(div(total(square(at), d), extent(d.dim)), constant(1e-6)), constant(-0.5));
    return made(tensor(name, shape(B, T, D)), mul(at, scale, leaf(gain, [d])));
  };
  for (let i = 0; i < layers; i++) {
    const parameter = (
      name: string,
      dims: Shape,
      domain = undefined as Tensor["domain"] | undefined,
    ): Tensor => {
      const p = tensor(`layers.${i}.${name}`, dims, domain);
      learned.push(p);
      return p;
    };
    const gain = parameter("gain", shape(D), POSITIVE);
    const [up, gate] = ["up", "gate"].map((n) => parameter(n, shape(F, D))) as [Tensor, Tensor];
    const down = parameter("down", shape(D, F));
    const n = normed(hidden, gain, `layers.${i}.normed`);
    const project = (w: Tensor): Expr => total(mul(leaf(n, [b, t, d]), leaf(w, [f, d])), d);
    const g = made(tensor(`layers.${i}.gated`, shape(B, T, F)), mul(silu(project(gate)), project(up)));
    const out = total(mul(leaf(g, [b, t, f]), leaf(down, [d, f])), f);
    hidden = made(tensor(`layers.${i}.hidden`, shape(B, T, D)), add(leaf(hidden, [b, t, d]), out));
  }
  const gain = tensor("gain", shape(D), POSITIVE);
  learned.push(gain);
  const last = normed(hidden, gain, "normed");
  const logits = made(
    tensor("logits", shape(B, T, V)),
    total(mul(leaf(last, [b, t, d]), leaf(table, [v, d])), d),
  );
  const L = leaf(logits, [b, t, v]);
  const peak = most(L, v);
  const target = leaf(targets, [b, t]);
  const picked = total(where(call("equal", position(v), target), L), v);
  const counts = call("where", call("lessEqual", zero, target), one, zero);
  const surprise = made(
    tensor("surprise", shape(B, T)),
    mul(counts, sub(add(peak, call("log", total(call("exp", sub(L, peak)), v))), picked)),
  );
  const counted = made(tensor("counted", []), total(counts, b, t));
  const loss = made(tensor("loss", []), div(total(leaf(surprise, [b, t]), b, t), leaf(counted, [])));

  // The gradients, definition by definition, from the last to the first.
  const backward: Definition[] = [];
  const adjoints = new Map<Tensor, Expr[]>([[loss, [one]]]);
  const adjointOf = (x: Tensor): Tensor => {
    const at = tensor(`d.${x.name}`, x.shape);
    backward.push(define(at, add(...(adjoints.get(x) ?? [zero]))));
    return at;
  };
  const variable = new Set<Tensor>([...learned, ...forward.map((x) => x.tensor)]);
  variable.delete(counted);
  for (const { tensor: x, value } of [...forward].reverse()) {
    if (x === counted) continue;
    const adjoint = leaf(adjointOf(x), axesFor(x.shape));
    const inputs = [...tensorsOf(value)].filter((y) => variable.has(y));
    for (const [y, part] of pullBack([[value, adjoint]], inputs))
      adjoints.set(y, [...(adjoints.get(y) ?? []), part]);
  }
  const gradients = learned.map(adjointOf);

  const norm = tensor("norm", []);
  const squares = gradients.map((g) => total(square(leaf(g, axesFor(g.shape))), ...axesFor(g.shape)));
  const update: Definition[] = [define(norm, sqrt(add(...squares)))];
  const clip = tensor("clip", []);
  update.push(define(clip, call("min", one, pow(leaf(norm, []), constant(-1)))));
  const rate = tensor("rate", []);
  const replaces = new Map<Tensor, Tensor>();
  const moments: Tensor[] = [];
  for (const [i, p] of learned.entries()) {
    const axes = axesFor(p.shape);
    const g = mul(leaf(clip, []), leaf(gradients[i] as Tensor, axes));
    const m = tensor(`m.${p.name}`, p.shape);
    const n = tensor(`v.${p.name}`, p.shape, NONNEGATIVE);
    moments.push(m, n);
    const [p1, m1, n1] = [p, m, n].map((x) => tensor(`${x.name}'`, x.shape, x.domain)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const next = sub(
      mul(sub(one, mul(constant(0.1), leaf(rate, []))), leaf(p, axes)),
      mul(leaf(rate, []), leaf(m1, axes), pow(add(sqrt(leaf(n1, axes)), constant(1e-8)), constant(-1))),
    );
    update.push(
      define(m1, add(mul(constant(0.9), leaf(m, axes)), mul(constant(0.1), g))),
      define(n1, add(mul(constant(0.95), leaf(n, axes)), mul(constant(0.05), square(g)))),
      define(p1, next),
    );
    replaces.set(m1, m).set(n1, n).set(p1, p);
  }

  const inputs = new Map<Tensor, Float64Array>();
  const positive = (x: Float64Array): Float64Array => x.map((y) => Math.fround(Math.abs(y) + 0.1));
  for (const [i, p] of [...learned, ...moments].entries()) {
    const drawn = random(p, sizes, seed + 31 * i, 0.5);
    inputs.set(p, p.domain.low >= 0 ? positive(drawn) : drawn);
  }
  const vocabulary = sizes.vocabulary as number;
  const some = (n: number, at: number): Float64Array =>
    numbers(n, at).map((x) => Math.floor(Math.abs(x) * vocabulary));
  const places = elements(tokens.shape, sizes);
  inputs.set(tokens, some(places, seed));
  // In the last place nothing is to be predicted.
  inputs.set(
    targets,
    some(places, seed + 1).map((x, i) => (i === places - 1 && places > 1 ? -1 : x)),
  );
  inputs.set(rate, Float64Array.of(Math.fround(0.01)));
  return {
    graph: {
      definitions: [...forward, ...backward, ...update],
      kept: [loss, logits, norm, ...gradients, ...replaces.keys()],
      sizes,
      inputs,
      replaces,
    },
    loss,
    gradients,
    learned,
  };
}
