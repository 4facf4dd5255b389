import { build } from "./tests/support/expressions.ts";
import { renameAxes } from "./compiler/math/algebra.ts";
import { AXES } from "./tests/support/expressions.ts";
import type { Expr } from "./compiler/math/expr.ts";
const sh = (e: Expr): string => e.kind === "constant" ? String(e.value) : e.kind === "leaf" ? `${e.tensor.name}[${e.index.map((i) => i.id)}]` : e.kind === "extent" ? e.dim.key : e.kind === "delta" ? `δ(${e.left.id},${e.right.id})` : e.kind === "apply" ? `${e.op.name}(${e.args.map(sh).join(", ")})` : `${e.op.name}{${e.axis.id}}(${sh(e.body)})`;
for (const a of process.argv.slice(2)) {
const p = JSON.parse(a);
const made = build(p)!;
console.log(sh(made.expr), made.table.axes.map((a) => a.id), [...made.table.data]);
const [m0, m1, n0, n1] = AXES as any;
const turn = new Map<any, any>([[m0, m1], [m1, m0], [n0, n1], [n1, n0]]);
const t = renameAxes(made.expr, turn);
console.log(sh(t)); console.log(sh(renameAxes(t, turn)));
}
