/** What equations of a model are written with: the names of its tensors, what stands for what, and how long is too long. */
import type { CallLabel } from "../../compiler/check/labels.ts";
import type { MemoryState, Spec } from "../../compiler/check/spec.ts";
import { linked } from "../../compiler/derive/linked.ts";
import type { Rule, RuleState } from "../../compiler/derive/rule.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import { at, substitute } from "../../compiler/math/algebra.ts";
import { axesFor, type Dim } from "../../compiler/math/axis.ts";
import { type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import { type Definition, foldAll, type Same, whole } from "../../compiler/math/name.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { type Step, shorten } from "./chain.ts";
import { Names } from "./names.ts";
import { show } from "./notation.ts";
import type { Written } from "./parallel.ts";
import { type Equation, equation, IN_ONE_PIECE, LINE } from "./rows.ts";

/** What is shorter than this is repeated rather than named. */
const WORTH_A_NAME = 8;

export class Writer {
  readonly rule: Rule;
  readonly spec: Spec;
  readonly names: Names;
  readonly #one: boolean;
  /** Whether the gradients are short enough to be written in one piece. */
  readonly isShort: boolean;
  /** A where it differs from W: the accumulators under their own name. */
  readonly accumulators: ReadonlyMap<Tensor, Tensor>;
  /** W of each accumulator, where it is not the accumulator itself. */
  readonly links: readonly Definition[];

  constructor({ rule }: Model) {
    this.rule = rule;
    this.spec = rule.spec;
    this.names = new Names(rule.spec);
    this.#one = rule.spec.states.length === 1;
    this.isShort = rule.gradients.every((g) => this.length(g.shown, g.state.shape) <= IN_ONE_PIECE);
    const linkedStates = rule.spec.states.filter((s) => s.link);
    this.accumulators = new Map(
      linkedStates.flatMap((s) => [
        [s.previous, this.tensor("A", s)],
        [s.next, this.tensor("A", s, "'")],
      ]),
    );
    this.links = linkedStates.flatMap((s) => {
      const start = rule.states.find((r) => r.previous === s.previous)?.start;
      const of = (accumulator: Tensor, suffix: string): Definition => ({
        tensor: { name: `${s.name}${suffix}`, shape: s.shape, domain: REAL },
        expr: linked(s, accumulator),
      });
      return [of(s.previous, ""), of(s.next, "'"), ...(start ? [of(start, "@chunk")] : [])];
    });
  }

  /** With W in place of what it is made of. */
  linked(e: Expr): Expr {
    const { equalities } = this.spec;
    const same: Same = (a, b) => equalities.same(a, b);
    const simple = this.links.map((d) => ({ ...d, expr: simplify(d.expr) }));
    return foldAll(foldAll(e, this.links, same), simple, same);
  }

  /** W over its accumulator. */
  link(s: MemoryState, accumulator: Tensor, left: string): Equation {
    const shown = this.accumulators.get(accumulator) ?? accumulator;
    const labels = new Map<Expr, CallLabel>();
    const put = (e: Expr): Expr =>
      substitute(e, (t, index) => (t === s.linkArgument ? leaf(shown, index) : undefined));
    for (const [e, { name, args }] of this.spec.labels) labels.set(put(e), { name, args: args.map(put) });
    return equation(left, put(s.link as Expr), s.shape, undefined, labels);
  }

  length(e: Expr, shape: readonly Dim[]): number {
    return show(e, shape, this.spec, "unicode").length;
  }

  /** `kept`, or `kept.W1` where there are several states. */
  own(name: string, state: MemoryState): string {
    return this.#one ? name : `${name}.${state.name}`;
  }

  tensor(name: string, state: MemoryState, suffix = ""): Tensor {
    return { name: `${this.own(name, state)}${suffix}`, shape: state.shape, domain: REAL };
  }

  accumulated(e: Expr): Expr {
    return rename(e, this.accumulators);
  }

  /** What stands for the place where the memory is read: its name, if it has one. */
  placeOf(place: Expr, otherwise: string): Tensor {
    const { x } = this.spec.read;
    return place.kind === "leaf" ? place.tensor : { name: otherwise, shape: x.shape, domain: x.domain };
  }

  /** The read at an expression, and how that is written. */
  readAt(place: Expr): { read: Expr; note: string } {
    const { read } = this.spec;
    const axes = axesFor(read.x.shape);
    const body = substitute(read.body, (t, index) => (t === read.x ? at(place, axes, index) : undefined));
    return { read: body, note: `read(${show(place, read.x.shape, this.spec, "unicode")})` };
  }

  /** A step, as the call that it is and what that stands for, or as its value. */
  step({ tensor, expr, call }: Step): Equation {
    const row = equation(tensor.name, expr, tensor.shape);
    if (!call) return row;
    const called = whole({ name: "", shape: tensor.shape, domain: REAL });
    return { ...row, right: [[called], [expr]], labels: new Map([[called, call]]) };
  }

  /** Names the parts of what is longer than a line. */
  shorten(steps: readonly Step[]): Step[] {
    const lengths = new Map<Expr, number>();
    const length = (e: Expr): number => {
      const known =
        lengths.get(e) ??
        this.length(
          e,
          e.axes.map((a) => a.dim),
        );
      lengths.set(e, known);
      return known;
    };
    const name = (value: Expr, shape: readonly Dim[]): string => this.names.part(value, shape);
    return shorten(steps, this.spec, { length, short: WORTH_A_NAME, long: LINE, name });
  }

  /** What the parallel form is told with. */
  written(): Written {
    const own = (s: RuleState): MemoryState | undefined =>
      this.spec.states.find((x) => x.previous === s.previous);
    return {
      name: (s) => this.accumulators.get(s.previous)?.name ?? s.name,
      accumulated: (e) => this.accumulated(e),
      link: (s) => {
        const state = own(s);
        return state?.link ? this.link(state, state.previous, state.name) : undefined;
      },
    };
  }
}

export const rename = (e: Expr, names: ReadonlyMap<Tensor, Tensor>): Expr =>
  names.size === 0
    ? e
    : substitute(e, (t, index) => {
        const other = names.get(t);
        return other && leaf(other, index);
      });
