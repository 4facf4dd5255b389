/** What a page consists of: equations, facts and sentences, in sections. */
import type { Spec } from "../../compiler/check/spec.ts";
import type { Dim } from "../../compiler/math/axis.ts";
import type { Expr } from "../../compiler/math/expr.ts";
import { type Labels, type Mode, showTerms } from "./notation.ts";

/** An expression up to this length is shown in one piece. */
export const IN_ONE_PIECE = 72;
/** The longest right side that leaves the line at 100 columns. */
export const LINE = 84;

/** What stands left of `=`: a tensor's name, or a notation of its own. */
export type Left = string | { readonly unicode: string; readonly tex: string };

export interface Equation {
  readonly kind: "equation";
  readonly left: Left;
  /** One or more equal things, such as a call and what it stands for; each a sum of terms in this order. */
  readonly right: readonly (readonly Expr[])[];
  readonly shape: readonly Dim[];
  readonly labels: Labels;
  readonly note: string | undefined;
}

export interface Fact {
  readonly kind: "fact";
  readonly label: string;
  readonly text: string;
  readonly note: string | undefined;
}

/** A sentence between equations. */
export interface Words {
  readonly kind: "words";
  readonly text: string;
}

export type Row = Equation | Fact | Words;

export interface Section {
  readonly key: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

export const NO_LABELS: Labels = new Map();

export const equation = (
  left: Left,
  right: Expr,
  shape: readonly Dim[],
  note?: string,
  labels: Labels = NO_LABELS,
): Equation => ({
  kind: "equation",
  left,
  right: [[right]],
  shape,
  labels,
  note,
});

/** What is right of the left side. */
export const rightSide = ({ right, shape, labels }: Equation, spec: Spec, mode: Mode): string[] =>
  right.map((terms) => showTerms(terms, shape, spec, mode, labels));

export const fact = (label: string, text: string, note?: string): Fact => ({
  kind: "fact",
  label,
  text,
  note,
});
