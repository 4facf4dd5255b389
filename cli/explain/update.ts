/** The update of one token: each state of the memory and of the algorithm, and the output. */
import { showDim } from "../../compiler/check/dimensions.ts";
import type { AlgorithmState, MemoryState } from "../../compiler/check/spec.ts";
import { linked } from "../../compiler/derive/linked.ts";
import { heldIn } from "../../compiler/derive/ring.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import { at, mul, sub, substitute } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import { type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import { foldAll, type Same, whole } from "../../compiler/math/name.ts";
import { inOnePiece, readChain, type Step } from "./chain.ts";
import { Names } from "./names.ts";
import { showName } from "./notation.ts";
import { type Equation, equation, fact, IN_ONE_PIECE, LINE, type Row, rightSide } from "./rows.ts";
import { rename, type Writer } from "./writer.ts";

export function updateTitle(writer: Writer): string {
  const { chunk, point, steps, algorithm } = writer.spec;
  const one = steps === 1 ? "update of one token" : "update of one of a token's steps";
  if (algorithm.kind !== "step") return one;
  if (chunk !== undefined) return `${one}; gradients are taken where its chunk of ${chunk} starts`;
  const place = point === "kept" ? "what is kept" : "the memory before it";
  const { window } = algorithm;
  const sum = window ? `, and summed over the last ${showDim(window)} tokens` : "";
  return `${one}; the gradient is taken at ${place}${sum}`;
}

export function updateRows(writer: Writer): Row[] {
  const spec = writer.spec;
  const isStep = spec.algorithm.kind === "step";
  const byState = (row: (s: MemoryState) => Equation | undefined): Equation[] =>
    spec.states.map(row).filter((r) => r !== undefined);
  const gradients = new Map(spec.states.map((s) => [s.gradient, writer.tensor("G", s)]));
  return [
    ...byState((s) => (s.link ? writer.link(s, s.previous, s.name) : undefined)),
    ...byState((s) =>
      equation(writer.own("kept", s), writer.accumulated(mul(s.keep, whole(s.previous))), s.shape),
    ),
    ...byState((s) =>
      s.link && spec.chunk === undefined && spec.point === "kept"
        ? writer.link(s, writer.tensor("kept", s), `${s.name}.kept`)
        : undefined,
    ),
    ...(isStep ? byState((s) => gradientTaken(writer, s)) : []),
    ...spec.algorithmStates.flatMap((s) => carried(s, gradients)),
    ...(isStep ? byState((s) => equation(writer.own("step", s), rename(s.step, gradients), s.shape)) : []),
    ...byState((s) => nextState(writer, s)),
    ...byState((s) => (s.link ? writer.link(s, s.next, `${s.name}'`) : undefined)),
    ...outputRows(writer),
  ];
}

/** G, in full where it is short; else as the gradient at its place. */
function gradientTaken(writer: Writer, state: MemoryState): Equation {
  const spec = writer.spec;
  const name = writer.own("G", state);
  const points = spec.states.map((s) => placeTaken(writer, s));
  if (!writer.isShort) {
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
  const read = there(writer.readAt(spec.errorKey).read);
  const shown = writer.rule.gradients.find((g) => g.state === state)?.shown as Expr;
  const open = substitute(shown, (t, index) =>
    t === spec.bias.y ? at(read, axesFor(spec.read.shape), index) : undefined,
  );
  return equation(name, simplify(there(open)), state.shape);
}

/** W*, where the gradient is taken. */
function placeTaken(writer: Writer, s: MemoryState): Tensor {
  const { chunk, point } = writer.spec;
  const named = (suffix: string): Tensor => ({ name: `${s.name}${suffix}`, shape: s.shape, domain: REAL });
  if (chunk !== undefined) return named("@chunk");
  if (point === "prev") return named("");
  return s.link ? named(".kept") : writer.tensor("kept", s);
}

/** A state of the algorithm; what a ring of past tokens does is said in words. */
function carried(s: AlgorithmState, gradients: ReadonlyMap<Tensor, Tensor>): Row[] {
  const held = heldIn(s.name);
  if (held === undefined) return [equation(s.next.name, rename(s.update, gradients), s.shape)];
  const [window] = s.shape;
  const many =
    window?.key === "tokens" ? "all tokens so far" : `the last ${window ? showDim(window) : ""} tokens`;
  if (held === "slot" || !window) return [];
  const what = held === "weight" ? "how much each of them counts: 1 when it comes" : `${held} of ${many}`;
  return [fact(`${s.name}'`, what)];
}

function nextState(writer: Writer, s: MemoryState): Equation {
  if (s.advance) {
    const names = new Map([
      [s.kept, writer.tensor("kept", s)],
      [s.stepped, writer.tensor("step", s)],
    ]);
    return equation(s.next.name, rename(s.advance, names), s.shape);
  }
  const moved = sub(whole(writer.tensor("kept", s)), whole(writer.tensor("step", s)));
  const value = s.prox
    ? substitute(s.prox, (t, index) =>
        t === s.linkArgument ? at(moved, axesFor(s.shape), index) : undefined,
      )
    : moved;
  return equation(s.link ? `${writer.own("A", s)}'` : s.next.name, value, s.shape);
}

function outputRows(writer: Writer): Equation[] {
  const spec = writer.spec;
  const { output } = writer.rule;
  const plain = writer.accumulated(writer.linked(output));
  if (writer.length(plain, spec.outputShape) <= IN_ONE_PIECE) return [equation("y", plain, spec.outputShape)];
  // A deep memory reads as its calls.
  const after = (read: Tensor): Tensor => {
    const state = spec.states.find((s) => s.read === read) as MemoryState;
    return writer.links.find((l) => l.tensor.name === state.next.name)?.tensor ?? state.next;
  };
  const [asked] = spec.reads;
  const place = asked?.x ?? spec.key;
  const q = writer.placeOf(place, "q");
  const chain = readChain(spec, { x: q, state: after }, new Names(spec));
  const direct = substitute(spec.read.body, (t, index) => {
    const state = spec.states.find((x) => x.read === t);
    if (state) return at(linked(state, state.next), axesFor(t.shape), index);
    return t === spec.read.x ? at(place, axesFor(spec.read.x.shape), index) : undefined;
  });
  const same: Same = (a, b) => spec.equalities.same(a, b);
  const folded = direct === spec.output ? chain.y : foldAll(writer.linked(spec.output), chain.steps, same);
  const { expr, labels } = inOnePiece(folded, chain);
  const row = equation("y", writer.accumulated(expr), spec.outputShape, undefined, labels);
  if (rightSide(row, spec, "unicode").join().length <= LINE) return [row];
  // An output that is no plain read is told in steps.
  const y: Tensor = { name: "y", shape: spec.outputShape, domain: REAL };
  const whole: Step = { tensor: y, expr: writer.accumulated(writer.linked(output)), call: undefined };
  return writer.shorten([whole]).map((s) => writer.step(s));
}
