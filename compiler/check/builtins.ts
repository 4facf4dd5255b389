/** The operations that need no definition. */
import { elementwise, reductions } from "../math/ops/index.ts";

/** Names with learned weights or with a sense of place, which only the layer around the memory may use. */
export const LAYER_OPERATIONS: ReadonlySet<string> = new Set(["project", "conv", "norm", "rope"]);

/** Those that are no operation of the mathematics by themselves. */
const STRUCTURAL = ["sqrt", "outer", "transpose", "read"];

/** The functions that need no definition. */
export const BUILTINS: ReadonlySet<string> = new Set([
  ...[...elementwise, ...reductions].filter((op) => op.callable).map((op) => op.name),
  ...STRUCTURAL,
]);

export const isBuiltin = (name: string): boolean => BUILTINS.has(name);
