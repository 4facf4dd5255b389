/** Builds a program, step by step; every tensor has a name of its own. */
import { call, reduce, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, freshAxis } from "../math/axis.ts";
import { constant, type Expr, position, type Tensor } from "../math/expr.ts";
import { type Interval, REAL } from "../math/interval.ts";
import { sum } from "../math/ops/index.ts";
import { InternalError } from "../source/diagnostic.ts";
import type { Learned, MemoryCall, Start, Step } from "./program.ts";

export const normal = (deviation: number): Start => ({ kind: "normal", deviation });
export const constantly = (value: number): Start => ({ kind: "constant", value });

export class Builder {
  readonly learned: Learned[] = [];
  readonly steps: Step[] = [];
  readonly #names = new Set<string>();

  #named(name: string, shape: readonly Dim[], domain: Interval): Tensor {
    if (this.#names.has(name)) throw new InternalError(`two tensors of a program are called ${name}`);
    this.#names.add(name);
    return { name, shape, domain };
  }

  /** What is given from outside, such as the tokens. */
  given(name: string, shape: readonly Dim[], domain: Interval): Tensor {
    return this.#named(name, shape, domain);
  }

  /** A learned tensor; `shrinks` where it is a matrix that multiplies. */
  weight(name: string, shape: readonly Dim[], start: Start, shrinks: boolean): Tensor {
    const tensor = this.#named(name, shape, REAL);
    this.learned.push({ tensor, start, shrinks });
    return tensor;
  }

  /** A tensor whose value `make` gives at the axes of its shape. */
  define(
    name: string,
    shape: readonly Dim[],
    make: (axes: readonly Axis[]) => Expr,
    domain: Interval = REAL,
  ): Tensor {
    const tensor = this.#named(name, shape, domain);
    this.steps.push({ kind: "definition", tensor, value: make(axesFor(shape)) });
    return tensor;
  }

  memory(call: Omit<MemoryCall, "kind" | "output">, name: string, shape: readonly Dim[]): Tensor {
    const output = this.#named(name, shape, REAL);
    this.steps.push({ kind: "memory", ...call, output });
    return output;
  }
}

/** Σ over new axes of the dimensions. */
export function sumAlong(dims: readonly Dim[], make: (axes: readonly Axis[]) => Expr): Expr {
  const axes = dims.map((d) => freshAxis(d));
  return sumOver(make(axes), axes);
}

/** The value of `body` where a new axis of `along` is at `place`; 0 where no position is. */
export function lookup(along: Dim, place: Expr, body: (at: Axis) => Expr): Expr {
  const axis = freshAxis(along);
  const isThere = call("equal", position(axis), place);
  return reduce(sum, axis, call("where", isThere, body(axis), constant(0)));
}
