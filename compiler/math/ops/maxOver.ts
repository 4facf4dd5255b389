import type { Reduction } from "../node.ts";

const ROUNDING = 1e-6;

/** The largest element along an axis. */
export const maxOver: Reduction = {
  kind: "reduction",
  name: "maxOver",
  callable: true,
  initial: -Infinity,
  // WGSL has no infinity; no finite f32 is smaller.
  wgslInitial: "-3.4028234e38",
  merge: (a, b) => Math.max(a, b),
  domain: (a) => a,
  adjoint: (m, result, element, adjoint, total) => {
    // The element is computed anew, in another order perhaps: equality up to rounding in 32 bits.
    const least = m.sub(result, m.mul(m.constant(ROUNDING), m.call("abs", result)));
    const attains = m.call("lessEqual", least, element);
    const ties = total(m.call("where", attains, m.constant(1), m.constant(0)));
    return m.call("where", attains, m.div(adjoint, ties), m.constant(0));
  },
  kink: "the maximum where several elements attain it: those within rounding share the derivative equally",
  linear: false,
  overConstant: (_m, element) => element,
  wgsl: (a, b) => `max(${a}, ${b})`,
  subgroup: "subgroupMax",
  notation: { unicode: "max", tex: "\\max" },
};
