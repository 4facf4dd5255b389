/** Which dimensions a model takes to be equal: `require dv = dk`. */
import { type Dim, dim } from "../math/axis.ts";

export class Equalities {
  /** Each name that was set equal to an earlier one. */
  readonly #representative = new Map<string, string>();
  readonly required: (readonly [string, string])[] = [];

  /** Records `left = right`; both are names of sizes. */
  require(left: string, right: string): void {
    const a = this.#find(left);
    const b = this.#find(right);
    if (a === b) return;
    this.required.push([left, right]);
    this.#representative.set(a, b);
  }

  same(a: Dim, b: Dim): boolean {
    return a === b || this.canonical(a) === this.canonical(b);
  }

  canonical(d: Dim): Dim {
    return dim(
      d.names.map((n) => this.#find(n)),
      d.scale,
    );
  }

  #find(name: string): string {
    let at = name;
    for (let up = this.#representative.get(at); up !== undefined; up = this.#representative.get(at)) at = up;
    return at;
  }
}

export const showShape = (shape: readonly Dim[]): string =>
  shape.length === 0 ? "a scalar" : `[${shape.map(showDim).join(", ")}]`;

export const showDim = (d: Dim): string =>
  d.names.length === 0 ? String(d.scale) : d.key.replaceAll("*", " * ");
