/**
 * The f64 interpreter of expressions: every node is computed whole, one after the other, into a dense
 * array. It is the reference for everything numeric, so it is as naive as it can be.
 */
import { InternalError } from "../source/diagnostic.ts";
import { type Axis, extentOf, type Sizes } from "./axis.ts";
import {
  type Apply,
  type Expr,
  type Leaf,
  open,
  openSolve,
  postorder,
  type Reduce,
  type Solve,
  systemAxes,
  type Tensor,
} from "./expr.ts";

/** The data of each tensor, dense and row-major in the order of its shape. */
export type Environment = ReadonlyMap<Tensor, Float64Array>;

export interface Output {
  readonly expr: Expr;
  /** The order of the result's axes; may hold axes that the expression is constant along. */
  readonly axes: readonly Axis[];
}

export type Evaluator = (environment: Environment) => Float64Array[];

/** A value in memory: where it is, and how far apart its elements are along each axis. */
interface Value {
  data: Float64Array;
  readonly strides: ReadonlyMap<Axis, number>;
}

/** Prepares the computation of several expressions for given sizes; the result can be run many times. */
export function evaluator(outputs: readonly Output[], sizes: Sizes): Evaluator {
  const values = new Map<Expr, Value>();
  const steps: ((environment: Environment) => void)[] = [];
  const valueAt = (e: Expr): Value => {
    const value = values.get(e);
    if (!value) throw new InternalError("an expression is used before it is computed");
    return value;
  };

  for (const e of postorder(outputs.map((o) => o.expr))) {
    if (e.kind === "leaf") {
      const value: Value = { data: new Float64Array(), strides: dense(e.index, sizes) };
      values.set(e, value);
      steps.push((environment) => {
        value.data = dataOf(e, environment);
      });
      continue;
    }
    const value: Value = {
      data: new Float64Array(count(e.axes, sizes)),
      strides: dense(e.axes, sizes),
    };
    values.set(e, value);
    if (e.kind === "constant") value.data[0] = e.value;
    else if (e.kind === "extent") value.data[0] = extentOf(e.dim, sizes);
    else if (e.kind === "apply") steps.push(elementwiseStep(e, value, e.args.map(valueAt), sizes));
    else if (e.kind === "reduce") steps.push(reductionStep(e, value, valueAt(open(e).body), sizes));
    else if (e.kind === "solve") {
      const { matrix, right } = openSolve(e);
      steps.push(solutionStep(e, value, valueAt(matrix), valueAt(right), sizes));
    } else if (e.kind === "index") value.data.set([...value.data.keys()]);
    else {
      const n = extentOf(e.left.dim, sizes);
      for (let i = 0; i < n; i++) value.data[i * n + i] = 1;
    }
  }

  return (environment) => {
    for (const step of steps) step(environment);
    return outputs.map(({ expr, axes }) => {
      const out = new Float64Array(count(axes, sizes));
      const { data, strides } = valueAt(expr);
      walk(axes, sizes, [strides], ([at = 0], n) => {
        out[n] = data[at] as number;
      });
      return out;
    });
  };
}

function dataOf(e: Leaf, environment: Environment): Float64Array {
  const data = environment.get(e.tensor);
  if (!data) throw new InternalError(`no data for ${e.tensor.name}`);
  return data;
}

function elementwiseStep(e: Apply, out: Value, args: readonly Value[], sizes: Sizes): () => void {
  const f = e.op.value;
  const strides = args.map((a) => a.strides);
  return () => {
    walk(e.axes, sizes, strides, (at, n) => {
      const x = args[0]?.data[at[0] ?? 0] ?? 0;
      const y = args[1]?.data[at[1] ?? 0] ?? 0;
      let value = f(x, y, args[2]?.data[at[2] ?? 0] ?? 0);
      if (e.op.variadic) {
        for (let i = 2; i < args.length; i++) value = f(value, args[i]?.data[at[i] ?? 0] ?? 0, 0);
      }
      out.data[n] = value;
    });
  };
}

