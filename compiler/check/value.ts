/** What an expression of the language stands for while it is checked. */
import type * as ast from "../../grammar/ast.ts";
import { axesFor, type Dim } from "../math/axis.ts";
import { type Expr, leaf, type Tensor } from "../math/expr.ts";
import type { ValueType } from "../math/node.ts";
import type { Span } from "../source/span.ts";

/** A tensor: an expression over the canonical axes (`axesFor`) of its shape. */
export interface TensorValue {
  readonly kind: "tensor";
  readonly expr: Expr;
  readonly shape: readonly Dim[];
  readonly type: ValueType;
}

/** A size such as `dk` or `4`: a dimension in a shape, a number elsewhere. */
export interface SizeValue {
  readonly kind: "size";
  readonly dim: Dim;
}

/** A function that is passed by name. */
export interface FunctionValue {
  readonly kind: "function";
  readonly name: string;
}

/** `I`: it takes the shape of what it is combined with. */
export interface IdentityValue {
  readonly kind: "identity";
}

export type Value = TensorValue | SizeValue | FunctionValue | IdentityValue;

export const tensorValue = (expr: Expr, shape: readonly Dim[], type: ValueType = "real"): TensorValue => ({
  kind: "tensor",
  expr,
  shape,
  type,
});

/** The whole of a named tensor. */
export const whole = (t: Tensor): TensorValue => tensorValue(leaf(t, axesFor(t.shape)), t.shape);

/** What a name means. Values of `let` and `const` are made when first asked for. */
export interface Binding {
  readonly what: string;
  readonly span: Span | undefined;
  /** Undefined where the definition was in error, which has been reported. */
  readonly value: () => Value | undefined;
}

/** Names by block; inner blocks hide outer ones. */
export class Scope {
  readonly #names = new Map<string, Binding>();
  readonly #used = new Set<string>();
  readonly #missing = new Set<string>();
  readonly parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  define(name: string, binding: Binding): void {
    this.#names.set(name, binding);
  }

  own(name: string): Binding | undefined {
    return this.#names.get(name);
  }

  find(name: string): Binding | undefined {
    const mine = this.#names.get(name);
    if (mine) {
      this.#used.add(name);
      return mine;
    }
    return this.parent?.find(name);
  }

  wasUsed(name: string): boolean {
    return this.#used.has(name);
  }

  names(): string[] {
    return [...this.#names.keys(), ...(this.parent?.names() ?? [])].filter((n) => !this.#missing.has(n));
  }

  /** Takes an unknown name, once reported, as known from now on: one mistake is told once. */
  forgive(name: string): void {
    if (this.parent) {
      this.parent.forgive(name);
      return;
    }
    this.#missing.add(name);
    this.#names.set(name, { what: "unknown", span: undefined, value: () => undefined });
  }
}

export const bind = (value: Value, what: string, span?: Span): Binding => ({
  what,
  span,
  value: () => value,
});

export type FunctionTable = ReadonlyMap<string, ast.FunctionDef>;
