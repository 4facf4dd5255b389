/** The data of a network in a module: `NetworkCode` of the runtime, and its kernels, each once. */
import { type Literal, literal, Name, template } from "./literal.ts";
import type { DispatchDescription, NetworkDescription, PlanDescription } from "./network-description.ts";

type Code = DispatchDescription["code"];

/** The kernels of a network, each once. Those of one name lie together: they are much alike, and are compressed as such. */
export class NetworkKernels {
  readonly all: readonly Code[];
  readonly #places: ReadonlyMap<string, number>;

  constructor({ builds }: NetworkDescription) {
    const plans = builds.flatMap((b) => b.plans.map((p) => p.plan));
    const codes = plans.flatMap((p) => Object.values(p.sequences).flatMap((list) => list.map((d) => d.code)));
    const each = [...new Map(codes.map((code) => [code.wgsl, code])).values()];
    const nameOf = ({ block }: Code): string => block.name;
    this.all = each.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : Number(nameOf(a) > nameOf(b))));
    this.#places = new Map(this.all.map(({ wgsl }, i) => [wgsl, i]));
  }

  /** The place of a kernel in the list. */
  of({ wgsl }: Code): number {
    return this.#places.get(wgsl) as number;
  }

  print(): string {
    if (this.all.length === 0) return "[]";
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

/** `constant` is the name of the one that has the kernels. */
export const networkCodeOf = (
  { name, vocabulary, layout, betas, builds }: NetworkDescription,
  constant: string,
  kernels: NetworkKernels,
): Literal => ({
  name,
  vocabulary,
  layout: {
    length: layout.length,
    shrinking: layout.shrinking,
    weights: layout.weights.map(({ name: weight, shape, start, offset }) => ({
      name: weight,
      shape,
      start: { ...start },
      offset,
    })),
  },
  betas,
  kernels: new Name(constant),
  builds: builds.map(({ sizes, plans }) => ({
    sizes: { B: sizes.B, T: sizes.T },
    plans: plans.map(({ lanes, plan }) => planOf(lanes, plan, kernels)),
  })),
});

/** Tensors become numbers: the named ones come first, then those that stay; temporary ones count back. */
function planOf(lanes: number, plan: PlanDescription, kernels: NetworkKernels): Literal {
  const { tensors, temporary, fixed, groups, sequences, io } = plan;
  const named = [...new Set([...Object.values(io), ...plan.named])];
  const staying = [...tensors.keys()].filter((n) => !named.includes(n) && !temporary.has(n));
  const places = new Map([...named, ...staying].map((n, i) => [n, i]));
  const begun = new Map<string, number>();
  const placeOf = (tensor: string): number => {
    const place = places.get(tensor);
    if (place !== undefined) return place;
    const known = begun.get(tensor);
    if (known !== undefined) return known - begun.size - 1;
    begun.set(tensor, begun.size);
    return -1;
  };
  const elements = (tensor: string): number => tensors.get(tensor) as number;
  const dispatches = Object.entries(sequences).map(([n, list]): [string, Literal] => [
    n,
    list.map((d) => [kernels.of(d.code), d.groups, d.bound.map(placeOf)]),
  ]);
  return {
    lanes,
    named: Object.fromEntries(named.map((n) => [n, elements(n)])),
    staying: staying.map(elements),
    temporary: [...begun.keys()].map(elements),
    fixed: [...fixed].map(([tensor, numbers]) => [placeOf(tensor), numbers]),
    groups: Object.fromEntries([...groups].map(([n, g]) => [n, g.tensors.map(placeOf)])),
    sequences: Object.fromEntries(dispatches),
    io,
  };
}
