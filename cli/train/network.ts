/** From a `.miras` file to a network on a device, which can be trained. */
import type { Network } from "../../compiler/network/network.ts";
import { compile } from "../../compiler/pipeline.ts";
import { corrections } from "../../compiler/plan/optimizer.ts";
import { trainingOf } from "../../compiler/plan/trainable.ts";
import type { Storage } from "../../compiler/plan/training.ts";
import { renderDiagnostics } from "../../compiler/source/render.ts";
import type { SourceFile } from "../../compiler/source/span.ts";
import { closest } from "../../compiler/source/suggest.ts";
import { NetworkOnDevice } from "../../runtime/network.ts";
import { findDevice, noAdapterHelp } from "../../runtime/node/adapter.ts";
import type { Trainable, Weights } from "../../runtime/trainable.ts";
import type { DeviceName } from "../choose.ts";
import { SpecError, UsageError } from "../errors.ts";
import { importedSource } from "../files.ts";
import type { Io } from "../io.ts";
import { prelude } from "../prelude.ts";
import { targetOf } from "../webgpu.ts";
import { loadWeights } from "../weights/load.ts";
import { untrainableText } from "./untrainable.ts";

export interface NetworkRequest {
  readonly file: SourceFile;
  /** Which network of the file; the first where left out. */
  readonly network?: string | undefined;
  /** The task's. A network that states its own should have one at least as large. */
  readonly vocabulary: number;
  /** Of the values that the weights start with. */
  readonly seed: number;
  /** The norm that a gradient is cut down to; infinite for none. */
  readonly clip: number;
  readonly weightDecay: number;
  readonly storage: Storage;
  readonly device?: DeviceName | undefined;
}

export interface OpenedNetwork {
  /** As the file calls it. */
  readonly name: string;
  /** For people: what it runs on. */
  readonly device: string;
  readonly trainable: Trainable;
  /** The weights in a file that fit it. Throws UsageError or FileError where there are none. */
  readonly weightsIn: (path: string) => Promise<ReadonlyMap<string, Weights>>;
  /** Destroys the network, and gives back the device. */
  close(): Promise<void>;
}

/** Throws SpecError where the file is in error, of which it tells, and UsageError where the request does not fit it. */
export type OpenNetwork = (request: NetworkRequest, io: Io) => Promise<OpenedNetwork>;

export const openNetwork: OpenNetwork = async (request, io) => {
  const { seed, clip, weightDecay, storage, device: wanted } = request;
  if (wanted === "interpreter")
    throw new UsageError("the interpreter does not train: it would take days", [
      "leave --device out, or give --device webgpu",
    ]);
  const network = networkOf(request, io);
  const device = await findDevice();
  if (!device) throw new UsageError(noAdapterHelp());
  if (storage === "f16" && !device.features.has("shader-f16")) {
    device.destroy();
    throw new UsageError(`${device.adapter.name} has no 16-bit numbers`, [
      "leave --storage out: f32 works everywhere",
    ]);
  }
  const training = trainingOf(network, targetOf(device), { clip, shrinkage: weightDecay }, storage);
  if ("sequential" in training) {
    device.destroy();
    throw new UsageError(untrainableText(network.name, training));
  }
  const { vocabulary } = network.sizes;
  const trainable = new NetworkOnDevice(device, { vocabulary, seed, corrections, ...training });
  return {
    name: network.name,
    device: device.adapter.name,
    trainable,
    weightsIn: (path) => loadWeights(path, network),
    close: async () => {
      trainable.destroy();
      device.destroy();
    },
  };
};

function networkOf({ file, network: wanted }: NetworkRequest, io: Io): Network {
  const { networks, diagnostics } = compile(file, prelude(), undefined, importedSource);
  const { all } = diagnostics;
  if (all.length > 0) io.err(`${renderDiagnostics(all, { color: io.errColors.isColorSupported })}\n`);
  if (diagnostics.hasErrors) throw new SpecError(`${file.path} is in error`);
  const names = networks.map((n) => n.name);
  const found = wanted === undefined ? networks[0] : networks.find((n) => n.name === wanted);
  if (found) return found;
  if (wanted === undefined)
    throw new UsageError(`${file.path} has no network`, [
      "a network says how memories are put together: see `network` in docs/language.md, or specs/nets for examples",
    ]);
  const near = closest(wanted, names);
  throw new UsageError(`${file.path} has no network ${wanted}`, [
    near ? `did you mean ${near}?` : `its networks: ${names.join(", ") || "none"}`,
  ]);
}
