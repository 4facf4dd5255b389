/** The data of a module: every kernel once, and the sizes and adapters that it is for. */
import { elements } from "../../math/axis.ts";
import type {
  BuildDescription,
  KernelText,
  ModelDescription,
  TensorDescription,
  TiledText,
} from "./description.ts";
import { type Literal, literal, Name, REST, template } from "./literal.ts";

/** The kernels of a model, each once: its text, and what running it takes. */
export class Kernels {
  readonly #name: string;
  readonly #all: string[] = [];

  /** As the elements of a constant of this name. */
  constructor(name: string) {
    this.#name = name;
  }

  of(kernel: KernelText): Name {
    const text = `{ wgsl: ${template(kernel.wgsl)}, block: ${literal(launchOf(kernel), "  ")} }`;
    const known = this.#all.indexOf(text);
    const at = known < 0 ? this.#all.push(text) - 1 : known;
    return new Name(`${this.#name}[${at}]`);
  }

  print(): string {
    if (this.#all.length === 0) return "[]";
    return `[\n${this.#all.map((text) => `  ${text},\n`).join("")}]`;
  }
}

/** A model as `MemoryCode` of the runtime. */
export const codeOf = (model: ModelDescription, kernels: Kernels): Literal => ({
  name: model.name,
  chunk: model.chunk,
  steps: model.steps,
  stepwise: model.inputs.filter((i) => i.stepwise).map((i) => i.name),
  learned: model.learned,
  builds: model.builds.map((build) => buildOf(model, build, kernels)),
});

function buildOf(model: ModelDescription, build: BuildDescription, kernels: Kernels): Literal {
  const { sizes } = build;
  const extents = (tensor: TensorDescription): number[] => tensor.shape.map((d) => elements([d], sizes));
  const all = (tensors: readonly TensorDescription[]): Literal =>
    Object.fromEntries(tensors.map((t) => [t.name, extents(t)]));
  return {
    sizes,
    inputs: all(model.inputs),
    parameters: all(model.parameters),
    states: all(model.states),
    y: model.y.map((d) => elements([d], sizes)),
    kernels: build.kernels.map(({ lanes, forward, step }) => ({
      lanes,
      forward: "kernels" in forward ? tiled(forward, kernels) : kernels.of(forward),
      step: kernels.of(step),
    })),
  };
}

const tiled = ({ length, kernels: all }: TiledText, kernels: Kernels): Literal => ({
  length,
  kernels: all.map((k) => ({ stage: k.stage, groups: k.groups, [REST]: kernels.of(k) })),
});

const launchOf = ({ block }: KernelText): Literal => ({
  name: block.name,
  tiles: block.tiles,
  scratchStride: block.scratchStride,
  steps: block.steps,
  passes: block.passes,
  quantum: block.quantum,
  bindings: block.bindings.map(({ name, holds }) => ({ name, holds: holds.map((t) => ({ name: t.name })) })),
  state: {
    stride: block.state.stride,
    slots: block.state.slots.map(({ name, offset, length }) => ({ name, offset, length })),
  },
});
