/**
 * Expressions as people write them: matrices and vectors where index notation is one, in Unicode or
 * TeX. `sum[j](W[i,j]·k[j])` prints as `W k`, and `e[i]·k[j]` as `e kᵀ`.
 */
import { algebra, at, factorsOf, mul, splitCoefficient, splitPower } from "./algebra.ts";
import { type Axis, axesFor } from "./axis.ts";
import {
  constant,
  type Expr,
  isConstant,
  type Leaf,
  open,
  openSolve,
  postorder,
  type Reduce,
  type Solve,
} from "./expr.ts";
import type { Doc, Style } from "./style.ts";

export interface PrintOptions {
  readonly style: Style;
  /** Calls to print in place of the expressions that they were inlined to. */
  readonly labels?: ReadonlyMap<Expr, { readonly name: string; readonly args: readonly Expr[] }>;
  /** Names to print in place of expressions over the canonical axes of their shape. */
  readonly names?: ReadonlyMap<Expr, string>;
}

/** Prints an expression; `axes` are its rows and columns, for matrices, or its one axis, for vectors. */
export function printExpr(e: Expr, axes: readonly Axis[], options: PrintOptions): string {
  return new Printer(options).print(e, axes).text;
}

/** Of indices: k is a key. */
const LETTERS: readonly string[] = ["i", "j", "l", "m", "n"];

class Printer {
  readonly #options: PrintOptions;
  readonly #style: Style;
  /** What the index along each axis in sight is called. */
  #letters: ReadonlyMap<Axis, string> = new Map();
  /** The calls whose arguments are being printed. */
  readonly #within = new Set<Expr>();

  constructor(options: PrintOptions) {
    this.#options = options;
    this.#style = options.style;
  }

  print(e: Expr, axes: readonly Axis[]): Doc {
    // Names and labels are known over canonical axes: bring the expression there first.
    const canonical = axesFor(axes.map((a) => a.dim));
    const outer = this.#letters;
    const unused = LETTERS.filter((x) => ![...outer.values()].includes(x));
    const letter = (a: Axis): string => outer.get(a) ?? unused.shift() ?? "i";
    this.#letters = new Map(axes.map((a, i) => [canonical[i] as Axis, letter(a)]));
    const printed = this.#canonical(at(e, axes, canonical), canonical);
    this.#letters = outer;
    return printed;
  }

  #canonical(e: Expr, axes: readonly Axis[]): Doc {
    const s = this.#style;
    const name = this.#options.names?.get(e);
    if (name !== undefined) return s.name(name);
    const label = this.#options.labels?.get(e);
    // Two calls can be each other's arguments, such as −x of x and x of −x: one of them is written out.
    if (label && !this.#within.has(e)) {
      this.#within.add(e);
      const args = label.args.map((a) => this.#own(a).text);
      this.#within.delete(e);
      return s.call(label.name, args);
    }
    switch (e.kind) {
      case "constant":
        return s.number(e.value);
      case "extent":
        return s.name(e.dim.key);
      case "delta":
        return s.name("I");
      case "leaf":
        return this.#leaf(e, axes);
      case "index":
        return s.name(this.#letters.get(e.axis) ?? "i");
      case "reduce":
        return this.#reduce(e, axes);
      case "solve":
        return s.juxtaposed(this.#solve(e, axes));
      case "apply":
        break;
    }
    const { notation } = e.op;
    const arg = (i: number): Doc => this.print(e.args[i] as Expr, this.#along(e.args[i] as Expr, axes));
    switch (notation.style) {
      case "sum":
        return this.#sum(e.args, axes);
      case "product":
        return this.#product(e, axes);
      case "power":
        return this.#power(e.args[0] as Expr, e.args[1] as Expr, axes);
      case "infix":
        return s.infix(arg(0), s.pick(notation), arg(1));
      case "around":
        return s.around(s.pick(notation), arg(0));
      case "cases":
        return s.cases(arg(0), arg(1), arg(2));
      case "function":
        return s.call(
          s.pick(notation),
          e.args.map((_, i) => arg(i).text),
        );
    }
  }

  /** An expression along its own axes, in their usual order. */
  #own(e: Expr): Doc {
    return this.print(e, [...e.axes]);
  }

  #along(e: Expr, axes: readonly Axis[]): Axis[] {
    return axes.filter((a) => e.axes.includes(a));
  }

  #leaf(e: Leaf, axes: readonly Axis[]): Doc {
    const s = this.#style;
    const name = s.name(e.tensor.name);
    const turned = e.index.length === 2 && axes.length === 2 && e.index[0] === axes[1];
    return turned ? s.transposed(name) : name;
  }

