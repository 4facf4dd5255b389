/** The safetensors file of a network: its weights by name, and what the optimizer carries, as checkpoints have them. */
import type { NetworkCode } from "./network-code.ts";
import { readSafetensors, type Tensor, writeSafetensors } from "./safetensors.ts";
import { checkNames } from "./shapes.ts";
import type { Weights } from "./trainable.ts";

/** Before the names of what the optimizer carries. */
const OPTIMIZER = "optimizer/";
/** In the metadata: JSON, with the steps taken. */
const KEY = "miras";

export interface NetworkFile {
  readonly weights: ReadonlyMap<string, Weights>;
  readonly optimizer?: { readonly step: number; readonly moments: ReadonlyMap<string, Weights> };
}

/** Throws SafetensorsError, or RangeError where a name is missing or unknown. Shapes are not looked at. */
export function readNetwork(bytes: Uint8Array, { name, layout }: NetworkCode): NetworkFile {
  const { tensors, metadata } = readSafetensors(bytes);
  const known = layout.weights.map((w) => w.name);
  const moments = new Map<string, Weights>();
  const weights = new Map<string, Weights>();
  for (const [n, tensor] of tensors) {
    if (n.startsWith(OPTIMIZER)) moments.set(n.slice(OPTIMIZER.length), single(tensor));
    else weights.set(n, single(tensor));
  }
  checkNames(name, weights.keys(), known, known);
  const step = stepIn(metadata.get(KEY));
  return { weights, ...(moments.size > 0 && step > 0 ? { optimizer: { step, moments } } : {}) };
}

export function writeNetwork(
  weights: ReadonlyMap<string, Weights>,
  { step, moments }: NonNullable<NetworkFile["optimizer"]>,
): Uint8Array<ArrayBuffer> {
  if (step === 0) return writeSafetensors(weights);
  const carried = [...moments].map(([name, tensor]) => [OPTIMIZER + name, tensor] as const);
  return writeSafetensors(
    [...weights, ...carried],
    new Map([[KEY, JSON.stringify({ optimizerStep: step })]]),
  );
}

const single = ({ shape, data }: Tensor): Weights => ({ shape, data: Float32Array.from(data) });

/** 0 where it is not said. */
function stepIn(text: string | undefined): number {
  try {
    const { optimizerStep } = JSON.parse(text ?? "{}");
    return Number.isSafeInteger(optimizerStep) ? optimizerStep : 0;
  } catch {
    return 0;
  }
}
