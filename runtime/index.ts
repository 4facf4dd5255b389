/** What a program needs to run compiled memories: on Node and in a browser alike. */
export { Decoder, type DecoderOptions } from "./decode.ts";
export { type Adapter, acquire, type Device, DeviceError, type DeviceErrorKind } from "./device.ts";
export type { KernelCode, TiledCode } from "./kernel.ts";
export { type Layer, Memory, type Numbers, type Prepared } from "./memory.ts";
export type { MemoryBuild, MemoryCode } from "./memory-code.ts";
export { RecurrentKernel, type RecurrentOptions, type RunOptions, type RunResult } from "./recurrent.ts";
export { NoWebgpuError, requestDevice } from "./request.ts";
export { CapacityError } from "./resources.ts";
export {
  readSafetensors,
  SafetensorsError,
  type Tensor,
  type TensorFile,
  writeSafetensors,
} from "./safetensors.ts";
export { TiledKernel } from "./tiles.ts";
