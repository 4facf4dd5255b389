/**
 * A memory's read and its gradient step by step, as a person would derive them: what each function and
 * each product with a state gives has a name, and the chain rule goes back through the names.
 */
import type { CallLabel } from "../../compiler/check/labels.ts";
import type { Spec } from "../../compiler/check/spec.ts";
import { gradient, pullBack } from "../../compiler/derive/gradient.ts";
import { normalForm } from "../../compiler/derive/normal-form.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import { add, at, factorsOf, isReduce, mul, substitute } from "../../compiler/math/algebra.ts";
import { axesFor, type Dim } from "../../compiler/math/axis.ts";
import {
  constant,
  type Expr,
  isConstant,
  leaf,
  open,
  postorder,
  type Tensor,
  tensorsOf,
} from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import {
  abbreviate,
  canonicalForm,
  type Definition,
  define,
  fold,
  foldAll,
  type Limits,
  type Same,
  whole,
} from "../../compiler/math/name.ts";
import { rewrite } from "../../compiler/math/rewrite.ts";
import type { Names } from "./names.ts";

/** A named step. */
export interface Step extends Definition {
  /** The call that it came from. */
  readonly call: CallLabel | undefined;
}

export interface Chain {
  /** The names on the way from x to y, and y over them. */
  readonly steps: readonly Step[];
  readonly y: Expr;
}

/** What stands for the read's argument and for each state in a use of `read`. */
export interface Place {
  readonly x: Tensor;
  readonly state: (read: Tensor) => Tensor;
}

const instance = (spec: Spec, { x, state }: Place) => {
  const reads = new Set(spec.states.map((s) => s.read));
  return (e: Expr): Expr =>
    substitute(e, (t, index) =>
      t === spec.read.x ? leaf(x, index) : reads.has(t) ? leaf(state(t), index) : undefined,
    );
};

/** The calls that `read` was inlined from, in the order in which they are made, less those inside of others. */
function callsOf(spec: Spec, put: (e: Expr) => Expr, same: Same): { expr: Expr; call: CallLabel }[] {
  const own = new Set([spec.read.x, ...spec.states.map((s) => s.read)]);
  const others = new Set([spec.bias.y, spec.bias.v, ...spec.inputs.map((i) => i.tensor)]);
  const calls = [...spec.labels].filter(([e]) => {
    const tensors = [...tensorsOf(e)];
    return tensors.some((t) => own.has(t)) && !tensors.some((t) => others.has(t));
  });
  const probe = (e: Expr): Definition =>
    define(
      "",
      e,
      e.axes.map((a) => a.dim),
    );
  const internal = new Set<Expr>();
  for (const [outer, { args }] of calls.toReversed()) {
    if (internal.has(outer)) continue;
    for (const [inner] of calls) {
      const inArguments = args.some((a) => fold(a, probe(inner), same) !== a);
      if (inner !== outer && !inArguments && fold(outer, probe(inner), same) !== outer) internal.add(inner);
    }
  }
  return calls
    .filter(([e]) => !internal.has(e))
    .map(([e, { name, args }]) => ({ expr: put(e), call: { name, args: args.map(put) } }));
}

/** Takes a read apart. */
export function readChain(spec: Spec, place: Place, names: Names): Chain {
  const put = instance(spec, place);
  const same: Same = (a, b) => spec.equalities.same(a, b);
  const steps: Step[] = [];
  const states = new Set(spec.states.map((s) => place.state(s.read)));
  const name = (expr: Expr, shape: readonly Dim[], call: CallLabel | undefined): Tensor => {
    const step = { ...define(names.step(shape, call !== undefined), expr, shape), call };
    steps.push(step);
    return step.tensor;
  };
  const cutProducts = (e: Expr): Expr => {
    let now = foldAll(e, steps, same);
    for (let found = firstProduct(now, states); found && found !== now; found = firstProduct(now, states)) {
      const shape = found.axes.map((a) => a.dim);
      const expr = at(found, found.axes, axesFor(shape));
      name(expr, shape, undefined);
      now = foldAll(now, steps, same);
    }
    return now;
  };
  for (const { expr, call } of callsOf(spec, put, same)) {
    const args = call.args.map((arg) => {
      const folded = cutProducts(arg);
      const simple = folded.kind === "leaf" || folded.kind === "constant" || folded.kind === "extent";
      return simple
        ? folded
        : whole(
            name(
              folded,
              arg.axes.map((a) => a.dim),
              undefined,
            ),
          );
    });
    name(
      foldAll(expr, steps, same),
      expr.axes.map((a) => a.dim),
      { name: call.name, args },
    );
  }
  const y = cutProducts(put(spec.read.body));
  // A call that was made elsewhere leaves a name that nothing here uses.
  const used = new Set<Tensor>(tensorsOf(y));
  const kept = steps.toReversed().filter((s) => {
    if (!used.has(s.tensor)) return false;
    for (const t of tensorsOf(s.expr)) used.add(t);
    return true;
  });
  return { steps: kept.reverse(), y };
}

/** The innermost sum over products with a state. */
function firstProduct(e: Expr, states: ReadonlySet<Tensor>): Expr | undefined {
  return postorder([e]).find((x) => {
    if (!isReduce(x, "sum") || x.axes.length === 0 || x.axes.length > 2) return false;
    const { body } = open(x);
    const factors = factorsOf(body);
    return factors.some((f) => f.kind === "leaf" && states.has(f.tensor));
  });
}

