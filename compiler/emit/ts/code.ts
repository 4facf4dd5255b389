/** The data of a module: every kernel's text once, and what running it takes. */
import { elements } from "../../math/axis.ts";
import type {
  BuildDescription,
  KernelText,
  ModelDescription,
  TensorDescription,
  TiledText,
} from "./description.ts";
import { type Literal, Name, template } from "./literal.ts";

/** The texts of kernels, each under a name of its own. */
export class Texts {
  readonly #names = new Map<string, Name>();

  of(wgsl: string): Name {
    const name = this.#names.get(wgsl) ?? new Name(`wgsl[${this.#names.size}]`);
    this.#names.set(wgsl, name);
    return name;
  }

  /** All of them, in the order of their numbers. */
  print(): string {
    if (this.#names.size === 0) return "[]";
    return `[\n${[...this.#names.keys()].map((text) => `  ${template(text)},\n`).join("")}]`;
  }
}

/** A model as `MemoryCode` of the runtime. */
export const codeOf = (model: ModelDescription, texts: Texts): Literal => ({
  name: model.name,
  chunk: model.chunk,
  steps: model.steps,
  stepwise: model.inputs.filter((i) => i.stepwise).map((i) => i.name),
  learned: model.learned,
  builds: model.builds.map((build) => buildOf(model, build, texts)),
});

function buildOf(model: ModelDescription, { sizes, kernels }: BuildDescription, texts: Texts): Literal {
  const extents = (tensor: TensorDescription): number[] => tensor.shape.map((d) => elements([d], sizes));
  const all = (tensors: readonly TensorDescription[]): Literal =>
    Object.fromEntries(tensors.map((t) => [t.name, extents(t)]));
  return {
    sizes,
    inputs: all(model.inputs),
    parameters: all(model.parameters),
    states: all(model.states),
    y: model.y.map((d) => elements([d], sizes)),
    kernels: kernels.map(({ lanes, forward, step }) => ({
      lanes,
      forward: "kernels" in forward ? tiled(forward, texts) : kernel(forward, texts),
      step: kernel(step, texts),
    })),
  };
}

const tiled = ({ length, kernels }: TiledText, texts: Texts): Literal => ({
  length,
  kernels: kernels.map((k) => ({ stage: k.stage, groups: k.groups, ...kernel(k, texts) })),
});

const kernel = ({ wgsl, block }: KernelText, texts: Texts): { readonly [key: string]: Literal } => ({
  wgsl: texts.of(wgsl),
  block: {
    name: block.name,
    tiles: block.tiles,
    scratchStride: block.scratchStride,
    steps: block.steps,
    passes: block.passes,
    quantum: block.quantum,
    bindings: block.bindings.map(({ name, holds }) => ({
      name,
      holds: holds.map((t) => ({ name: t.name })),
    })),
    state: {
      stride: block.state.stride,
      slots: block.state.slots.map(({ name, offset, length }) => ({ name, offset, length })),
    },
  },
});
