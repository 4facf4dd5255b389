/** Values of numbers alone are numbers: by the time of lowering extents are. */
import type { Elementwise } from "../math/node.ts";
import type { Value } from "./block.ts";

export function folded(op: Elementwise, args: readonly Value[]): Value {
  const numbers = args.map((a) => (a.kind === "constant" ? a.value : Number.NaN));
  const [a = 0, b = 0, c = 0] = numbers;
  const result = op.variadic ? numbers.reduce((x, y) => op.value(x, y, 0)) : op.value(a, b, c);
  return Number.isFinite(result) && op.gives === "real" && !numbers.some(Number.isNaN)
    ? { kind: "constant", value: result }
    : { kind: "apply", op, args };
}
