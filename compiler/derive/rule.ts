/**
 * Level 4: the rule of one token. In this order, with A the accumulator and W what is read of it:
 *
 *     kept = keep ⊙ A
 *     G    = ∂ℓ(read(W*, k), v) / ∂W at W*       W* = link(A), link(kept), or link(A at the chunk's start)
 *     A'   = prox(kept − step(G))
 *     y    = output over A'
 */
import type { AlgorithmState, Initial, MemoryState, Spec } from "../check/spec.ts";
import { at, call, mul, sub, substitute, sumOver } from "../math/algebra.ts";
import { axesFor, type Dim, freshAxis } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { constant, type Expr, leaf, postorder, type Tensor } from "../math/expr.ts";
import type { Derivation } from "./derivation.ts";
import { errorOf } from "./error.ts";
import type { Reading } from "./found.ts";
import { pullBack } from "./gradient.ts";
import { linked, linkedTo } from "./linked.ts";
import { ringOf } from "./ring.ts";
import type { Settled } from "./settle.ts";
import { simplify } from "./simplify.ts";

/** One tensor that is carried from token to token. */
export interface RuleState {
  readonly name: string;
  readonly role: "memory" | "algorithm";
  readonly shape: readonly Dim[];
  readonly initial: Initial;
  /** Before the token. */
  readonly previous: Tensor;
  /** After the token. */
  readonly next: Tensor;
  /** The value at the start of the chunk that the token lies in; only where the rule reads it. */
  readonly start: Tensor | undefined;
  /** The value after the token, over `previous` and `start` tensors and the token's inputs alone. */
  readonly update: Expr;
}

export interface Rule {
  readonly spec: Spec;
  /** How what the spec leaves open was found. */
  readonly derivations: readonly Derivation[];
  /** dℓ/dy over the bias's y and v: as the differentiator gives it, and simplified. */
  readonly error: { readonly raw: Expr; readonly simple: Expr };
  /** ∂ℓ/∂W of each state, over y where the error is read: for people. */
  readonly gradients: readonly { readonly state: MemoryState; readonly shown: Expr }[];
  /** A' of each state over `gradient`, and the algorithm's states over theirs: for people. */
  readonly shownUpdates: readonly { readonly name: string; readonly expr: Expr }[];
  /**
   * What each gradient and each next state is made of, over gradients, the algorithm's next states and the
   * token's inputs: substituting until nothing is left gives `states`.
   */
  readonly definitions: ReadonlyMap<Tensor, Expr>;
  /** The algorithm's states first, since steps are made of them. */
  readonly states: readonly RuleState[];
  /** y over the `next` and `previous` tensors. */
  readonly output: Expr;
  /** What the memory holds at any place, over the same. */
  readonly reading: Reading;
  /** Where the rule is not smooth, and what is used there. */
  readonly kinks: readonly string[];
}

const all = (t: Tensor): Expr => leaf(t, axesFor(t.shape));

