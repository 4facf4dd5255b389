/** What a program needs of its device. */
import type { Device } from "../device.ts";
import { CapacityError } from "../resources.ts";
import type { ProgramParts } from "./parts.ts";

/** Throws CapacityError where a program, with buffers of these sizes in bytes, is more than the device can take. */
export function checkLimits(
  { limits }: Device,
  { name, sequences }: ProgramParts,
  sizes: readonly number[],
): void {
  const repair = "use a smaller batch, a shorter sequence or a smaller network";
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (largest > most)
    throw new CapacityError(
      `${name} needs a buffer of ${largest} bytes, and the device allows ${most}: ${repair}`,
    );
  for (const { code, groups } of Object.values(sequences).flat()) {
    const { block } = code;
    const needs = (what: string, needed: number, allowed: number): void => {
      if (needed > allowed)
        throw new CapacityError(
          `${block.name} needs ${needed} ${what}, and the device allows ${allowed}: ${repair}`,
        );
    };
    needs("workgroups in a row", Math.max(...groups), limits.maxComputeWorkgroupsPerDimension);
    needs("storage buffers", block.bindings.length, limits.maxStorageBuffersPerShaderStage);
    needs("invocations a workgroup", block.lanes, limits.maxComputeInvocationsPerWorkgroup);
    const bytes = block.workgroup.reduce((n, w) => n + 4 * w.length, 0);
    needs("bytes of workgroup memory", bytes, limits.maxComputeWorkgroupStorageSize);
  }
}
