/** Where the time of a training step goes: each kernel of the plan alone, again and again. */
import type { Dispatch } from "../../compiler/plan/plan.ts";
import type { Device } from "../../runtime/device.ts";
import { ProgramRunner } from "../../runtime/program.ts";
import { median } from "../statistics.ts";
import { started, trainingFor } from "./ours.ts";
import { OPTIMIZER, type TrainingTask } from "./task.ts";

export interface KernelTime {
  readonly sequence: string;
  readonly kernel: string;
  /** Workgroups, as they are dispatched. */
  readonly groups: readonly number[];
  readonly milliseconds: number;
}

export interface StepProfile {
  readonly network: string;
  readonly kernels: number;
  /** Of all kernels of a step together. */
  readonly milliseconds: number;
  /** The slowest ones, the slowest first. */
  readonly slowest: readonly KernelTime[];
}

const SEQUENCES = ["forwards", "backwards", "take", "update"] as const;
const SHOWN = 10;
/** A kernel runs so often at a time, so that what starting it costs is spread. */
const RUNS = 8;
const ROUNDS = 3;

export async function profile(device: Device, task: TrainingTask): Promise<StepProfile> {
  const { B, T, tokens, targets } = task.batch;
  const plan = trainingFor(device, task).plan({ B, T });
  const dispatches = SEQUENCES.flatMap((sequence) =>
    plan.sequences[sequence].map((dispatch, i) => ({ sequence, dispatch, name: `${sequence} ${i}` })),
  );
  const alone = dispatches.map(({ name, dispatch }): [string, readonly Dispatch[]] => [
    name,
    Array.from({ length: RUNS }, () => dispatch),
  ]);
  const sequences = { ...plan.sequences, ...Object.fromEntries(alone) };
  // No memory is shared, since a kernel that runs again would read what others left there.
  const runner = await ProgramRunner.create(device, { ...plan, temporary: new Set(), sequences });
  try {
    for (const [name, numbers] of plan.fixed) runner.write(name, Float32Array.from(numbers));
    for (const [name, { data }] of await started(device, task).weights())
      runner.write(name, Float32Array.from(data));
    runner.write(plan.io.tokens, Float32Array.from(tokens));
    runner.write(plan.io.targets, Float32Array.from(targets));
    const numbers = { rate: OPTIMIZER.rate, share: 1, "correction 1": 0.1, "correction 2": 0.05 };
    for (const [name, value] of Object.entries(numbers)) runner.write(name, Float32Array.of(value));
    for (const sequence of SEQUENCES) await runner.run(sequence);
    await runner.done();
    const kernels: KernelTime[] = [];
    for (const { sequence, dispatch, name } of dispatches) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const begun = performance.now();
        await runner.run(name);
        await runner.done();
        times.push((performance.now() - begun) / RUNS);
      }
      const { code, groups } = dispatch;
      kernels.push({ sequence, kernel: code.block.name, groups, milliseconds: median(times) });
    }
    const milliseconds = kernels.reduce((n, k) => n + k.milliseconds, 0);
    const slowest = kernels.sort((a, b) => b.milliseconds - a.milliseconds).slice(0, SHOWN);
    return { network: task.spec.name, kernels: dispatches.length, milliseconds, slowest };
  } finally {
    runner.destroy();
  }
}
