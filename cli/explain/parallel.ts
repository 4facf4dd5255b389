/** The section that says whether the tokens of a tile can be computed together, why, and what they then compute. */
import { heldIn } from "../../compiler/derive/ring.ts";
import type { Rule, RuleState } from "../../compiler/derive/rule.ts";
import type { Obstacle } from "../../compiler/form/planes.ts";
import { isObstacle } from "../../compiler/form/planes.ts";
import type { Class, TileForm } from "../../compiler/form/tile-form.ts";
import { at } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import type { Expr } from "../../compiler/math/expr.ts";
import { show, showName } from "./notation.ts";
import { type Equation, equation, type Row, rightSide, type Section, type Words } from "./rows.ts";
import { type Shown, TileNotation } from "./tile-notation.ts";

/** How the page writes a rule's states. */
export interface Written {
  /** A for what is accumulated, where W is what is read of it. */
  readonly name: (s: RuleState) => string;
  readonly accumulated: (e: Expr) => Expr;
  /** W = link(A), where a state has a link. */
  readonly link: (s: RuleState) => Equation | undefined;
}

export type FormClass = Class | "sequential";

export const classOf = (form: TileForm | Obstacle): FormClass =>
  isObstacle(form) ? "sequential" : form.class;

export function parallelForm(rule: Rule, form: TileForm | Obstacle, written: Written): Section {
  const rows = isObstacle(form) ? stopped(rule, form, written) : parallel(rule, form, written);
  return { key: "parallel", title: `parallel form: ${classOf(form)}`, rows };
}

const says = (text: string): Words => ({ kind: "words", text });

/** Equations longer than this are said in words alone. */
const LINE = 100;

// ---------------------------------------------------------------- what there is

const WHY: Readonly<Record<Class, string>> = {
  associative:
    "What a token writes does not depend on the memory, so that each state of a tile is a sum over its tokens.",
  triangular:
    "What a token writes is affine in what it reads of the memory, with one slope for all channels: the tokens of a tile together solve one unit lower-triangular system, with each channel as a right side.",
  substitution:
    "What a token writes follows from what it reads of the memory, and that from what the tile's tokens before it wrote: forward substitution over the tile is exact, and makes no state in between.",
  frozen:
    "Gradients are taken where the chunk starts, so that what a token writes follows from it and from that start: all tokens of a chunk are computed at once.",
  streaming:
    "Past tokens are kept as they are: what is read of them is one reduction over those from before the tile, merged with one over the tile's own.",
};

function parallel(rule: Rule, form: TileForm, written: Written): Row[] {
  const { spec } = rule;
  const notation = new TileNotation(form, written.name);
  const shown = ({ left, right, shape }: Shown): Equation => ({
    ...equation(
      { unicode: show(left, shape, spec, "unicode"), tex: show(left, shape, spec, "tex") },
      left,
      shape,
    ),
    right: [right],
  });
  const isShort = (s: Shown): boolean => rightSide(shown(s), spec, "unicode").join().length <= LINE;
  const states = notation.states();
  const sides = notation.sides();
  const solved = notation.solved();
  const own = [...sides, ...solved].filter(isShort);
  const long = sides.filter((s) => !isShort(s)).map(({ left, shape }) => show(left, shape, spec, "unicode"));
  return [
    says(WHY[form.class]),
    ...(states.length > 0 ? [says(startText(form, written)), ...states.map(shown)] : []),
    ...notation.coefficients().map(shown),
    ...beginnings(notation),
    ...held(notation, written),
    ...(own.length > 0
      ? [says(solved.length > 0 ? "What a token writes, and what that reads:" : "What a token writes:")]
      : []),
    ...distinct(own.map(shown)),
    ...(long.length > 0
      ? [
          says(
            `${list(long)} ${long.length === 1 ? "is a side" : "are the sides"} of its gradients, but for factors.`,
          ),
        ]
      : []),
    ...(states.length > 0 ? readout(rule, notation, isShort) : []).map((r) => ("kind" in r ? r : shown(r))),
  ];
}

/** Without what reads the same, as where two dimensions are one. */
const distinct = (rows: readonly Equation[]): Equation[] =>
  rows.filter((r, i) => rows.findIndex((x) => leftText(x) === leftText(r)) === i);

const leftText = ({ left }: Equation): string => (typeof left === "string" ? left : left.unicode);

/** `a, b and c` */
const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

const nameText = (name: string): string => showName(name, "unicode");

