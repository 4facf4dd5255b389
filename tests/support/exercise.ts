/** Tries a class of a built module, in Node or in a page: what goes in and comes out can be sent between them. */
import type { Device } from "../../runtime/device.ts";

export interface Task {
  /** The name of the class. */
  readonly model: string;
  readonly sizes: Readonly<Record<string, number>>;
  /** A safetensors file. */
  readonly weights: readonly number[];
  readonly forward: Readonly<Record<string, readonly number[]>>;
  readonly steps: readonly Readonly<Record<string, readonly number[]>>[];
}

export interface Told {
  readonly adapter: string;
  /** `[B, T, H, …]`, and of each step `[B, H, …]`. */
  readonly forward: readonly number[];
  readonly steps: readonly (readonly number[])[];
  readonly states: Readonly<Record<string, readonly number[]>>;
  /** The steps, from states that were saved and loaded again; empty where the first is inside a chunk. */
  readonly again: readonly (readonly number[])[];
}

type Numbers = Record<string, Float32Array>;

interface AnyMemory {
  forward(inputs: Numbers): Promise<{ readonly y: Float32Array; readonly states: Numbers }>;
  step(inputs: Numbers): Promise<Float32Array>;
  init(states?: Numbers): Promise<void>;
  states(): Promise<Numbers>;
  load(bytes: Uint8Array): Promise<void>;
  save(): Promise<Uint8Array>;
  destroy(): void;
}

type Classes = Readonly<
  Record<string, { create(device: Device, sizes: Readonly<Record<string, number>>): Promise<AnyMemory> }>
>;

const numbers = (record: Task["forward"]): Numbers =>
  Object.fromEntries(Object.entries(record).map(([name, data]) => [name, Float32Array.from(data)]));

const lists = (record: Numbers): Told["states"] =>
  Object.fromEntries(Object.entries(record).map(([name, data]) => [name, [...data]]));

export async function exercise(classes: unknown, device: Device, task: Task): Promise<Told> {
  const memory = await (classes as Classes)[task.model]?.create(device, task.sizes);
  if (!memory) throw new Error(`the module has no ${task.model}`);
  try {
    await memory.load(Uint8Array.from(task.weights));
    const { y } = await memory.forward(numbers(task.forward));
    const saved = await memory.save().catch((error) => {
      if (error instanceof RangeError) return undefined;
      throw error;
    });
    // All at once: they run in the order of the calls.
    const steps = await Promise.all(task.steps.map((token) => memory.step(numbers(token))));
    const states = await memory.states();
    const again: Float32Array[] = [];
    if (saved) {
      await memory.load(saved);
      for (const token of task.steps) again.push(await memory.step(numbers(token)));
    }
    return {
      adapter: device.adapter.name,
      forward: [...y],
      steps: steps.map((s) => [...s]),
      states: lists(states),
      again: again.map((s) => [...s]),
    };
  } finally {
    memory.destroy();
  }
}
