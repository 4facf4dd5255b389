/**
 * Definitions as jobs, each of which one kernel can do: elementwise, a product of matrices, reductions along the same
 * rows, or linear systems. Every other reduction, and whatever it is made from, is a job before it, which leaves its result in memory.
 */
import type { Definition } from "../form/steps.ts";
import type { Target } from "../kernel/target.ts";
import { apply, mul, reduce } from "../math/algebra.ts";
import { type Axis, axesFor, dim, extentOf, freshAxis } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { type Expr, leaf, postorder, type Reduce, type Solve, type Tensor, tensorsOf } from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { inOrder, keyOf } from "./key.ts";
import { allParts } from "./lookup.ts";
import { isLight, type Product, productOf } from "./product.ts";
import { rewrite } from "./rewrite.ts";
import { isAlong, partsFor, type Rows, rowsOf, totalsIn } from "./rows.ts";
import { count } from "./space.ts";
import { AGAIN, isDear, MANY, spread, type Work } from "./work.ts";

export interface Output {
  readonly tensor: Tensor;
  readonly value: Expr;
}

export interface Job {
  /** Of the outputs, in the order in which they lie. */
  readonly axes: readonly Axis[];
  readonly outputs: readonly Output[];
  /** The product that the value is made from. */
  readonly main?: Reduce;
  /** The rows that it is made from reductions of. */
  readonly rows?: Rows;
  /** The systems that it is the solutions of. */
  readonly system?: Solve;
}

interface Flat extends Pick<Job, "main" | "rows"> {
  readonly value: Expr;
}

export class Splitter {
  readonly jobs: Job[] = [];
  readonly #work: Work;
  readonly #name: string;
  readonly #target: Target;
  readonly #temporaries = new Map<Expr, Tensor>();
  /** Products that several definitions are made from. */
  readonly #shared = new Set<Expr>();
  #parted = 0;

  constructor(name: string, work: Work, target: Target) {
    this.#name = name;
    this.#work = work;
    this.#target = target;
  }

  /** A linear system must be a definition of its own. */
  define(definitions: readonly Definition[]): void {
    this.#findShared(definitions);
    for (const { tensor, value } of definitions) {
      if (value.kind === "solve") {
        this.jobs.push({ axes: axesFor(tensor.shape), outputs: [{ tensor, value }], system: value });
        continue;
      }
      this.#define(tensor, axesFor(tensor.shape), value, tensor.name);
      // Others that are made from the same reduction read it.
      if (this.#work.isHeavy(value)) {
        const { key, index } = keyOf(value);
        const isWhole =
          index.length === tensor.shape.length && index.every((a, i) => a.dim === tensor.shape[i]);
        if (isWhole && key === value) this.#temporaries.set(key, tensor);
      }
    }
  }

