/** A device for a page: the browser's adapter with all the limits and features that kernels use. */
import { acquire, type Device } from "./device.ts";

/** This browser, or this machine, has no WebGPU that a page may use; the message says why, and what to do. */
export class NoWebgpuError extends Error {
  override readonly name = "NoWebgpuError";
}

/** The best device of the browser. Throws NoWebgpuError where there is none, DeviceError where it does not start. */
export async function requestDevice(options?: GPURequestAdapterOptions): Promise<Device> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (gpu === undefined) throw new NoWebgpuError(noGpu());
  const device = await acquire(gpu, options);
  if (device === undefined)
    throw new NoWebgpuError(
      "The browser has WebGPU, and no adapter for it: update the graphics driver, or switch hardware acceleration on in its settings.",
    );
  return device;
}

function noGpu(): string {
  if (globalThis.isSecureContext === false)
    return "WebGPU is there on secure pages only: serve this one over https, or from localhost.";
  return "This browser has no WebGPU. Chrome and Edge from 113, Safari from 26 and Firefox from 141 have it; in Node, take the device of miras/runtime/node.";
}
