/** The table of built-in operations in docs/language.md, from what the operations say of themselves. */
import { algebra, apply } from "../../compiler/math/algebra.ts";
import { type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import { type Interval, interval, REAL, showInterval } from "../../compiler/math/interval.ts";
import type { Elementwise, Reduction } from "../../compiler/math/node.ts";
import { elementwise, reductions } from "../../compiler/math/ops/index.ts";
import { printExpr } from "../../compiler/math/print.ts";
import { unicode } from "../../compiler/math/style.ts";

/** How an operation that is no function is written. */
const SIGNS: Readonly<Record<string, string>> = {
  add: "a + b",
  mul: "a * b",
  pow: "a ^ b",
  less: "a < b",
  lessEqual: "a <= b",
  equal: "a == b",
};

const ANY_CONDITION: Interval = interval(0, 1);
const ARGUMENTS = ["a", "b", "c"];

function argumentNames({ takes, name }: Elementwise): string[] {
  if (name === "where") return ["c", "a", "b"];
  return takes.length === 1 ? ["x"] : ARGUMENTS.slice(0, takes.length);
}

function written(op: Elementwise): string {
  const sign = SIGNS[op.name];
  if (op.callable) return `${op.name}(${argumentNames(op).join(", ")})`;
  if (sign === undefined) throw new Error(`say how \`${op.name}\` is written`);
  return sign;
}

/** ∂/∂x for each argument that is a number, where it is not refused. */
function derivatives(op: Elementwise): string {
  const { derivative, takes, gives, samples } = op;
  if (!derivative || gives === "bool") return "";
  const names = argumentNames(op);
  const args = takes.map((type, i): Expr => {
    const sample = samples[i] ?? [-1, 1];
    // The derivative of a power has a case for zero, which an ordinary base does not show.
    const domain =
      type === "bool" ? ANY_CONDITION : op.name === "pow" ? interval(sample[0], sample[1]) : REAL;
    const allowed = op.refuses?.(...takes.map(() => domain)) ? interval(sample[0], sample[1]) : domain;
    return leaf({ name: names[i] as string, shape: [], domain: allowed } satisfies Tensor, []);
  });
  const out = apply(op, args);
  const show = (e: Expr): string => printExpr(e, [], { style: unicode });
  return takes
    .flatMap((type, i) => (type === "bool" ? [] : [show(derivative(algebra, args, i, out))]))
    .join("; ");
}

const ranges = ({ takes, domain, gives, refuses }: Elementwise): string => {
  if (gives === "bool") return "a condition";
  const any = takes.map((type) => (type === "bool" ? ANY_CONDITION : REAL));
  return refuses?.(...any) ? "see the note" : showInterval(domain(...any));
};

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

function elementwiseRow(op: Elementwise): string {
  const any = op.takes.map((type) => (type === "bool" ? ANY_CONDITION : REAL));
  const refused = op.refuses?.(...any)?.reason ?? "";
  const kink = op.kink?.(...(op.name === "pow" ? [interval(0, 1), interval(0.5, 0.5)] : any)) ?? "";
  return row([`\`${written(op)}\``, ranges(op), derivatives(op), [refused, kink].filter(Boolean).join("; ")]);
}

const reductionRow = (op: Reduction): string =>
  row([
    `\`${op.name}(x)\`, \`${op.name}(x, d)\``,
    showInterval(op.domain(REAL)),
    "",
    [`over all of x, or along its dimension d`, op.kink ?? ""].filter(Boolean).join("; "),
  ]);

export const operationsTable = (): string =>
  [
    row(["written", "for any real arguments it is", "derivatives", "notes"]),
    row(["---", "---", "---", "---"]),
    ...elementwise.map(elementwiseRow),
    ...reductions.filter((op) => op.callable).map(reductionRow),
  ].join("\n");
