import { interval } from "../interval.ts";
import type { Reduction } from "../node.ts";

/** Σ over an axis. */
export const sum: Reduction = {
  kind: "reduction",
  name: "sum",
  callable: true,
  initial: 0,
  wgslInitial: "0.0",
  merge: (a, b) => a + b,
  // At least one element, of unknown number.
  domain: (a) =>
    interval(
      a.low < 0 ? -Infinity : a.low,
      a.high > 0 ? Infinity : a.high,
      a.low >= 0 ? a.openLow : true,
      a.high <= 0 ? a.openHigh : true,
    ),
  adjoint: (_m, _result, _element, adjoint) => adjoint,
  linear: true,
  overConstant: (m, element, extent) => m.mul(extent, element),
  wgsl: (a, b) => `${a} + ${b}`,
  subgroup: "subgroupAdd",
  notation: { unicode: "Σ", tex: "\\sum" },
};
