/** What the explanation of a model says, before it is laid out as text, TeX or JSON. */

import { showDim } from "../../compiler/check/dimensions.ts";
import type { CallLabel } from "../../compiler/check/labels.ts";
import type { AlgorithmState, Choice, MemoryState, Spec } from "../../compiler/check/spec.ts";
import { linked } from "../../compiler/derive/linked.ts";
import { linkProfile } from "../../compiler/derive/near-zero.ts";
import { heldIn } from "../../compiler/derive/ring.ts";
import type { Rule, RuleState } from "../../compiler/derive/rule.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import type { Obstacle } from "../../compiler/form/planes.ts";
import type { TileForm } from "../../compiler/form/tile-form.ts";
import { tileForm } from "../../compiler/form/tiles.ts";
import { at, mul, sub, substitute } from "../../compiler/math/algebra.ts";
import { axesFor, type Dim } from "../../compiler/math/axis.ts";
import { domainOf } from "../../compiler/math/domain.ts";
import { type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import { REAL, showInterval } from "../../compiler/math/interval.ts";
import { type Definition, foldAll, type Same, whole } from "../../compiler/math/name.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { textOf } from "../../compiler/source/span.ts";
import { count, shapeText } from "../words.ts";
import { affineMap } from "./affine.ts";
import { gradientChain, inOnePiece, readChain, type Step, shorten } from "./chain.ts";
import { Names } from "./names.ts";
import { type Mode, show, showName } from "./notation.ts";
import { parallelForm, type Written } from "./parallel.ts";
import {
  type Equation,
  equation,
  type Fact,
  fact,
  type Left,
  NO_LABELS,
  type Row,
  rightSide,
  type Section,
  type Words,
} from "./rows.ts";

export interface Page {
  readonly name: string;
  readonly path: string;
  readonly spec: Spec;
  /** How tokens can be computed together, or what is in the way. */
  readonly form: TileForm | Obstacle;
  readonly sections: readonly Section[];
}

/** An expression up to this length is shown in one piece. */
const IN_ONE_PIECE = 72;
/** What is shorter than this is repeated rather than named. */
const WORTH_A_NAME = 8;
/** The longest right side that leaves the line at 100 columns. */
const LINE = 84;

export function pageOf(model: Model): Page {
  const { spec } = model;
  const writer = new Writer(model);
  const form = tileForm(model.rule);
  const sections: Section[] = [
    { key: "choices", title: "choices", rows: choices(spec) },
    { key: "tensors", title: "tensors", rows: tensors(spec) },
    { key: "objective", title: "objective", rows: objective(model.rule) },
    ...writer.derivation(),
    ...solved(model.rule),
    {
      key: "link",
      title: "the link, near zero and far from it",
      rows: spec.states.flatMap((s) => links(s, spec)),
    },
    { key: "update", title: writer.updateTitle(), rows: writer.update() },
    { key: "rule", title: "the rule in one piece", rows: writer.inOnePiece() },
    parallelForm(model.rule, form, writer.written()),
    { key: "kinks", title: "where it is not smooth", rows: model.rule.kinks.map((k) => fact("", k)) },
    { key: "expected", title: "expected", rows: model.proofs.map(expected) },
  ];
  const { path } = spec.definition.span.file;
  return { name: spec.name, path, spec, form, sections: sections.filter((s) => s.rows.length > 0) };
}

// ---------------------------------------------------------------- what the author chose

function choices(spec: Spec): Fact[] {
  const rows = spec.choices.map((c) => fact(c.kind, choice(c, spec)));
  if (spec.chunk !== undefined) rows.push(fact("chunk", count(spec.chunk, "token")));
  const output = spec.defaults.find((d) => d.startsWith("output"));
  if (output) rows.push(fact("output", `${output.replace(/^output = /, "")} (default)`));
  return rows;
}

function choice({ kind, name, arguments: given }: Choice, spec: Spec): string {
  const args = given.map((a) => {
    const text = a.shown === a.name ? a.name : `${a.name}: ${a.shown}`;
    return a.origin === "default" ? `${text} (default)` : text;
  });
  if (kind === "algorithm" && spec.algorithm.kind === "step")
    args.push(`at: ${spec.point}${spec.defaults.includes("at: prev") ? " (default)" : ""}`);
  return args.length > 0 ? `${name}(${args.join(", ")})` : name;
}

function tensors(spec: Spec): Fact[] {
  const named = (t: Tensor): string => {
    const range = t.domain === REAL ? "" : inRange(showInterval(t.domain));
    return [t.name, shapeText(t.shape), range].filter((part) => part !== "").join(" ");
  };
  const stepwise = spec.inputs.filter((i) => i.each === "step").map((i) => i.tensor);
  const each =
    stepwise.length > 0
      ? `${stepwise.map((t) => t.name).join(", ")} come with each of ${spec.steps} steps`
      : "";
  const list = (label: string, all: readonly Tensor[]): Fact[] =>
    all.length > 0 ? [fact(label, all.map(named).join(", "))] : [];
  const of = (role: "input" | "gate"): Tensor[] =>
    spec.inputs.filter((i) => i.role === role).map((i) => i.tensor);
  const starting = (states: readonly (MemoryState | AlgorithmState)[]): string =>
    states
      .filter((s) => !s.name.endsWith(".slot"))
      .map((s) => `${s.name} ${shapeText(s.shape)} ${STARTS[s.initial]}`)
      .join(", ");
  const algorithm = spec.choices.find((c) => c.kind === "algorithm")?.name ?? "";
  return [
    ...list("inputs", of("input")),
    ...list("gates", of("gate")),
    ...(each === "" ? [] : [fact("steps", each)]),
    ...list(
      "params",
      spec.parameters.map((p) => p.tensor),
    ),
    ...(spec.states.length > 0 ? [fact("states", starting(spec.states))] : []),
    ...(spec.algorithmStates.length > 0
      ? [fact(spec.states.length > 0 ? "" : "states", starting(spec.algorithmStates), `of ${algorithm}`)]
      : []),
    ...(spec.equalities.required.length > 0
      ? [fact("sizes", spec.equalities.required.map(([a, b]) => `${a} = ${b}`).join(", "))]
      : []),
  ];
}

const STARTS = { zeros: "from zeros", learned: "learned" } as const;
const inRange = (range: string): string =>
  range === "any real" ? "" : /^[([]/.test(range) ? `in ${range}` : range;

function objective({ spec, error }: Rule): Row[] {
  const { bias } = spec;
  const slope: Left = { unicode: `dℓ/d${bias.y.name}`, tex: `\\frac{d\\ell}{d${bias.y.name}}` };
  const loss: Left = {
    unicode: `ℓ(${bias.y.name}, ${bias.v.name})`,
    tex: `\\ell(${bias.y.name}, ${bias.v.name})`,
  };
  const shape = bias.y.shape;
  const isLong = show(error.simple, shape, spec, "unicode").length > IN_ONE_PIECE;
  const labels = isLong ? spec.labels : NO_LABELS;
  const given = bias.gradient && !bias.loss ? "given by the spec: the gradient of no single loss" : undefined;
  const isPlain = bias.target.kind === "leaf" && bias.target.tensor.name === bias.v.name;
  const target = show(bias.target, bias.v.shape, spec, "unicode");
  return [
    ...(bias.loss
      ? [equation(loss, bias.loss, [], isPlain ? undefined : `with ${target} for ${bias.v.name}`)]
      : []),
    ...(error.raw === error.simple
      ? [equation(slope, error.simple, shape, given ?? "already simple", labels)]
      : [
          equation(slope, error.raw, shape, given ?? "as differentiated", labels),
          equation("", error.simple, shape, "simplified", labels),
        ]),
  ];
}

/** How what the spec leaves open was found: each step in words, with its equation below. */
function solved({ derivations, spec }: Rule): Section[] {
  return derivations.map(({ of, steps }) => ({
    key: "solved",
    title: `solved: ${of}`,
    rows: steps.flatMap(({ say, left, right, axes }): Row[] => {
      const told: Words = { kind: "words", text: say };
      const expr = right ?? left;
      if (!expr) return [told];
      const shape = axes.map((a) => a.dim);
      const placed = (e: Expr): Expr => at(e, axes, axesFor(shape));
      const side = (mode: Mode): string => (right && left ? show(placed(left), shape, spec, mode) : "");
      return [told, equation({ unicode: side("unicode"), tex: side("tex") }, placed(expr), shape)];
    }),
  }));
}

/** What a link does to what is accumulated, as numbers tell it. */
function links(state: MemoryState, spec: Spec): Fact[] {
  const profile = linkProfile(state, spec);
  if (!profile || !state.link) return [];
  const { atZero, slope, degree, largest } = profile;
  const short = (x: number): string => String(Number(x.toPrecision(2)));
  const range = domainOf(state.link);
  const over = state.penalty?.over;
  const always =
    over?.kind === "simplex"
      ? `each element is not negative, and they sum to ${show(over.total, [], spec, "unicode")} along ${showDim(state.shape[over.axis] as Dim)}`
      : range.low > -Infinity || range.high < Infinity
        ? `each element is ${inRange(showInterval(range))}`
        : undefined;
  const isLarge = largest.gain > 1.5;
  const fade =
    degree < 0
      ? `‖W‖ falls as ‖A‖^${degree}`
      : degree === 0
        ? "‖W‖ stays bounded"
        : `‖W‖ grows as ‖A‖^${degree}`;
  const start = Number.isNaN(atZero)
    ? "no value"
    : atZero === undefined
      ? "W is not zero"
      : atZero === 0
        ? "W = 0"
        : "all elements of W are equal";
  const steep = slope === undefined ? "" : `, W moves ${short(slope)} times as far as A`;
  return [
    fact(state.name, `at A = 0: ${start}${steep}`),
    ...(isLarge
      ? [
          fact(
            "",
            `largest at ‖A‖ near ${short(largest.at)}: ‖W‖ is ${short(largest.gain)} times what it is at ‖A‖ = 1; it must not start at zero`,
          ),
        ]
      : []),
    fact("", `far from zero: ${fade}`),
    ...(always ? [fact("", `always: ${always}`)] : []),
  ];
}

function expected({ expectation, proof }: Model["proofs"][number]): Fact {
  const text = textOf(expectation.span)
    .replace(/^expect\s+/, "")
    .replace(/\s+/g, " ");
  if (proof.verdict === "symbolic") return fact("", text, "proved symbolically");
  if (proof.verdict === "numeric") {
    const error = proof.largest.toExponential(1);
    return fact("", text, `proved numerically: ${proof.points} random points in f64, largest error ${error}`);
  }
  return fact("", text, "refuted");
}

// ---------------------------------------------------------------- what the compiler derived

class Writer {
  readonly #rule: Rule;
  readonly #spec: Spec;
  readonly #names: Names;
  readonly #one: boolean;
  /** The gradients, where they are short enough to be written in one piece. */
  readonly #short: boolean;
  /** A where it differs from W: the accumulators under their own name. */
  readonly #accumulators: ReadonlyMap<Tensor, Tensor>;
  /** W of each accumulator, where it is not the accumulator itself. */
  readonly #links: readonly Definition[];

  constructor({ rule }: Model) {
    this.#rule = rule;
    this.#spec = rule.spec;
    this.#names = new Names(rule.spec);
    this.#one = rule.spec.states.length === 1;
    this.#short = rule.gradients.every((g) => this.#length(g.shown, g.state.shape) <= IN_ONE_PIECE);
    const linkedStates = rule.spec.states.filter((s) => s.link);
    this.#accumulators = new Map(
      linkedStates.flatMap((s) => [
        [s.previous, this.#tensor("A", s)],
        [s.next, this.#tensor("A", s, "'")],
      ]),
    );
    this.#links = linkedStates.flatMap((s) => {
      const start = rule.states.find((r) => r.previous === s.previous)?.start;
      const of = (accumulator: Tensor, suffix: string): Definition => ({
        tensor: { name: `${s.name}${suffix}`, shape: s.shape, domain: REAL },
        expr: linked(s, accumulator),
      });
      return [of(s.previous, ""), of(s.next, "'"), ...(start ? [of(start, "@chunk")] : [])];
    });
  }

  /** With W in place of what it is made of. */
  #linked(e: Expr): Expr {
    const { equalities } = this.#spec;
    const same: Same = (a, b) => equalities.same(a, b);
    const simple = this.#links.map((d) => ({ ...d, expr: simplify(d.expr) }));
    return foldAll(foldAll(e, this.#links, same), simple, same);
  }

  #link(s: MemoryState, accumulator: Tensor, left: string): Equation {
    const shown = this.#accumulators.get(accumulator) ?? accumulator;
    const labels = new Map<Expr, CallLabel>();
    const put = (e: Expr): Expr =>
      substitute(e, (t, index) => (t === s.linkArgument ? leaf(shown, index) : undefined));
    for (const [e, { name, args }] of this.#spec.labels) labels.set(put(e), { name, args: args.map(put) });
    return equation(left, put(s.link as Expr), s.shape, undefined, labels);
  }

  #length(e: Expr, shape: readonly Dim[]): number {
    return show(e, shape, this.#spec, "unicode").length;
  }

  /** `kept`, or `kept.W1` where there are several states. */
  #own(name: string, state: MemoryState): string {
    return this.#one ? name : `${name}.${state.name}`;
  }

  #tensor(name: string, state: MemoryState, suffix = ""): Tensor {
    return { name: `${this.#own(name, state)}${suffix}`, shape: state.shape, domain: REAL };
  }

  #accumulated(e: Expr): Expr {
    return rename(e, this.#accumulators);
  }

  /** What stands for the place where the memory is read: its name, if it has one. */
  #placeOf(place: Expr, otherwise: string): Tensor {
    const { x } = this.#spec.read;
    return place.kind === "leaf" ? place.tensor : { name: otherwise, shape: x.shape, domain: x.domain };
  }

  /** The read at an expression, and how that is written. */
  #readAt(place: Expr): { read: Expr; note: string } {
    const { read } = this.#spec;
    const axes = axesFor(read.x.shape);
    const body = substitute(read.body, (t, index) => (t === read.x ? at(place, axes, index) : undefined));
    return { read: body, note: `read(${show(place, read.x.shape, this.#spec, "unicode")})` };
  }

  // -------------------------------------------------------------- read and gradient

  derivation(): Section[] {
    const { gradients } = this.#rule;
    const spec = this.#spec;
    if (spec.algorithm.kind !== "step") return [];
    if (this.#short) {
      const { read, note } = this.#readAt(spec.errorKey);
      return [
        {
          key: "gradient",
          title: "gradient",
          rows: [
            equation("y", read, spec.read.shape, note),
            ...gradients.map(({ state, shown }) => equation(`grad.${state.name}`, shown, state.shape)),
          ],
        },
      ];
    }
    const chain = readChain(spec, { x: this.#placeOf(spec.key, "k"), state: (read) => read }, this.#names);
    const back = gradientChain(this.#rule, chain);
    const y: Step = { tensor: { ...spec.bias.y, shape: spec.read.shape }, expr: chain.y, call: undefined };
    const steps = this.#shorten([...chain.steps, y, ...back]);
    const end = steps.findIndex((s) => s.tensor === y.tensor) + 1;
    const rows = (some: readonly Step[]): Equation[] => some.map((s) => this.#step(s));
    return [
      { key: "read", title: "read(k), step by step", rows: rows(steps.slice(0, end)) },
      {
        key: "gradient",
        title: "gradient, back through the steps: ∇x is ∂ℓ/∂x",
        rows: rows(steps.slice(end)),
      },
    ];
  }

  #step({ tensor, expr, call }: Step): Equation {
    const row = equation(tensor.name, expr, tensor.shape);
    if (!call) return row;
    const called = whole({ name: "", shape: tensor.shape, domain: REAL });
    return { ...row, right: [[called], [expr]], labels: new Map([[called, call]]) };
  }

  // -------------------------------------------------------------- one token

  updateTitle(): string {
    const { chunk, point, steps, algorithm } = this.#spec;
    const one = steps === 1 ? "update of one token" : "update of one of a token's steps";
    if (algorithm.kind !== "step") return one;
    if (chunk !== undefined) return `${one}; gradients are taken where its chunk of ${chunk} starts`;
    const place = point === "kept" ? "what is kept" : "the memory before it";
    const { window } = algorithm;
    const sum = window ? `, and summed over the last ${showDim(window)} tokens` : "";
    return `${one}; the gradient is taken at ${place}${sum}`;
  }

  update(): Row[] {
    const spec = this.#spec;
    const isStep = spec.algorithm.kind === "step";
    const byState = (row: (s: MemoryState) => Equation | undefined): Equation[] =>
      spec.states.map(row).filter((r) => r !== undefined);
    const gradients = new Map(spec.states.map((s) => [s.gradient, this.#tensor("G", s)]));
    return [
      ...byState((s) => (s.link ? this.#link(s, s.previous, s.name) : undefined)),
      ...byState((s) =>
        equation(this.#own("kept", s), this.#accumulated(mul(s.keep, whole(s.previous))), s.shape),
      ),
      ...byState((s) =>
        s.link && spec.chunk === undefined && spec.point === "kept"
          ? this.#link(s, this.#tensor("kept", s), `${s.name}.kept`)
          : undefined,
      ),
      ...(isStep ? byState((s) => this.#gradient(s)) : []),
      ...spec.algorithmStates.flatMap((s) => this.#carried(s, gradients)),
      ...(isStep ? byState((s) => equation(this.#own("step", s), rename(s.step, gradients), s.shape)) : []),
      ...byState((s) => this.#next(s)),
      ...byState((s) => (s.link ? this.#link(s, s.next, `${s.name}'`) : undefined)),
      ...this.#output(),
    ];
  }

  /** G, in full where it is short; else as the gradient at its place. */
  #gradient(state: MemoryState): Equation {
    const spec = this.#spec;
    const name = this.#own("G", state);
    const points = spec.states.map((s) => this.#point(s));
    if (!this.#short) {
      const left = whole({ name: `grad.${state.name}`, shape: state.shape, domain: REAL });
      const places = spec.states.flatMap((s, i) => {
        const place = showName(points[i]?.name ?? "", "unicode");
        return place === s.name ? [] : [`${s.name} = ${place}`];
      });
      return equation(name, left, state.shape, places.length > 0 ? `at ${places.join(", ")}` : undefined);
    }
    const there = (e: Expr): Expr =>
      substitute(e, (t, index) => {
        const i = spec.states.findIndex((s) => s.read === t);
        return i < 0 ? undefined : leaf(points[i] as Tensor, index);
      });
    const read = there(this.#readAt(spec.errorKey).read);
    const shown = this.#rule.gradients.find((g) => g.state === state)?.shown as Expr;
    const open = substitute(shown, (t, index) =>
      t === spec.bias.y ? at(read, axesFor(spec.read.shape), index) : undefined,
    );
    return equation(name, simplify(there(open)), state.shape);
  }

  /** W*, where the gradient is taken. */
  #point(s: MemoryState): Tensor {
    const { chunk, point } = this.#spec;
    const named = (suffix: string): Tensor => ({ name: `${s.name}${suffix}`, shape: s.shape, domain: REAL });
    if (chunk !== undefined) return named("@chunk");
    if (point === "prev") return named("");
    return s.link ? named(".kept") : this.#tensor("kept", s);
  }

  /** A state of the algorithm; what a ring of past tokens does is said in words. */
  #carried(s: AlgorithmState, gradients: ReadonlyMap<Tensor, Tensor>): Row[] {
    const held = heldIn(s.name);
    if (held === undefined) return [equation(s.next.name, rename(s.update, gradients), s.shape)];
    const [window] = s.shape;
    const many =
      window?.key === "tokens" ? "all tokens so far" : `the last ${window ? showDim(window) : ""} tokens`;
    if (held === "slot" || !window) return [];
    const what = held === "weight" ? "how much each of them counts: 1 when it comes" : `${held} of ${many}`;
    return [fact(`${s.name}'`, what)];
  }

  #next(s: MemoryState): Equation {
    if (s.advance) {
      const names = new Map([
        [s.kept, this.#tensor("kept", s)],
        [s.stepped, this.#tensor("step", s)],
      ]);
      return equation(s.next.name, rename(s.advance, names), s.shape);
    }
    const moved = sub(whole(this.#tensor("kept", s)), whole(this.#tensor("step", s)));
    const value = s.prox
      ? substitute(s.prox, (t, index) =>
          t === s.linkArgument ? at(moved, axesFor(s.shape), index) : undefined,
        )
      : moved;
    return equation(s.link ? `${this.#own("A", s)}'` : s.next.name, value, s.shape);
  }

  #output(): Equation[] {
    const spec = this.#spec;
    const { output } = this.#rule;
    const plain = this.#accumulated(this.#linked(output));
    if (this.#length(plain, spec.outputShape) <= IN_ONE_PIECE)
      return [equation("y", plain, spec.outputShape)];
    // A deep memory reads as its calls.
    const after = (read: Tensor): Tensor => {
      const state = spec.states.find((s) => s.read === read) as MemoryState;
      return this.#links.find((l) => l.tensor.name === state.next.name)?.tensor ?? state.next;
    };
    const [asked] = spec.reads;
    const place = asked?.x ?? spec.key;
    const q = this.#placeOf(place, "q");
    const chain = readChain(spec, { x: q, state: after }, new Names(spec));
    const direct = substitute(spec.read.body, (t, index) => {
      const state = spec.states.find((x) => x.read === t);
      if (state) return at(linked(state, state.next), axesFor(t.shape), index);
      return t === spec.read.x ? at(place, axesFor(spec.read.x.shape), index) : undefined;
    });
    const same: Same = (a, b) => spec.equalities.same(a, b);
    const folded = direct === spec.output ? chain.y : foldAll(this.#linked(spec.output), chain.steps, same);
    const { expr, labels } = inOnePiece(folded, chain);
    const row = equation("y", this.#accumulated(expr), spec.outputShape, undefined, labels);
    if (rightSide(row, spec, "unicode").join().length <= LINE) return [row];
    // An output that is no plain read is told in steps.
    const y: Tensor = { name: "y", shape: spec.outputShape, domain: REAL };
    const whole: Step = { tensor: y, expr: this.#accumulated(this.#linked(output)), call: undefined };
    return this.#shorten([whole]).map((s) => this.#step(s));
  }

  #shorten(steps: readonly Step[]): Step[] {
    const lengths = new Map<Expr, number>();
    const length = (e: Expr): number => {
      const known =
        lengths.get(e) ??
        this.#length(
          e,
          e.axes.map((a) => a.dim),
        );
      lengths.set(e, known);
      return known;
    };
    const name = (value: Expr, shape: readonly Dim[]): string => this.#names.part(value, shape);
    return shorten(steps, this.#spec, { length, short: WORTH_A_NAME, long: LINE, name });
  }

  // -------------------------------------------------------------- a tile of tokens

  written(): Written {
    const own = (s: RuleState): MemoryState | undefined =>
      this.#spec.states.find((x) => x.previous === s.previous);
    return {
      name: (s) => this.#accumulators.get(s.previous)?.name ?? s.name,
      accumulated: (e) => this.#accumulated(e),
      link: (s) => {
        const state = own(s);
        return state?.link ? this.#link(state, state.previous, state.name) : undefined;
      },
    };
  }

  // -------------------------------------------------------------- in one piece

  /** Each state after the token over what is there before it, and as a map of the state. */
  inOnePiece(): Equation[] {
    const { states, definitions } = this.#rule;
    const gradients = new Map(this.#spec.states.map((s) => [s.gradient, this.#tensor("G", s)]));
    return states.flatMap((s) => {
      if (heldIn(s.name) !== undefined) return [];
      const left = this.#accumulators.get(s.next)?.name ?? s.next.name;
      const whole = this.#accumulated(this.#linked(s.update));
      const isShort = this.#short && this.#length(whole, s.shape) <= LINE;
      const update = isShort ? whole : simplify(rename(resolve(s.next, definitions, gradients), gradients));
      const row = equation(left, this.#accumulated(update), s.shape);
      const map = isShort && !this.#accumulators.has(s.next) ? affineMap(s.update, s.previous) : undefined;
      if (!map) return [row];
      const mapped = { ...row, right: [map], note: "as a map of the state" };
      const text = (e: Equation): string => rightSide(e, this.#spec, "unicode").join();
      return text(row) === text(mapped) ? [row] : [row, mapped];
    });
  }
}

/** A state after the token, with everything but the gradients put in. */
function resolve(
  next: Tensor,
  definitions: ReadonlyMap<Tensor, Expr>,
  keep: ReadonlyMap<Tensor, Tensor>,
): Expr {
  const go = (e: Expr): Expr =>
    substitute(e, (t, index) => {
      const value = keep.has(t) ? undefined : definitions.get(t);
      return value && at(go(value), axesFor(t.shape), index);
    });
  return go(definitions.get(next) as Expr);
}

const rename = (e: Expr, names: ReadonlyMap<Tensor, Tensor>): Expr =>
  names.size === 0
    ? e
    : substitute(e, (t, index) => {
        const other = names.get(t);
        return other && leaf(other, index);
      });
