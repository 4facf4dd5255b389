/** What the compiler makes of a spec, each form a contender. */
import { targetOf } from "../cli/webgpu.ts";
import type { Sizes } from "../compiler/math/axis.ts";
import { compileKernel, compileTiles, type Model, type TileCode } from "../compiler/pipeline.ts";
import type { Device } from "../runtime/device.ts";
import type { KernelCode } from "../runtime/kernel.ts";
import { RecurrentKernel } from "../runtime/recurrent.ts";
import { TiledKernel } from "../runtime/tiles.ts";
import type { Contender, Ready } from "./contender.ts";
import { D, H, type Task } from "./task.ts";

export type Kernel = RecurrentKernel | TiledKernel;

export interface Form {
  readonly name: string;
  kernels(model: Model, sizes: Sizes, device: Device): readonly KernelCode[];
  create(model: Model, sizes: Sizes, device: Device): Promise<Kernel>;
}

export const forms: readonly Form[] = [
  {
    name: "recurrent",
    kernels: ({ rule }, sizes, device) => [compileKernel(rule, sizes, targetOf(device))],
    create: ({ rule }, sizes, device) =>
      RecurrentKernel.create(device, compileKernel(rule, sizes, targetOf(device))),
  },
  {
    name: "parallel",
    kernels: (model, sizes, device) => tilesOf(model, sizes, device).kernels,
    create: (model, sizes, device) => TiledKernel.create(device, tilesOf(model, sizes, device)),
  },
];

function tilesOf({ rule }: Model, sizes: Sizes, device: Device): TileCode {
  const code = compileTiles(rule, sizes, targetOf(device));
  if (!code) throw new Error("it has no tile kernels");
  return code;
}

/** The time of the work alone, its inputs on the device. */
export const resident = (device: Device, form: Form): Contender => ({
  name: form.name,
  includes: "dispatches: inputs and results stay on the device",
  ours: true,
  takes: () => true,
  prepare: (task) => prepare(device, form, task, (alone) => alone),
});

/** The time of the call: inputs go to the device, and results and states come back. */
export const called = (device: Device, form: Form): Contender => ({
  name: `${form.name}, with transfers`,
  includes: "the whole call: inputs to the device, results and states back",
  ours: false,
  takes: () => true,
  prepare: (task) => prepare(device, form, task, (_, whole) => whole),
});

async function prepare(
  device: Device,
  form: Form,
  { model, T, data, states }: Task,
  choose: (alone: number, whole: number) => number,
): Promise<Ready> {
  const kernel = await form.create(model, { dk: D, dv: D, tokens: T }, device);
  return {
    async run() {
      const started = performance.now();
      const { y, milliseconds } = await kernel.run({ B: 1, T, H }, data, states, D);
      return { y, milliseconds: choose(milliseconds, performance.now() - started) };
    },
    close: () => kernel.destroy(),
  };
}
