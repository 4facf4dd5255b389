/**
 * The expression: pure, immutable, hash-consed, in index notation. A value has a set of named free
 * axes; elementwise operations broadcast over the union; reductions bind an axis. So `W @ k` is
 * `sum[j](W[i,j] · k[j])`, and equal expressions, up to the names of bound axes, are one object.
 *
 * Bound axes are named by nesting level, which makes α-equivalent expressions identical. To look
 * inside a binder, `open` it: the bound axes become ordinary ones.
 */
import { InternalError } from "../source/diagnostic.ts";
import { type Axis, boundAxis, type Dim, freshAxis } from "./axis.ts";
import type {
  Apply,
  Constant,
  Delta,
  Elementwise,
  Expr,
  Extent,
  Index,
  Leaf,
  Reduce,
  Reduction,
  Solve,
  Tensor,
} from "./node.ts";

export type {
  Apply,
  Constant,
  Delta,
  Expr,
  Extent,
  Index,
  Leaf,
  Reduce,
  Solve,
  Tensor,
} from "./node.ts";

// ---------------------------------------------------------------- hash-consing

/** Weak, so that a long session (a fuzzing run) does not keep every expression it ever built. */
const interned = new Map<string, WeakRef<Expr>>();
const collected = new FinalizationRegistry<string>((key) => {
  if (!interned.get(key)?.deref()) interned.delete(key);
});
let serial = 0;

const tensorSerials = new WeakMap<Tensor, number>();
let tensorSerial = 0;
function tensorKey(tensor: Tensor): number {
  let found = tensorSerials.get(tensor);
  if (found === undefined) {
    found = tensorSerial++;
    tensorSerials.set(tensor, found);
  }
  return found;
}

type Fresh<E> = E extends Expr ? Omit<E, "serial"> : never;

function intern<E extends Expr>(key: string, make: () => Fresh<E>): E {
  const found = interned.get(key)?.deref();
  if (found) return found as E;
  const made = { ...make(), serial: serial++ } as unknown as E;
  interned.set(key, new WeakRef(made));
  collected.register(made, key);
  return made;
}

const NO_AXES: readonly Axis[] = [];