  #sum(terms: readonly Expr[], axes: readonly Axis[]): Doc {
    const s = this.#style;
    const signed = terms.map((t) => {
      const [c, rest] = splitCoefficient(t);
      const negative = c < 0;
      return { negative, e: negative ? mul(constant(-c), rest) : t };
    });
    // A person writes the positive terms first.
    const ordered = [...signed.filter((t) => !t.negative), ...signed.filter((t) => t.negative)];
    const docs = ordered.map(({ negative, e }) => ({ negative, doc: this.print(e, this.#along(e, axes)) }));
    return s.sum(docs);
  }

  #product(e: Expr, axes: readonly Axis[]): Doc {
    const s = this.#style;
    const [c, rest] = splitCoefficient(e);
    if (c < 0) return s.negated(this.print(mul(constant(-c), rest), axes));
    const factors = factorsOf(rest);
    const below = factors.filter((f) => isNegativePower(f));
    const above = factors.filter((f) => !below.includes(f));
    const inverse = 1 / c;
    const divisor = c !== 1 && Number.isInteger(inverse) ? inverse : 1;
    if (below.length > 0 || divisor !== 1) {
      const denominator = mul(constant(divisor), ...below.map((f) => algebra.pow(f, constant(-1))));
      const numerator = mul(constant(c * divisor), ...above);
      return s.fraction(
        this.print(numerator, this.#along(numerator, axes)),
        this.print(denominator, this.#along(denominator, axes)),
      );
    }
    const front = c === 1 ? [] : [s.number(c)];
    return this.#factors(front, factors, axes);
  }

  #factors(front: readonly Doc[], factors: readonly Expr[], axes: readonly Axis[]): Doc {
    const s = this.#style;
    const [rows, columns] = axes;
    const pick = (test: (f: Expr) => boolean): Expr[] => factors.filter(test);
    const has = (f: Expr, a: Axis | undefined): boolean => a !== undefined && f.axes.includes(a);
    // Numbers, and what lies along further axes.
    const others = pick((f) => !has(f, rows) && !has(f, columns)).map((f) => this.#own(f));
    const lefts = pick((f) => has(f, rows) && !has(f, columns));
    const rights = pick((f) => has(f, columns) && !has(f, rows));
    const matrices = pick((f) => has(f, rows) && has(f, columns));
    const vector = (fs: readonly Expr[], a: Axis): Doc => s.hadamard(fs.map((f) => this.print(f, [a])));
    const parts: Doc[] = [...front, ...others];
    if (matrices.length > 0) {
      if (rows && lefts.length > 0) parts.push(s.diagonal(vector(lefts, rows)));
      // Diag(λ) is λ times the identity already.
      const isDiagonal = matrices.every((f) => f.kind === "delta") && lefts.length + rights.length > 0;
      if (!isDiagonal) parts.push(s.hadamard(matrices.map((f) => this.print(f, axes))));
      if (columns && rights.length > 0) parts.push(s.diagonal(vector(rights, columns)));
    } else if (rows && columns) {
      parts.push(lefts.length > 0 ? vector(lefts, rows) : s.number(1));
      parts.push(s.transposed(rights.length > 0 ? vector(rights, columns) : s.number(1)));
    } else if (rows) {
      if (lefts.length > 0) parts.push(vector(lefts, rows));
    }
    return s.juxtaposed(parts);
  }

  #power(base: Expr, exponent: Expr, axes: readonly Axis[]): Doc {
    const s = this.#style;
    const along = this.#along(base, axes);
    const p = exponent.kind === "constant" ? exponent.value : Number.NaN;
    if (p === 0.5) {
      const squares = base.kind === "reduce" ? this.#norm(base) : undefined;
      return squares ?? s.root(this.print(base, along));
    }
    if (p < 0) {
      const inverse = algebra.pow(base, constant(-p));
      return s.fraction(s.number(1), this.print(inverse, along));
    }
    return s.power(this.print(base, along), this.print(exponent, this.#along(exponent, axes)));
  }

  /** Whether a vector prints as a name or a call. */
  #isNamed(e: Expr, axis: Axis): boolean {
    const canonical = at(e, [axis], axesFor([axis.dim]));
    const { names, labels } = this.#options;
    return names?.has(canonical) === true || labels?.has(canonical) === true;
  }

  /** A⁻¹ b, as its two factors. */
  #solve(e: Solve, axes: readonly Axis[]): Doc[] {
    const s = this.#style;
    const { rows, columns, matrix, right } = openSolve(e);
    const system = [rows, columns, ...this.#along(matrix, axes)];
    const along = axes.map((a) => (a === e.result ? columns : a));
    return [
      s.power(this.print(matrix, system), s.number(-1)),
      s.operand(this.print(right, this.#along(right, along))),
    ];
  }

  /** ‖x‖, where the sum is Σ x² over all of a vector or a matrix x. */
  #norm(e: Reduce): Doc | undefined {
    if (e.op.name !== "sum" || e.axes.length > 0) return undefined;
    const { over, body } = nest(e);
    const [base, exponent] = splitPower(body);
    const whole = isConstant(exponent, 2) && over.length <= 2 && base.axes.length === over.length;
    return whole ? this.#style.norm(this.print(base, over)) : undefined;
  }

  /** A reduction within one is written as one, over both. */
  #over(e: Reduce, axes: readonly Axis[]): Doc {
    const s = this.#style;
    const { over, body } = nest(e);
    const dims = over.map((a) => a.dim.key).join(", ");
    return s.over(s.pick(e.op.notation), dims, this.print(body, [...axes, ...over]));
  }

  #reduce(e: Reduce, axes: readonly Axis[]): Doc {
    const s = this.#style;
    const { axis, body } = open(e);
    const [rows, columns] = axes;
    const over = (): Doc => this.#over(e, axes);
    if (e.op.name !== "sum" || axes.length > 2) return over();
    const factors = factorsOf(body);
    const has = (f: Expr, a: Axis | undefined): boolean => a !== undefined && f.axes.includes(a);
    if (factors.some((f) => has(f, rows) && has(f, columns))) return over();
    const lefts = factors.filter((f) => has(f, rows));
    const rights = factors.filter((f) => has(f, columns));
    const inner = factors.filter((f) => !has(f, rows) && !has(f, columns));
    const matrix = (fs: readonly Expr[], order: readonly Axis[]): Doc =>
      s.operand(this.#factors([], fs, order));
    const vector = (fs: readonly Expr[]): Doc => s.operand(s.hadamard(fs.map((f) => this.print(f, [axis]))));
    if (rows && columns) {
      if (lefts.length === 0 || rights.length === 0) return over();
      const middle = inner.length > 0 ? [s.diagonal(vector(inner))] : [];
      return s.juxtaposed([matrix(lefts, [rows, axis]), ...middle, matrix(rights, [axis, columns])]);
    }
    if (rows) {
      if (lefts.length === 0 || inner.length === 0) return over();
      const [only] = inner;
      // A product of matrices needs no brackets.
      const last =
        only?.kind === "solve" && inner.length === 1 && !this.#isNamed(only, axis)
          ? this.#solve(only, [axis])
          : [vector(inner)];
      return s.juxtaposed([matrix(lefts, [rows, axis]), ...last]);
    }
    const norm = this.#norm(e);
    if (norm) return s.power(norm, s.number(2));
    const [first, ...rest] = inner;
    if (first && rest.length > 0 && inner.every((f) => !isNegativePower(f))) {
      return s.juxtaposed([s.transposed(vector([first])), vector(rest)]);
    }
    return over();
  }
}

function isNegativePower(e: Expr): boolean {
  const [, exponent] = splitPower(e);
  return exponent.kind === "constant" && exponent.value < 0;
}

/** What is reduced, and along which axes: those of reductions by the same operation inside too, as a tensor has them. */
function nest(e: Reduce): { over: Axis[]; body: Expr } {
  const over: Axis[] = [];
  let body: Expr = e;
  while (body.kind === "reduce" && body.op === e.op) {
    const opened = open(body);
    over.push(opened.axis);
    body = opened.body;
  }
  const order = orderIn(body, over);
  return { over: order ?? over, body };
}

/** The axes in the order of the first tensor that has all of them. */
function orderIn(e: Expr, axes: readonly Axis[]): Axis[] | undefined {
  for (const x of postorder([e]))
    if (x.kind === "leaf" && axes.every((a) => x.index.includes(a)))
      return x.index.filter((a) => axes.includes(a));
  return undefined;
}