function startText({ rule, class: of }: TileForm, { name }: Written): string {
  const starts = rule.states.filter((s) => s.shape.length > 0 && heldIn(s.name) === undefined);
  const names = starts.map((s) => nameText(`${name(s)}@chunk`));
  const place = of === "frozen" ? "chunk" : "tile";
  const { steps } = rule.spec;
  const counted = steps === 1 ? "token t" : `step t, of which a token has ${steps},`;
  return names.length === 1
    ? `Where a ${place} starts the state is ${names[0]}; after its ${counted} it is`
    : `Where a ${place} starts the states are ${list(names)}; after its ${counted} they are`;
}

/** What the coefficients of the tile's start are before its first token. */
function beginnings(notation: TileNotation): Words[] {
  const [zeros, ones] = [notation.firsts(0), notation.firsts(1)];
  const parts = [
    ...(ones.length > 0 ? [`${list(ones)} ${ones.length === 1 ? "begins" : "begin"} at 1`] : []),
    ...(zeros.length > 0 ? [`${list(zeros)} at 0`] : []),
  ];
  return parts.length > 0 ? [says(`${parts.join(", ")}.`)] : [];
}

/** What is had of past tokens for each token of the tile. */
function held(notation: TileNotation, { name }: Written): Words[] {
  const states = notation.held();
  const window = states[0]?.shape[0]?.key;
  if (!window) return [];
  const names = list(states.map((s) => nameText(`${name(s)}@t`)));
  return [
    says(
      `In ${names} each of the last ${window} tokens, t among them, has a row: that of a token before the tile is taken from the tile's start.`,
    ),
  ];
}

/** Which states are made for the output, and what it reads of the others. */
function readout({ spec }: Rule, notation: TileNotation, isShort: (s: Shown) => boolean): (Words | Shown)[] {
  const made = notation.made().map(nameText);
  const reads = notation.reads();
  const [only] = reads;
  const told: (Words | Shown)[] = [];
  if (only && reads.length === 1 && isShort(only))
    told.push(says(`What is read of ${list(only.of)} is such a sum too, so that it is never made:`), only);
  else if (only && made.length === 0)
    told.push(says("What is read of the states are such sums too, so that none is made before the end."));
  if (made.length > 0) {
    const [are, their] = made.length === 1 ? ["is", "its link needs"] : ["are", "their links need"];
    const reason = spec.states.some((s) => s.link)
      ? `${their} every element`
      : "more than products with vectors is asked of it";
    told.push(says(`${list(made)} ${are} made for each token that is read, since ${reason}.`));
  }
  return told;
}

// ---------------------------------------------------------------- what is in the way

function stopped(rule: Rule, { state, part, why }: Obstacle, written: Written): Row[] {
  const { spec } = rule;
  const memory = spec.states.find((s) => s.previous === state.previous);
  const name = nameText(written.name(state));
  const inState = axesFor(state.shape).filter((a) => part.axes.includes(a));
  const axes = part.kind === "leaf" ? part.index : inState.length === part.axes.length ? inState : part.axes;
  const shape = axes.map((a) => a.dim);
  const shown = equation("", at(written.accumulated(part), axes, axesFor(shape)), shape);
  const byChunk = spec.chunk === undefined && spec.algorithm.kind === "step";
  const chunk = byChunk
    ? [says("With a `chunk`, gradients are taken where it starts, and this is no obstacle.")]
    : [];
  switch (why) {
    case "right side":
      return [
        says(
          `What a token writes into ${name} is a product with a row that reads the memory before that token, and so follows from all tokens before it:`,
        ),
        shown,
        ...chunk,
      ];
    case "read as a whole": {
      const link = memory && written.link(state);
      return [
        says(`What a token writes reads every element of ${name}, and not only products with it:`),
        link ?? shown,
        ...chunk,
      ];
    }
    case "not linear":
      if (state.shape.length > 2) return [says(`${name} has more than two dimensions.`)];
      return [
        says(`The update of ${name} is not linear in the states, for in it is:`),
        shown,
        ...(memory?.prox
          ? [
              says(
                "It comes of a penalty on the state itself. One without `prev` is read through a link instead: then what is accumulated stays linear, and with a `chunk` there is a parallel form.",
              ),
            ]
          : []),
      ];
    case "does not split":
      return [says(`What a token writes into ${name} is no product of a column and a row:`), shown];
    case "mixed coefficient":
      return [
        says(`${name} fades at a rate for each element:`),
        shown,
        says("A rate for each row times one for each column, `outer(a, b)`, has a parallel form."),
      ];
    case "mixed sum":
      return [
        says(
          `${name} and what goes over into it fade at different rates along both axes, so that what it holds of that after some tokens is no column times a row:`,
        ),
        shown,
        says("Where they fade alike along one of the axes there is a parallel form."),
      ];
  }
}
