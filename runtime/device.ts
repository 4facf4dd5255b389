// One GPU device, given all that its adapter offers and watched for what goes wrong. WebGPU reports an error
// some time after the call that caused it, and to nobody in particular; here it becomes a DeviceError that says
// what was running.

export interface Device {
  readonly gpu: GPUDevice;
  readonly adapter: Adapter;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  /** The lanes of every subgroup, where all have the same number and a kernel may use subgroups. */
  readonly subgroupSize: number | undefined;
  /**
   * Runs `work`; what the GPU reports meanwhile is thrown as a DeviceError, and so is an error of an earlier
   * call that nobody was waiting for. Calls may overlap: an error then goes to each of them.
   */
  during<T>(label: string, work: () => T | Promise<T>): Promise<T>;
  destroy(): void;
}

export interface Adapter {
  /** For people: `llvmpipe (Mesa 25.0.7, LLVM 15.0.6), software, subgroups of 8`. */
  readonly name: string;
  readonly kind: "gpu" | "software";
}

export class DeviceError extends Error {
  override readonly name = "DeviceError";
  readonly kind: DeviceErrorKind;

  constructor(kind: DeviceErrorKind, running: readonly string[], detail: string, cause?: unknown) {
    const where = running.length > 0 ? ` during ${running.join(" and ")}` : "";
    super(`${words[kind].what}${where}: ${detail.trim()}\n${words[kind].repair}`, { cause });
    this.kind = kind;
  }
}

export type DeviceErrorKind = "validation" | "out-of-memory" | "internal" | "lost";

const words: Record<DeviceErrorKind, { readonly what: string; readonly repair: string }> = {
  validation: {
    what: "the GPU refused a call",
    repair: "This is a fault of miras, not of your spec or data: please report it with this message.",
  },
  "out-of-memory": {
    what: "the GPU ran out of memory",
    repair: "Use a smaller batch, a shorter sequence or a smaller state, or close what else uses the GPU.",
  },
  internal: {
    what: "the GPU driver failed",
    repair: "Update the driver; if that does not help, please report it with this message.",
  },
  lost: {
    what: "the GPU was lost",
    repair: "A driver resets after work that takes seconds, or when memory is short: use a smaller batch.",
  },
};

// The type of names in lib.dom is older than `subgroup-size-control`.
const wantedFeatures = [
  "subgroups",
  "subgroup-size-control",
  "shader-f16",
  "timestamp-query",
] as GPUFeatureName[];

const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** The best device there is, a software one if need be; undefined if there is none. */
export async function acquire(gpu: GPU, options?: GPURequestAdapterOptions): Promise<Device | undefined> {
  const adapter =
    (await gpu.requestAdapter({ powerPreference: "high-performance", ...options })) ??
    (await gpu.requestAdapter({ ...options, forceFallbackAdapter: true }));
  if (adapter === null) return undefined;
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, adapter.limits[limit]])),
    });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new DeviceError("internal", [`the start of ${describe(adapter.info).name}`], detail, error);
  }
  return watch(device, adapter.info);
}

function watch(gpu: GPUDevice, info: GPUAdapterInfo): Device {
  const running = new Set<Call>();
  const labels = () => [...running].map((call) => call.label);
  let unclaimed: DeviceError | undefined;
  let lost: DeviceError | undefined;
  let destroyed = false;

  // Of several errors the first is kept: the rest mostly follow from it.
  gpu.addEventListener("uncapturederror", (event) => {
    event.preventDefault(); // Dawn prints it otherwise.
    const error = new DeviceError(kindOf(event.error), labels(), event.error.message);
    if (running.size === 0) unclaimed ??= error;
    for (const call of running) call.error ??= error;
  });
  gpu.lost.then(({ message }) => {
    if (!destroyed) lost = new DeviceError("lost", labels(), message);
  });

  return {
    gpu,
    adapter: describe(info),
    features: gpu.features as ReadonlySet<string>,
    limits: gpu.limits,
    subgroupSize: gpu.features.has("subgroups") ? fixedSubgroup(info) : undefined,

    async during(label, work) {
      if (destroyed) throw new Error(`${label} needs a GPU device, and this one was already destroyed`);
      const call: Call = { label };
      running.add(call);
      const [done] = await Promise.allSettled([(async () => work())()]);
      await errorsUntilNow(gpu);
      running.delete(call);
      const error = lost ?? call.error ?? unclaimed;
      unclaimed = undefined;
      if (error !== undefined) {
        if (done.status === "rejected") error.cause ??= done.reason;
        throw error;
      }
      if (done.status === "rejected") throw done.reason;
      return done.value;
    },

    destroy() {
      destroyed = true;
      gpu.destroy();
    },
  };
}

interface Call {
  readonly label: string;
  error?: DeviceError;
}

/** An empty scope comes back after the errors of all calls before it; a lost device may refuse it. */
async function errorsUntilNow(gpu: GPUDevice): Promise<void> {
  gpu.pushErrorScope("validation");
  await gpu.popErrorScope().catch(() => null);
}

function kindOf(error: GPUError): DeviceErrorKind {
  if (error instanceof GPUValidationError) return "validation";
  return error instanceof GPUOutOfMemoryError ? "out-of-memory" : "internal";
}

function describe(info: GPUAdapterInfo): Adapter {
  const software = info.isFallbackAdapter || /software|swiftshader/.test(info.architecture);
  const lanes = fixedSubgroup(info);
  const parts = [modelOf(info)];
  if (software) parts.push("software");
  if (lanes !== undefined) parts.push(`subgroups of ${lanes}`);
  return { name: parts.join(", "), kind: software ? "software" : "gpu" };
}

/** What the adapter is, from whatever it tells: browsers leave out most, drivers repeat themselves. */
function modelOf(info: GPUAdapterInfo): string {
  const mesa = /^(\w+): Mesa ([\d.]+)\S* \((LLVM [\d.]+)\)/.exec(info.description);
  if (mesa !== null) return `${mesa[1]} (Mesa ${mesa[2]}, ${mesa[3]})`;
  const model =
    info.device || [info.vendor, info.architecture].filter(Boolean).join(" ") || "unnamed adapter";
  return info.description ? `${model} (${info.description})` : model;
}

function fixedSubgroup({ subgroupMinSize, subgroupMaxSize }: GPUAdapterInfo): number | undefined {
  return subgroupMinSize === subgroupMaxSize ? subgroupMaxSize : undefined;
}
