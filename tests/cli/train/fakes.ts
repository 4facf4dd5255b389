/** Networks that are bigrams, and a task `bigram` for them, in the place of what the command line opens. */
import { taskFor } from "../../../cli/data/task.ts";
import { UsageError } from "../../../cli/errors.ts";
import type { Factories } from "../../../cli/train/context.ts";
import type { NetworkRequest } from "../../../cli/train/network.ts";
import { readWeights } from "../../../runtime/node/weights.ts";
import type { Weights } from "../../../runtime/trainable.ts";
import { fitted, WeightsError } from "../../../runtime/weights.ts";
import { Bigram, bigramTask } from "../../training/bigram.ts";

export interface Fakes extends Factories {
  /** All networks that were opened, in order, and what they were asked for with. */
  readonly opened: Bigram[];
  readonly requests: NetworkRequest[];
}

/** `change` may spoil a network as it is opened; `n` counts from 0. */
export function fakes(change: (network: Bigram, n: number) => void = () => {}): Fakes {
  const opened: Bigram[] = [];
  const requests: NetworkRequest[] = [];
  return {
    opened,
    requests,
    async openNetwork(request) {
      const { vocabulary, seed, clip, weightDecay } = request;
      const trainable = new Bigram(vocabulary, { seed, clip, weightDecay });
      change(trainable, opened.length);
      opened.push(trainable);
      requests.push(request);
      const close = async (): Promise<void> => trainable.destroy();
      const weightsIn = async (path: string): Promise<Map<string, Weights>> => {
        const slots = [...(await trainable.weights())].map(([name, { shape }]) => ({ name, shape }));
        const tensors = await readWeights(path);
        try {
          return fitted(tensors, slots, path);
        } catch (error) {
          throw error instanceof WeightsError ? new UsageError(error.message, error.problems) : error;
        }
      };
      const name = request.network ?? "Bigram";
      return { name, device: "plain TypeScript", trainable, weightsIn, close };
    },
    taskFor: (choice) =>
      choice.task === "bigram" ? bigramTask(7, [choice.B ?? 2, choice.T ?? 5], choice.seed) : taskFor(choice),
  };
}

/** Does something before a network's n-th step, counted from 1. */
export function beforeStep(network: Bigram, n: number, act: () => void): void {
  const step = network.step.bind(network);
  let steps = 0;
  network.step = async (batches, rate) => {
    if (++steps === n) act();
    return step(batches, rate);
  };
}
