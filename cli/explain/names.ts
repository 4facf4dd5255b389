/** Names for what the explanation names itself, none of which the spec uses. */
import type { Spec } from "../../compiler/check/spec.ts";
import type { Dim } from "../../compiler/math/axis.ts";
import type { Expr } from "../../compiler/math/expr.ts";

const PRODUCTS = ["h", "z", "u", "p"];
const CALLS = ["a", "n", "b", "d"];
const SCALARS = ["s", "r", "m"];
const PARTS = ["c", "d", "w", "x"];

export class Names {
  readonly #taken: Set<string>;

  /** `others` are names that are taken as well. */
  constructor(spec: Spec, others: Iterable<string> = []) {
    this.#taken = new Set([
      "y",
      "I",
      ...others,
      ...spec.inputs.map((i) => i.tensor.name),
      ...spec.parameters.map((p) => p.tensor.name),
      ...spec.numbers.map((n) => n.name),
      ...[...spec.states, ...spec.algorithmStates].map((s) => s.name),
    ]);
  }

  /** The result of a function, or of a product with a state. */
  step(shape: readonly Dim[], isCall: boolean): string {
    return this.#first(shape.length === 0 ? SCALARS : isCall ? CALLS : PRODUCTS);
  }

  /** A part of an expression that was too long. */
  part(value: Expr, shape: readonly Dim[]): string {
    const usual = shape.length === 0 ? SCALARS : PARTS;
    const isFunction = value.kind === "apply" && value.op.notation.style === "function";
    return this.#first(isFunction ? [value.op.name.slice(0, 1), ...usual] : usual);
  }

  #first(wanted: readonly string[]): string {
    for (let n = 1; ; n++) {
      for (const name of wanted) {
        const numbered = n === 1 ? name : `${name}${n}`;
        if (this.#taken.has(numbered)) continue;
        this.#taken.add(numbered);
        return numbered;
      }
    }
  }
}