export function deriveRule({ spec, derivations, reading: readAt }: Settled): Rule {
  const { bias, read, states, algorithm } = spec;
  const { raw, simple } = errorOf(bias);

  // G through `read`, at the stand-in tensors: y is a name here, so that the error reads as an error.
  const reading = (place: Expr): Expr =>
    substitute(read.body, (t, index) => (t === read.x ? at(place, axesFor(read.x.shape), index) : undefined));
  const prediction = reading(spec.key);
  const error = substitute(simple, (t, index) =>
    t === bias.v ? at(bias.target, axesFor(bias.v.shape), index) : undefined,
  );
  const adjoint = at(error, axesFor(bias.y.shape), axesFor(read.shape));
  const pulled = pullBack(
    [[prediction, adjoint]],
    states.map((s) => s.read),
  );
  const gradients = states.map((state) => ({ state, shown: simplify(pulled.get(state.read) as Expr) }));

  // The same at W*.
  const starts = new Map(
    states.map((s) => [
      s,
      { name: `${s.name}@chunk`, shape: s.shape, domain: s.previous.domain } satisfies Tensor,
    ]),
  );
  const point = new Map(states.map((s) => [s.read, evaluationPoint(s, spec, starts.get(s) as Tensor)]));
  const atPoint = (e: Expr): Expr =>
    substitute(e, (t, index) => {
      const value = point.get(t);
      return value && at(value, axesFor(t.shape), index);
    });
  const predicted = spec.errorKey === spec.key ? prediction : reading(spec.errorKey);
  // Of one token, at the stand-in tensors.
  const alone = gradients.map(({ shown }) =>
    substitute(shown, (t, index) => (t === bias.y ? at(predicted, axesFor(read.shape), index) : undefined)),
  );
  const window = algorithm.kind === "step" ? algorithm.window : undefined;
  const ring = window && ringOf(spec, alone, window, constant(1));
  // All tokens of a window are read from one memory, that of today; a slot that holds no token yet counts for nothing.
  const overWindow = (e: Expr): Expr => {
    if (!ring || !window) return e;
    const slot = freshAxis(window);
    const weight = ring.weight(slot, "next");
    const held = call("where", call("less", constant(0), weight), ring.at(e, slot, "next"), constant(0));
    return sumOver(mul(weight, held), [slot]);
  };

  const algorithmStates = [...(ring?.states ?? []), ...spec.algorithmStates];
  const definitions = new Map<Tensor, Expr>();
  for (const [i, s] of states.entries()) {
    definitions.set(s.gradient, atPoint(overWindow(alone[i] as Expr)));
    definitions.set(s.kept, mul(s.keep, all(s.previous)));
    definitions.set(s.stepped, s.step);
  }
  for (const s of algorithmStates) definitions.set(s.next, s.update);
  for (const s of states) definitions.set(s.next, accumulate(s));
  const resolve = (e: Expr): Expr =>
    substitute(e, (t, index) => {
      const definition = definitions.get(t);
      return definition && at(resolve(definition), axesFor(t.shape), index);
    });
  const carry = (
    s: MemoryState | AlgorithmState,
    role: RuleState["role"],
    start: Tensor | undefined,
  ): RuleState => ({
    name: s.name,
    role,
    shape: s.shape,
    initial: s.initial,
    previous: s.previous,
    next: s.next,
    start,
    update: simplify(resolve(definitions.get(s.next) as Expr)),
  });
  const carried = [
    ...algorithmStates.map((s) => carry(s, "algorithm", undefined)),
    ...states.map((s) => carry(s, "memory", spec.chunk === undefined ? undefined : starts.get(s))),
  ];
  const shownUpdates = [...algorithmStates, ...states].map((s) => ({
    name: s.name,
    expr: simplify(definitions.get(s.next) as Expr),
  }));
  const output = simplify(spec.output);
  const differentiated = [bias.gradient ?? (bias.loss as Expr), read.body];
  const mapped = states.flatMap((s) =>
    [s.keep, s.step, s.link, s.prox, s.advance].filter((e) => e !== undefined),
  );
  const kinks = kinksOf([...differentiated, ...mapped, ...spec.algorithmStates.map((s) => s.update)]);
  return {
    spec,
    derivations,
    error: { raw, simple },
    gradients,
    shownUpdates,
    definitions,
    states: carried,
    output,
    reading: readAt,
    kinks,
  };
}

/** W*, where the gradient is taken. */
function evaluationPoint(s: MemoryState, spec: Spec, start: Tensor): Expr {
  if (spec.chunk !== undefined) return linked(s, start);
  if (spec.point === "prev") return linked(s, s.previous);
  return linkedTo(s, mul(s.keep, all(s.previous)));
}

/** A' = prox(keep ⊙ A − step), unless it is given outright. */
function accumulate(s: MemoryState): Expr {
  if (s.advance) return s.advance;
  const moved = sub(mul(s.keep, all(s.previous)), s.step);
  if (!s.prox) return moved;
  return substitute(s.prox, (t, index) =>
    t === s.linkArgument ? at(moved, axesFor(s.shape), index) : undefined,
  );
}

function kinksOf(roots: readonly Expr[]): string[] {
  const found = new Set<string>();
  // Conditions are never differentiated, and what only they hold is not either.
  const conditions = (e: Expr): boolean => e.kind === "apply" && e.op.gives === "bool";
  for (const e of postorder(roots, (x) => !conditions(x))) {
    const kink =
      e.kind === "apply" ? e.op.kink?.(...e.args.map(domainOf)) : e.kind === "reduce" ? e.op.kink : undefined;
    if (kink) found.add(kink);
  }
  return [...found];
}