/** The chain rule back through a chain: ∂ℓ of each name, and the derivatives of functions before their use. */
export function gradientChain(rule: Rule, chain: Chain): Step[] {
  const { spec } = rule;
  const same: Same = (a, b) => spec.equalities.same(a, b);
  const nodes = new Set<Tensor>([...chain.steps.map((s) => s.tensor), ...spec.states.map((s) => s.read)]);
  const parts = new Map<Tensor, Expr[]>();
  const steps: Step[] = [];
  const give = (of: Tensor, expr: Expr): Expr => {
    // What only hands on another gradient needs no name of its own.
    if (
      expr.kind === "leaf" &&
      expr.tensor.name.startsWith("grad.") &&
      !spec.states.some((s) => s.read === of)
    ) {
      return expr;
    }
    const tensor: Tensor = { name: `grad.${of.name}`, shape: of.shape, domain: REAL };
    steps.push({ tensor, expr, call: undefined });
    return whole(tensor);
  };
  const back = (step: Step, adjoint: Expr): void => {
    const targets = [...tensorsOf(step.expr)].filter((t) => nodes.has(t));
    const derivative = elementwiseDerivative(step);
    const [arg] = targets;
    if (derivative && arg) {
      const isShort = postorder([derivative]).length <= SHORT_DERIVATIVE;
      const slope = define(`${step.call?.name}'(${arg.name})`, derivative, arg.shape);
      if (!isShort) steps.push({ ...slope, call: undefined });
      push(parts, arg, tidy(mul(adjoint, isShort ? derivative : whole(slope.tensor)), chain.steps, same));
      return;
    }
    for (const [tensor, part] of pullBack([[step.expr, adjoint]], targets)) {
      push(parts, tensor, tidy(part, chain.steps, same));
    }
  };

  const shape = spec.read.shape;
  const error = substitute(rule.error.simple, (t, index) =>
    t === spec.bias.v ? at(spec.bias.target, axesFor(spec.bias.v.shape), index) : undefined,
  );
  const y: Tensor = { ...spec.bias.y, shape };
  const adjoint = give(y, at(error, axesFor(spec.bias.y.shape), axesFor(shape)));
  back({ tensor: y, expr: chain.y, call: undefined }, adjoint);
  for (const step of chain.steps.toReversed()) {
    const total = simplify(add(...(parts.get(step.tensor) ?? [])));
    if (!isConstant(total, 0)) back(step, give(step.tensor, total));
  }
  for (const { read } of spec.states) give(read, simplify(add(...(parts.get(read) ?? []))));
  return steps;
}

/** Names the shared and the long parts of steps. What results can be tidied once more over the new names. */
export function shorten(steps: readonly Step[], spec: Spec, limits: Omit<Limits, "same">): Step[] {
  const same: Same = (a, b) => spec.equalities.same(a, b);
  const before = new Map(steps.map((s) => [s.tensor, s]));
  const short = abbreviate(steps, { ...limits, same });
  const calls: Definition[] = [];
  return short.map((d) => {
    const call = before.get(d.tensor)?.call;
    const expr = foldAll(d.expr, calls, same);
    if (call) calls.push(d);
    return { ...d, expr: expr === d.expr ? expr : simplify(expr), call };
  });
}

/** A derivative of so few parts is written out. */
const SHORT_DERIVATIVE = 6;

/** d call / d argument, where the call works on each element of its one argument by itself. */
function elementwiseDerivative({
  call,
  expr,
}: {
  call: CallLabel | undefined;
  expr: Expr;
}): Expr | undefined {
  const [arg, ...others] = call?.args ?? [];
  if (
    arg?.kind !== "leaf" ||
    others.length > 0 ||
    arg.axes.length === 0 ||
    expr.axes.length !== arg.axes.length
  ) {
    return undefined;
  }
  const touches = postorder([expr]).every((e) => e.kind !== "reduce");
  // With one variable for the argument's element, it is scalar calculus.
  const x: Tensor = { name: arg.tensor.name, shape: [], domain: arg.tensor.domain };
  if (!touches) return undefined;
  const scalar = substitute(expr, (t) => (t === arg.tensor ? leaf(x, []) : undefined));
  if (scalar.axes.length > 0) return undefined;
  const slope = simplify(gradient(scalar, [x]).get(x) as Expr);
  return substitute(slope, (t) => (t === x ? arg : undefined));
}

/** Simplified, without sums that vanish, and with the names of the chain in place of their values. */
function tidy(e: Expr, steps: readonly Step[], same: Same): Expr {
  const vanished = rewrite(e, [
    {
      name: "sum that vanishes",
      apply: (x) => (isReduce(x, "sum") && isConstant(normalForm(x), 0) ? constant(0) : undefined),
    },
  ]);
  return simplify(foldAll(simplify(vanished), steps, same));
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const there = map.get(key);
  if (there) there.push(value);
  else map.set(key, [value]);
}

/** An expression over a chain in one piece: its calls as calls, everything else in place. */
export function inOnePiece(e: Expr, chain: Chain): { expr: Expr; labels: ReadonlyMap<Expr, CallLabel> } {
  const steps = new Map(chain.steps.map((s) => [s.tensor, s]));
  const labels = new Map<Expr, CallLabel>();
  const put = (x: Expr): Expr => {
    const made = substitute(x, (t, index) => {
      const step = steps.get(t);
      return step && !step.call ? at(put(step.expr), axesFor(t.shape), index) : undefined;
    });
    for (const part of postorder([made])) {
      const call = part.kind === "leaf" ? steps.get(part.tensor)?.call : undefined;
      // Under the axes where it is printed, which need not be those of its definition.
      const { expr } = canonicalForm(part);
      if (call && !labels.has(expr)) labels.set(expr, { name: call.name, args: call.args.map(put) });
    }
    return made;
  };
  return { expr: put(e), labels };
}
