/** What a program needs to run compiled memories: on Node and in a browser alike. */
export {
  Network,
  type NetworkStart,
  type PreparedNetwork,
  type StepOptions,
  type TokenBatch,
  type Tokens,
} from "./built-network.ts";
export type { Batch } from "./data/batch.ts";
export { Decoder, type DecoderOptions } from "./decode.ts";
export { type Adapter, acquire, type Device, DeviceError, type DeviceErrorKind } from "./device.ts";
export type { KernelCode, TiledCode } from "./kernel.ts";
export { type Layer, Memory, type Numbers, type Prepared } from "./memory.ts";
export type { MemoryBuild, MemoryCode } from "./memory-code.ts";
export { type Making, NetworkOnDevice, type Plan, type Shape } from "./network.ts";
export type {
  NetworkBuild,
  NetworkCode,
  NetworkDispatch,
  NetworkKernel,
  NetworkPlan,
} from "./network-code.ts";
export type { Dispatch, ProgramCode, ProgramParts } from "./program/parts.ts";
export { ProgramRunner } from "./program.ts";
export { RecurrentKernel, type RunOptions, type RunResult } from "./recurrent.ts";
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
export type { Measured, Reader, Stepped, Trainable, Weights } from "./trainable.ts";