function reductionStep(e: Reduce, out: Value, body: Value, sizes: Sizes): () => void {
  const { axis } = open(e);
  const n = extentOf(axis.dim, sizes);
  const stride = body.strides.get(axis) ?? 0;
  return () => {
    walk(e.axes, sizes, [body.strides], ([start = 0], at) => {
      let merged = e.op.initial;
      for (let i = 0; i < n; i++) merged = e.op.merge(merged, body.data[start + i * stride] as number);
      out.data[at] = merged;
    });
  };
}

/** Solves one system for each element of its further axes. */
function solutionStep(e: Solve, out: Value, matrix: Value, right: Value, sizes: Sizes): () => void {
  const { rows, columns } = openSolve(e);
  const n = extentOf(e.result.dim, sizes);
  const stride = (v: Value, a: Axis): number => v.strides.get(a) ?? 0;
  const [down, across, along] = [stride(matrix, rows), stride(matrix, columns), stride(right, columns)];
  const step = stride(out, e.result);
  const all = Array.from({ length: n }, (_, i) => i);
  return () => {
    walk(systemAxes(e), sizes, [matrix.strides, right.strides, out.strides], ([a = 0, b = 0, at = 0]) => {
      const x = cholesky(
        all.map((i) => all.map((j) => matrix.data[a + i * down + j * across] as number)),
        all.map((j) => right.data[b + j * along] as number),
      );
      for (const i of all) out.data[at + i * step] = x[i] as number;
    });
  };
}

/** A⁻¹ b by A = L Lᵀ, of which the lower triangle is read; NaN where A is not positive definite. */
function cholesky(A: readonly number[][], b: readonly number[]): number[] {
  const n = b.length;
  const L = A.map(() => new Float64Array(n));
  const at = (i: number, j: number): number => L[i]?.[j] as number;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = A[i]?.[j] as number;
      for (let k = 0; k < j; k++) rest -= at(i, k) * at(j, k);
      // The root of a negative number is NaN, and so is what a zero would divide.
      (L[i] as Float64Array)[j] = i === j ? (rest > 0 ? Math.sqrt(rest) : Number.NaN) : rest / at(j, j);
    }
  }
  const x = [...b];
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] = (x[i] as number) - at(i, k) * (x[k] as number);
    x[i] = (x[i] as number) / at(i, i);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] = (x[i] as number) - at(k, i) * (x[k] as number);
    x[i] = (x[i] as number) / at(i, i);
  }
  return x;
}

const count = (axes: readonly Axis[], sizes: Sizes): number =>
  axes.reduce((n, a) => n * extentOf(a.dim, sizes), 1);

/** Row-major strides. */
function dense(axes: readonly Axis[], sizes: Sizes): Map<Axis, number> {
  const strides = new Map<Axis, number>();
  let stride = 1;
  for (const a of [...axes].reverse()) {
    strides.set(a, stride);
    stride *= extentOf(a.dim, sizes);
  }
  return strides;
}

/** Visits every index over `axes` in row-major order, with the offset into each operand. */
function walk(
  axes: readonly Axis[],
  sizes: Sizes,
  operands: readonly ReadonlyMap<Axis, number>[],
  visit: (offsets: readonly number[], position: number) => void,
): void {
  const extents = axes.map((a) => extentOf(a.dim, sizes));
  const strides = axes.map((a) => operands.map((s) => s.get(a) ?? 0));
  const total = extents.reduce((a, b) => a * b, 1);
  const index = extents.map(() => 0);
  const offsets = operands.map(() => 0);
  for (let position = 0; position < total; position++) {
    visit(offsets, position);
    for (let d = axes.length - 1; d >= 0; d--) {
      const step = strides[d] as number[];
      const wraps = index[d] === (extents[d] as number) - 1;
      const move = wraps ? -(index[d] as number) : 1;
      for (let k = 0; k < offsets.length; k++)
        offsets[k] = (offsets[k] as number) + move * (step[k] as number);
      index[d] = (index[d] as number) + move;
      if (!wraps) break;
    }
  }
}
