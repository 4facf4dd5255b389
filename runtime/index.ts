/** What a program needs to run compiled memories: on Node and in a browser alike. */
export { Decoder, type DecoderOptions } from "./decode.ts";
export { type Adapter, acquire, type Device, DeviceError, type DeviceErrorKind } from "./device.ts";
export type { KernelCode } from "./kernel.ts";
export { RecurrentKernel, type RecurrentOptions, type RunOptions, type RunResult } from "./recurrent.ts";
export { CapacityError } from "./resources.ts";
export {
  readSafetensors,
  SafetensorsError,
  type Tensor,
  type TensorFile,
  writeSafetensors,
} from "./safetensors.ts";
export { TiledKernel } from "./tiles.ts";
