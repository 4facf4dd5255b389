/** The data of a network in a module: `NetworkCode` of the runtime, and its kernels, each once. */
import { type Literal, literal, Name, template } from "./literal.ts";
import type { DispatchDescription, NetworkDescription, PlanDescription } from "./network-description.ts";

/** The kernels of a network in the order in which they come. */
export class NetworkKernels {
  readonly #codes = new Map<string, DispatchDescription["code"]>();
  readonly #places = new Map<string, number>();

  /** The place of a kernel in the list. */
  of(code: DispatchDescription["code"]): number {
    const known = this.#places.get(code.wgsl);
    if (known !== undefined) return known;
    const place = this.#codes.size;
    this.#codes.set(code.wgsl, code);
    this.#places.set(code.wgsl, place);
    return place;
  }

  get all(): readonly DispatchDescription["code"][] {
    return [...this.#codes.values()];
  }

  print(): string {
    if (this.#codes.size === 0) return "[]";
    const kernels = this.all.map(({ wgsl, block }) => {
      const { name, lanes, bindings, workgroup } = block;
      const bytes = workgroup.reduce((n, w) => n + 4 * w.length, 0);
      const access = bindings.map((b) => (b.access === "read" ? "r" : "w")).join("");
      const facts = Object.entries({ name, lanes, bytes, access }).map(([k, v]) => `${k}: ${literal(v)}`);
      return `  { ${facts.join(", ")}, wgsl: ${template(wgsl)} },\n`;
    });
    return `[\n${kernels.join("")}]`;
  }
}

/** `kernels` is the name of the constant that has them; `into` takes them in. */
export const networkCodeOf = (
  { name, vocabulary, layout, betas, builds }: NetworkDescription,
  kernels: string,
  into: NetworkKernels,
): Literal => ({
  name,
  vocabulary,
  layout: {
    length: layout.length,
    decaying: layout.decaying,
    weights: layout.weights.map(({ name: weight, shape, start, offset }) => ({
      name: weight,
      shape,
      start: { ...start },
      offset,
    })),
  },
  betas,
  kernels: new Name(kernels),
  builds: builds.map(({ sizes, plans }) => ({
    sizes: { B: sizes.B, T: sizes.T },
    plans: plans.map(({ lanes, plan }) => planOf(lanes, plan, into)),
  })),
});

/** Tensors become numbers: the named ones come first, then those that stay, then the temporary ones. */
function planOf(lanes: number, plan: PlanDescription, into: NetworkKernels): Literal {
  const { tensors, temporary, fixed, groups, sequences, io } = plan;
  const named = [...new Set([...Object.values(io), ...plan.named])];
  const others = [...tensors.keys()].filter((n) => !named.includes(n));
  const staying = others.filter((n) => !temporary.has(n));
  const passing = others.filter((n) => temporary.has(n));
  const places = new Map([...named, ...staying, ...passing].map((n, i) => [n, i]));
  const placeOf = (tensor: string): number => places.get(tensor) as number;
  const elements = (tensor: string): number => tensors.get(tensor) as number;
  return {
    lanes,
    named: Object.fromEntries(named.map((n) => [n, elements(n)])),
    staying: staying.map(elements),
    temporary: passing.map(elements),
    fixed: [...fixed].map(([tensor, numbers]) => [placeOf(tensor), numbers]),
    groups: Object.fromEntries([...groups].map(([n, g]) => [n, g.tensors.map(placeOf)])),
    sequences: Object.fromEntries(
      Object.entries(sequences).map(([n, list]) => [
        n,
        list.map((d) => [into.of(d.code), d.groups, d.bound.map(placeOf)]),
      ]),
    ),
    io,
  };
}