  #findShared(definitions: readonly Definition[]): void {
    const seen = new Set<Expr>();
    for (const { value } of definitions) {
      const own = new Set<Expr>();
      for (const r of totalsIn([value], this.#work))
        if (productOf(r, inOrder(r), this.#work.sizes)) own.add(keyOf(r).key);
      for (const key of own) (seen.has(key) ? this.#shared : seen).add(key);
    }
  }

  /** What is computed before is named after `hint`. */
  #define(tensor: Tensor, axes: readonly Axis[], value: Expr, hint: string): void {
    let e = value;
    for (;;) {
      const flat = this.#flattened(e, axes, hint);
      const once = this.#computedOnce(flat, axes, hint);
      const fitting = once === flat.value ? this.#fitted(flat.value, hint) : once;
      const { main, rows } = flat;
      const next = fitting === flat.value && rows ? this.#inParts(fitting, axes, rows, hint) : fitting;
      if (next === flat.value) {
        const outputs = [{ tensor, value: next }];
        this.jobs.push({ axes, outputs, ...(main && { main }), ...(rows && { rows }) });
        return;
      }
      e = next;
    }
  }

  /** The value with reductions that one kernel can do. */
  #flattened(value: Expr, axes: readonly Axis[], hint: string): Flat {
    let e = value;
    for (;;) {
      const outer = this.#work.outermost(e).filter((r) => isWithin(r, axes));
      const main = this.#longest(outer.filter((r) => this.#isProduct(r, axes, r === e)));
      const rows = main ? undefined : this.#rowsOf(outer, axes);
      const made = rewrite(e, (x, go) => {
        if (x !== e && this.#isMadeOfOne(x, e, main, rows)) return this.#temporary(x, hint);
        if (!this.#work.isHeavy(x)) return undefined;
        if (x === main) return this.#plain(x, axes, hint);
        const isTheirs = rows && isWithin(x, axes) && isAlong(rows, x, this.#work.sizes);
        const stays = isTheirs && (x === e || !this.#isShared(x));
        if (!stays) return this.#temporary(x, hint);
        const { op, over, body } = spread(x);
        const inside = go(body);
        return inside === body ? x : over.reduceRight((b, axis) => reduce(op, axis, b), inside);
      });
      if (made === e) return { value: e, ...(main && { main }), ...(rows && { rows }) };
      e = made;
    }
  }

  /** Whether it is computed, element by element, from one reduction that gets a job of its own, and goes with it. */
  #isMadeOfOne(x: Expr, whole: Expr, main: Reduce | undefined, rows: Rows | undefined): boolean {
    if (x.kind !== "apply" || x.op.gives !== "real" || !this.#work.hasHeavy(x)) return false;
    const [own, ...others] = this.#work.outermost(x);
    if (!own || others.length > 0 || own === main || this.#isShared(own)) return false;
    if (rows && isAlong(rows, own, this.#work.sizes)) return false;
    if (own.axes.length !== x.axes.length) return false;
    return !besides(x, [whole]).has(own);
  }

  /** What takes long and has few elements lies in memory, where a kernel would compute it again for each of many. */
  #computedOnce({ value, main, rows }: Flat, axes: readonly Axis[], hint: string): Expr {
    const { sizes } = this.#work;
    const isAgain = (x: Expr, around: readonly Axis[]): boolean => {
      if (x.kind !== "apply" || x.op.gives !== "real" || this.#work.hasHeavy(x)) return false;
      // What is the same along a row is computed once for it.
      const isInRow = !rows || x.axes.some((a) => !rows.rows.includes(a));
      const times = count(isInRow ? around : (rows?.rows ?? axes), sizes);
      return times >= MANY && count(x.axes, sizes) * AGAIN <= times && isDear(x);
    };
    const within = (of: Expr, around: readonly Axis[]): Expr =>
      rewrite(of, (x) => {
        if (x === main) return x;
        if (!this.#work.isHeavy(x)) return isAgain(x, around) ? this.#temporary(x, hint) : undefined;
        const { op, over, body } = spread(x);
        const inside = within(body, [...(rows?.rows ?? axes), ...over]);
        return inside === body ? x : over.reduceRight((b, axis) => reduce(op, axis, b), inside);
      });
    return within(value, axes);
  }

  #isProduct(r: Reduce, axes: readonly Axis[], isAlone: boolean): boolean {
    const { sizes } = this.#work;
    const isWhole = axes.every((a) => extentOf(a.dim, sizes) === 1 || r.axes.includes(a));
    // One that is needed again must lie in memory as it is.
    if (!isAlone && this.#isShared(r)) return false;
    return isWhole && productOf(r, axes, sizes) !== undefined;
  }

  #isShared(r: Reduce): boolean {
    return this.#shared.has(keyOf(r).key);
  }

  #longest(candidates: readonly Reduce[]): Reduce | undefined {
    const length = (r: Reduce): number => count(spread(r).over, this.#work.sizes);
    return candidates.reduce<Reduce | undefined>((a, b) => (a && length(a) >= length(b) ? a : b), undefined);
  }

  #rowsOf(candidates: readonly Reduce[], axes: readonly Axis[]): Rows | undefined {
    const { sizes } = this.#work;
    const fitting = candidates.filter((r) => !this.#isShared(r) && rowsOf(r, axes, sizes, this.#target));
    const longest = this.#longest(fitting);
    return longest && rowsOf(longest, axes, sizes, this.#target);
  }

  /** A product of matrices that lie in memory, or take next to no work. */
  #plain(main: Reduce, axes: readonly Axis[], hint: string): Expr {
    const { op, over, body } = spread(main);
    const made = rewrite(body, (x) => (this.#work.isHeavy(x) ? this.#temporary(x, hint) : undefined));
    if (made !== body) return over.reduceRight((e, axis) => reduce(op, axis, e), made);
    const product = productOf(main, axes, this.#work.sizes) as Product;
    const [left, right] = [product.left, product.right].map((operand) =>
      isLight(operand) ? operand : this.#temporary(operand, hint),
    ) as [Expr, Expr];
    if (left === product.left && right === product.right) return main;
    return over.reduceRight((e, axis) => reduce(op, axis, e), mul(left, right));
  }

  /** Reductions of few long rows: first of parts of them, and then of those. */
  #inParts(e: Expr, axes: readonly Axis[], rows: Rows, hint: string): Expr {
    const { sizes } = this.#work;
    const totals = totalsIn([e], this.#work);
    const areApart = totals.every((r) => !this.#work.hasHeavy(spread(r).body));
    if (rows.hasElements || !areApart) return e;
    const wholes = new Map<Expr, Expr>();
    for (const total of totals) {
      const parts = partsFor(rows, total, sizes, this.#target);
      if (parts < 2) continue;
      // Another axis than any of the job, which may be of as many elements.
      const part = freshAxis(dim([], parts));
      const name = `${this.#name}.${hint}.parts.${++this.#parted}`;
      const tensor: Tensor = { name, shape: [part, ...axes].map((a) => a.dim), domain: domainOf(total) };
      this.jobs.push({
        axes: [part, ...axes],
        outputs: [{ tensor, value: total }],
        rows: { ...rows, parts: part },
      });
      wholes.set(total, reduce(total.op, part, leaf(tensor, [part, ...axes])));
    }
    return rewrite(e, (x) => wholes.get(x));
  }

  /** An element of a tensor that holds the value, which is computed before. */
  #temporary(e: Expr, hint: string): Expr {
    const { key, index, canonical } = keyOf(e);
    let tensor = this.#temporaries.get(key);
    if (!tensor) {
      const what = e.kind === "reduce" ? (e.op.name === "sum" ? "sum" : "largest") : "part";
      const name = `${this.#name}.${hint}.${what}.${this.#temporaries.size + 1}`;
      tensor = { name, shape: index.map((a) => a.dim), domain: domainOf(key) };
      this.#temporaries.set(key, tensor);
      this.#define(tensor, canonical, key, hint);
    }
    return leaf(tensor, index);
  }

  /** Of more tensors than a kernel can bind, some are brought together first. */
  #fitted(value: Expr, hint: string): Expr {
    const most = this.#target.storageBuffers - 1;
    if (tensorsOf(value).size <= most) return value;
    const large = postorder([value]).find((x) => tensorsOf(x).size > most) as Expr;
    if (large.kind === "apply" && large.op.variadic) {
      const { op, args } = large;
      const group: Expr[] = [];
      for (const a of args) if (tensorsOf(...group, a).size <= most) group.push(a);
      const rest = args.filter((a) => !group.includes(a));
      if (group.length > 1) {
        const around = (one: Expr): Expr => apply(op, [one, ...rest]);
        return this.#apart(value, { whole: large, part: apply(op, group), rest, around }, hint);
      }
    }
    const joins = (x: Expr): boolean => x !== large && isNumber(x) && tensorsOf(x).size > 1;
    const candidates = postorder([large]).filter(joins);
    if (candidates.length === 0)
      throw new InternalError(`a part of ${hint} reads more tensors than can be bound`);
    const best = candidates.reduce((a, b) => (tensorsOf(a).size >= tensorsOf(b).size ? a : b));
    return this.#apart(value, { whole: best, part: best, rest: [], around: (one) => one }, hint);
  }

  /** A part of a whole gets memory; what is reduced both in it and in the rest gets some before. */
  #apart(value: Expr, { whole, part, rest, around }: Apart, hint: string): Expr {
    const elsewhere = besides(whole, [value, ...rest]);
    const both = this.#work.outermost(part).filter((r) => r !== part && elsewhere.has(r));
    if (both.length > 0)
      return rewrite(value, (x) => (both.includes(x as Reduce) ? this.#temporary(x, hint) : undefined));
    const joined = around(this.#temporary(part, hint));
    return rewrite(value, (x) => (x === whole ? joined : undefined));
  }
}

/** What values are made of besides one part of them. */
const besides = (part: Expr, values: readonly Expr[]): ReadonlySet<Expr> =>
  new Set(allParts(values, (x) => x !== part));

interface Apart {
  readonly whole: Expr;
  readonly part: Expr;
  /** What else the whole is made of, and how. */
  readonly rest: readonly Expr[];
  readonly around: (part: Expr) => Expr;
}

/** Whether it has no axes besides these: one that is looked up around it is none of a job's. */
const isWithin = (r: Reduce, axes: readonly Axis[]): boolean => r.axes.every((a) => axes.includes(a));

const isNumber = (e: Expr): boolean => e.kind === "reduce" || (e.kind === "apply" && e.op.gives === "real");