export function unionAxes(sets: readonly (readonly Axis[])[]): readonly Axis[] {
  const all = new Set(sets.flat());
  return [...all].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

// ---------------------------------------------------------------- raw constructors (no algebra)

export const constant = (value: number): Constant =>
  intern<Constant>(`c${Object.is(value, -0) ? 0 : value}`, () => ({
    kind: "constant",
    value: value === 0 ? 0 : value,
    axes: NO_AXES,
    depth: 0,
  }));

/** `tensor[index…]`; throws InternalError unless the axes are distinct and fit the tensor's shape. */
export function leaf(tensor: Tensor, index: readonly Axis[]): Leaf {
  const fits = index.length === tensor.shape.length && new Set(index).size === index.length;
  if (!fits) throw new InternalError(`bad index [${index.map((a) => a.id)}] of ${tensor.name}`);
  return intern<Leaf>(`l${tensorKey(tensor)}[${index.map((a) => a.id)}]`, () => ({
    kind: "leaf",
    tensor,
    index,
    axes: unionAxes([index]),
    depth: 0,
  }));
}

export const extent = (d: Dim): Expr =>
  d.names.length === 0
    ? constant(d.scale)
    : intern<Extent>(`e${d.key}`, () => ({ kind: "extent", dim: d, axes: NO_AXES, depth: 0 }));

export function delta(left: Axis, right: Axis): Expr {
  if (left === right) return constant(1);
  const [a, b] = left.id < right.id ? [left, right] : [right, left];
  return intern<Delta>(`d${a.id}=${b.id}`, () => ({
    kind: "delta",
    left: a,
    right: b,
    axes: unionAxes([[a, b]]),
    depth: 0,
  }));
}

/** The position along an axis: 0, 1, 2, … */
export const position = (axis: Axis): Index =>
  intern<Index>(`i${axis.id}`, () => ({ kind: "index", axis, axes: [axis], depth: 0 }));

export function rawApply(op: Elementwise, args: readonly Expr[]): Apply {
  return intern<Apply>(`${op.name}(${args.map((a) => a.serial)})`, () => ({
    kind: "apply",
    op,
    args,
    axes: unionAxes(args.map((a) => a.axes)),
    depth: Math.max(0, ...args.map((a) => a.depth)),
  }));
}

/** Binds the free axis `axis` of `body`. The caller has checked that the body has it. */
export function rawReduce(op: Reduction, axis: Axis, body: Expr): Reduce {
  const { bound, closed } = bind([axis], [body]);
  return closedReduce(op, bound[0] as Axis, closed[0] as Expr);
}

/** Binds the free axes `rows` and `columns` of `matrix`, and `columns` of `right`. */
export function rawSolve(rows: Axis, columns: Axis, matrix: Expr, right: Expr, result: Axis): Solve {
  const isSystem = rows !== columns && rows.dim === columns.dim && rows.dim === result.dim;
  if (!isSystem || right.axes.includes(rows))
    throw new InternalError(`a system over ${rows.id}, ${columns.id} and ${result.id}`);
  const { bound, closed } = bind([rows, columns], [matrix, right]);
  const [i, j] = bound as [Axis, Axis];
  const made = closedSolve(i, j, closed[0] as Expr, closed[1] as Expr, result);
  if (systemAxes(made).includes(result))
    throw new InternalError(`axis ${result.id} of a solution is one of its system's own`);
  return made;
}

/** The further free axes of a system: there is one system for each of their elements. */
export const systemAxes = ({ matrix, right, rows, columns }: Solve): readonly Axis[] =>
  unionAxes([matrix.axes, right.axes]).filter((a) => a !== rows && a !== columns);

/** Names axes by their level: above every level that is bound inside. */
function bind(
  axes: readonly Axis[],
  bodies: readonly Expr[],
): { bound: readonly Axis[]; closed: readonly Expr[] } {
  const inside = Math.max(...bodies.map((b) => b.depth));
  const bound = axes.map((a, i) => boundAxis(a.dim, inside + 1 + i));
  const map = new Map(axes.map((a, i) => [a, bound[i] as Axis]));
  return { bound, closed: bodies.map((b) => replaceAxes(b, map)) };
}

const closedReduce = (op: Reduction, axis: Axis, body: Expr): Reduce =>
  intern<Reduce>(`${op.name}#${axis.id}(${body.serial})`, () => ({
    kind: "reduce",
    op,
    axis,
    body,
    axes: body.axes.filter((a) => a !== axis),
    depth: body.depth + 1,
  }));

const closedSolve = (rows: Axis, columns: Axis, matrix: Expr, right: Expr, result: Axis): Solve =>
  intern<Solve>(`solve#${rows.id},${columns.id}@${result.id}(${matrix.serial},${right.serial})`, () => ({
    kind: "solve",
    rows,
    columns,
    matrix,
    right,
    result,
    axes: unionAxes([
      matrix.axes.filter((a) => a !== rows && a !== columns),
      right.axes.filter((a) => a !== columns),
      [result],
    ]),
    depth: Math.max(matrix.depth, right.depth) + 2,
  }));

/**
 * Renames axes without any algebra and without regard to capture: for binding and opening only,
 * where the new axis is known not to occur.
 */
function replaceAxes(e: Expr, map: ReadonlyMap<Axis, Axis>): Expr {
  const memo = new Map<Expr, Expr>();
  const of = (a: Axis): Axis => map.get(a) ?? a;
  const go = (x: Expr): Expr => {
    if (!x.axes.some((a) => map.has(a))) return x;
    const seen = memo.get(x);
    if (seen) return seen;
    const made = rebuild(x);
    memo.set(x, made);
    return made;
  };
  const rebuild = (x: Expr): Expr => {
    switch (x.kind) {
      case "leaf":
        return leaf(x.tensor, x.index.map(of));
      case "delta":
        return delta(of(x.left), of(x.right));
      case "apply": {
        const args = x.args.map(go);
        // The order of commutative operands depends on the names of their axes.
        return rawApply(x.op, x.op.variadic ? args.sort(compare) : args);
      }
      case "index":
        return position(of(x.axis));
      case "reduce":
        return closedReduce(x.op, x.axis, go(x.body));
      case "solve":
        return closedSolve(x.rows, x.columns, go(x.matrix), go(x.right), of(x.result));
      default:
        return x;
    }
  };
  return go(e);
}

/** The same function of a node, computed once for each. */
function once<E extends Expr, T>(make: (e: E) => T): (e: E) => T {
  const made = new WeakMap<E, T>();
  return (e) => {
    let found = made.get(e);
    if (found === undefined) {
      found = make(e);
      made.set(e, found);
    }
    return found;
  };
}

/** As `open`, with an axis that occurs nowhere else: for products of reductions. */
export function openFresh(e: Reduce): { axis: Axis; body: Expr } {
  const axis = freshAxis(e.axis.dim);
  return { axis, body: replaceAxes(e.body, new Map([[e.axis, axis]])) };
}

/** The body of a reduction with its bound axis made free: always the same axis for one reduction. */
export const open = once(openFresh);

/** As `openSolve`, with axes that occur nowhere else. */
export function openSolveFresh(e: Solve): { rows: Axis; columns: Axis; matrix: Expr; right: Expr } {
  const [rows, columns] = [freshAxis(e.rows.dim), freshAxis(e.columns.dim)];
  const map = new Map([
    [e.rows, rows],
    [e.columns, columns],
  ]);
  return { rows, columns, matrix: replaceAxes(e.matrix, map), right: replaceAxes(e.right, map) };
}

/** A system with its bound axes made free: always the same axes for one solution. */
export const openSolve = once(openSolveFresh);

/** The axes that opening a node makes free. */
export function openedAxes(e: Expr): readonly Axis[] {
  if (e.kind === "reduce") return [open(e).axis];
  if (e.kind === "solve") return [openSolve(e).rows, openSolve(e).columns];
  return [];
}

// ---------------------------------------------------------------- structural order

const KIND_RANK = {
  constant: 0,
  extent: 1,
  leaf: 2,
  delta: 3,
  index: 4,
  apply: 5,
  reduce: 6,
  solve: 7,
} as const;

/**
 * A total order that depends on structure alone, not on history: constants, then scalars, then
 * vectors, then matrices. Operands of commutative operations stand in it. The names of axes decide last, so
 * that renaming them exchanges no operands but those that differ in nothing else.
 */
export const compare = (a: Expr, b: Expr): number =>
  a === b ? 0 : compareShapes(a, b) || descend(a, b, compare, true);

/** The same order without regard to the names of axes: 0 for expressions that differ in nothing else. */
export const compareShapes = (a: Expr, b: Expr): number =>
  shapeOf(a) === shapeOf(b) ? 0 : descend(a, b, compareShapes, false);

/** Orders by what two expressions are, and then by their first parts that `next` tells apart. */
function descend(a: Expr, b: Expr, next: (a: Expr, b: Expr) => number, named: boolean): number {
  const byAxes = a.axes.length - b.axes.length;
  if (byAxes !== 0) return byAxes;
  const byKind = KIND_RANK[a.kind] - KIND_RANK[b.kind];
  if (byKind !== 0) return byKind;
  const names = (x: readonly Axis[], y: readonly Axis[]): number =>
    text(dimsOf(x), dimsOf(y)) || (named ? text(x.map((i) => i.id).join(), y.map((i) => i.id).join()) : 0);
  switch (a.kind) {
    case "constant":
      return a.value - (b as Constant).value;
    case "extent":
      return text(a.dim.key, (b as Extent).dim.key);
    case "leaf": {
      const other = b as Leaf;
      const byName = text(a.tensor.name, other.tensor.name) || names(a.index, other.index);
      return byName || (named ? tensorKey(a.tensor) - tensorKey(other.tensor) : 0);
    }
    case "delta":
      return names([a.left, a.right], [(b as Delta).left, (b as Delta).right]);
    case "index":
      return names([a.axis], [(b as Index).axis]);
    case "apply": {
      const other = b as Apply;
      return text(a.op.name, other.op.name) || lexical(a.args, other.args, next);
    }
    case "reduce": {
      const other = b as Reduce;
      return text(a.op.name, other.op.name) || names([a.axis], [other.axis]) || next(a.body, other.body);
    }
    case "solve": {
      const other = b as Solve;
      const byAxis = names([a.rows, a.columns, a.result], [other.rows, other.columns, other.result]);
      return byAxis || next(a.matrix, other.matrix) || next(a.right, other.right);
    }
  }
}

const dimsOf = (axes: readonly Axis[]): string => axes.map((a) => a.dim.key).join();
const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function lexical(a: readonly Expr[], b: readonly Expr[], next: (a: Expr, b: Expr) => number): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const order = next(a[i] as Expr, b[i] as Expr);
    if (order !== 0) return order;
  }
  return 0;
}

