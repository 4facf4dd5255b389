/** From a `.miras` file to a network on a device, which can be trained. */
import type { SourceFile } from "../../compiler/source/span.ts";
import type { Trainable } from "../../runtime/trainable.ts";
import type { DeviceName } from "../choose.ts";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";

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
  readonly device?: DeviceName | undefined;
}

export interface OpenedNetwork {
  /** As the file calls it. */
  readonly name: string;
  /** For people: what it runs on. */
  readonly device: string;
  readonly trainable: Trainable;
  /** Destroys the network, and gives back the device. */
  close(): Promise<void>;
}

/** Throws SpecError where the file is in error, of which it tells, and UsageError where the request does not fit it. */
export type OpenNetwork = (request: NetworkRequest, io: Io) => Promise<OpenedNetwork>;

export const openNetwork: OpenNetwork = async ({ file }) => {
  throw new UsageError(`${file.path} cannot be trained: this version of miras cannot train networks yet`);
};
