/** A network to train: its weights and its tokens, and its loss in f64, that every row is held to. */
import { importedSource } from "../../cli/files.ts";
import { prelude } from "../../cli/prelude.ts";
import { programOf } from "../../compiler/network/build.ts";
import { interpretProgram } from "../../compiler/network/interpret.ts";
import { lossOf } from "../../compiler/network/loss.ts";
import { type Network, type NetworkSizes, sizesOf } from "../../compiler/network/network.ts";
import { compile } from "../../compiler/pipeline.ts";
import type { Batch } from "../../runtime/data/batch.ts";
import type { Weights } from "../../runtime/trainable.ts";
import { specFile, uniform } from "../task.ts";

/** What other libraries have to be told of a memory. */
export type MemoryKind = "linear" | "delta" | "gated delta" | "softmax";

/** A network of `specs/nets`, with the model that its weights are named after. */
export interface NetworkSpec {
  readonly name: string;
  readonly model: string;
  readonly kind: MemoryKind;
}

export const networks: readonly NetworkSpec[] = [
  { name: "linear_attention_tiny", model: "LinearAttention", kind: "linear" },
  { name: "deltanet_tiny", model: "DeltaNet", kind: "delta" },
  { name: "gated_deltanet_tiny", model: "GatedDeltaNet", kind: "gated delta" },
  { name: "attention_tiny", model: "RotaryAttention", kind: "softmax" },
];

export interface TrainingTask {
  readonly spec: NetworkSpec;
  readonly network: Network;
  readonly sizes: NetworkSizes;
  readonly batch: Batch;
  /** The names of the weights that decay. */
  readonly decaying: readonly string[];
}

/** Settings of AdamW, the same for all; the moments' are those of `compiler/plan/optimizer.ts`. */
export const OPTIMIZER = {
  rate: 1e-3,
  clip: 1,
  weightDecay: 0.01,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
} as const;

/** The part of the places that do not count, as in most tasks of recall. */
const SILENT = 0.25;

/** Random tokens, of which most should predict the next. */
export function trainingTask(spec: NetworkSpec, B: number, T: number): TrainingTask {
  const file = specFile(`nets/${spec.name}.miras`);
  const [network] = compile(file, prelude(), undefined, importedSource).networks;
  if (!network) throw new Error(`${file.path} has no network`);
  const { sizes } = network;
  const random = uniform();
  const drawn = Int32Array.from({ length: B * (T + 1) }, () => Math.floor(random() * sizes.vocabulary));
  const tokens = new Int32Array(B * T);
  const targets = new Int32Array(B * T);
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      tokens[b * T + t] = drawn[b * (T + 1) + t] as number;
      targets[b * T + t] = random() < SILENT ? -1 : (drawn[b * (T + 1) + t + 1] as number);
    }
  }
  const decaying = programOf(network)
    .learned.filter((l) => l.shrinks)
    .map((l) => l.tensor.name);
  return { spec, network, sizes, batch: { B, T, tokens, targets }, decaying };
}

/** The loss in f64, of the steps that the network is compiled from. */
export function exactLoss({ network, batch }: TrainingTask, weights: ReadonlyMap<string, Weights>): number {
  const program = programOf(network);
  const loss = lossOf(program);
  const given = new Map([...weights].map(([name, { data }]) => [name, Float64Array.from(data)]));
  given.set(program.tokens.name, Float64Array.from(batch.tokens));
  given.set(loss.targets.name, Float64Array.from(batch.targets));
  const sizes = sizesOf(network, batch.B, batch.T);
  const made = interpretProgram([...program.steps, ...loss.steps], sizes, given, [loss.loss]);
  return made.get(loss.loss.name)?.[0] as number;
}