const shapes = new WeakMap<Expr, number>();

/** A hash of everything but the names of axes. */
function shapeOf(e: Expr): number {
  let found = shapes.get(e);
  if (found === undefined) {
    found = hash(`${e.kind} ${e.axes.length} ${shapeText(e)}`);
    shapes.set(e, found);
  }
  return found;
}

function shapeText(e: Expr): string {
  switch (e.kind) {
    case "constant":
      return String(e.value);
    case "extent":
      return e.dim.key;
    case "leaf":
      return `${e.tensor.name}[${dimsOf(e.index)}]`;
    case "delta":
      return dimsOf([e.left, e.right]);
    case "apply":
      return `${e.op.name}(${e.args.map(shapeOf)})`;
    case "index":
      return e.axis.dim.key;
    case "reduce":
      return `${e.op.name} ${e.axis.dim.key} ${e.depth} (${shapeOf(e.body)})`;
    case "solve":
      return `${e.rows.dim.key} ${e.depth} (${shapeOf(e.matrix)} ${shapeOf(e.right)})`;
  }
}

/** 53 bits, of which collisions are not to be expected. */
function hash(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 2654435761);
    b = Math.imul(b ^ c, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

// ---------------------------------------------------------------- looking

export const isConstant = (e: Expr, value?: number): e is Constant =>
  e.kind === "constant" && (value === undefined || e.value === value);

/** The arguments, with a binder opened. */
export function children(e: Expr): readonly Expr[] {
  if (e.kind === "apply") return e.args;
  if (e.kind === "reduce") return [open(e).body];
  if (e.kind === "solve") return [openSolve(e).matrix, openSolve(e).right];
  return [];
}

/** Every distinct node reachable from the roots through those that `enter` accepts, arguments before users. */
export function postorder(roots: readonly Expr[], enter: (e: Expr) => boolean = () => true): Expr[] {
  const seen = new Set<Expr>();
  const order: Expr[] = [];
  const visit = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (enter(e)) for (const c of children(e)) visit(c);
    order.push(e);
  };
  for (const r of roots) visit(r);
  return order;
}

/** The tensors that an expression reads. */
export function tensorsOf(...roots: readonly Expr[]): Set<Tensor> {
  const found = new Set<Tensor>();
  for (const e of postorder(roots)) if (e.kind === "leaf") found.add(e.tensor);
  return found;
}
