/** What the compiler makes of a network, as it is trained. */
import { targetOf } from "../../cli/webgpu.ts";
import { corrections } from "../../compiler/plan/optimizer.ts";
import { type Training, trainingOf } from "../../compiler/plan/trainable.ts";
import type { Device } from "../../runtime/device.ts";
import { NetworkOnDevice } from "../../runtime/network.ts";
import { OPTIMIZER, type TrainingTask } from "./task.ts";
import type { Trainer } from "./trainer.ts";

export const ours = (device: Device): Trainer => ({
  name: "miras",
  includes: "the tokens to the device, the loss and the gradient's norm back",
  ours: true,
  async prepare(task, weights) {
    const network = started(device, task);
    await network.restore(weights);
    return {
      async step() {
        const { loss, gradientNorm } = await network.step([task.batch], OPTIMIZER.rate);
        return { loss, gradientNorm };
      },
      close: () => network.destroy(),
    };
  },
});

export function trainingFor(device: Device, { network }: TrainingTask): Training {
  const { clip, weightDecay } = OPTIMIZER;
  const training = trainingOf(network, targetOf(device), { clip, shrinkage: weightDecay });
  if ("sequential" in training)
    throw new Error(`${network.name} cannot be trained: ${training.sequential} has no parallel form`);
  return training;
}

/** With weights of its own, as they are drawn for a new network. */
export function started(device: Device, task: TrainingTask): NetworkOnDevice {
  const { vocabulary } = task.sizes;
  return new NetworkOnDevice(device, { vocabulary, seed: 1, corrections, ...trainingFor(device, task) });
}
