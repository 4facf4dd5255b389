/** Σ over the tokens s of a tile up to t, or before it; only ever printed. */
import { type Expr, postorder } from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import type { Elementwise } from "../../compiler/math/node.ts";

const sumOfEarlier = (unicode: string, tex: string): Elementwise => ({
  kind: "elementwise",
  name: `sum over s ${unicode} t`,
  takes: ["real"],
  gives: "real",
  callable: false,
  value: (x) => x,
  domain: () => REAL,
  linearIn: () => true,
  wgsl: () => "",
  notation: { style: "function", unicode: `Σ[s ${unicode} t]`, tex: `\\sum_{s ${tex} t}` },
  samples: [],
});

export const UP_TO_T = sumOfEarlier("≤", "\\le");
export const BEFORE_T = sumOfEarlier("<", "<");

export const isOverTokens = (e: Expr): boolean =>
  postorder([e]).some((x) => x.kind === "apply" && (x.op === UP_TO_T || x.op === BEFORE_T));
