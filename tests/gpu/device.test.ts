import { execFileSync } from "node:child_process";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { acquire, type Device, DeviceError } from "../../runtime/device.ts";
import { findDevice, noAdapterHelp, validateWgsl } from "../../runtime/node/adapter.ts";

const found = await findDevice();
if (found === undefined) console.warn(`Tests of the device are skipped. ${noAdapterHelp()}`);
afterAll(() => found?.destroy());

/** A call that WebGPU refuses. */
const refused = ({ gpu }: Device) => gpu.createBuffer({ size: 16, usage: 0 });

const failureOf = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error);

describe.skipIf(found === undefined)("a device", () => {
  const device = found as Device;

  it("says what it is, and has at least the limits that every adapter has", () => {
    expect(device.adapter.name).toMatch(/\w/);
    expect(["gpu", "software"]).toContain(device.adapter.kind);
    expect([undefined, 4, 8, 16, 32, 64, 128]).toContain(device.subgroupSize);
    expect(device.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
    expect(device.limits.maxComputeWorkgroupStorageSize).toBeGreaterThanOrEqual(16384);
  });

  it("computes", async () => {
    const { gpu } = device;
    const code = `@group(0) @binding(0) var<storage, read_write> a: array<u32>;
      @compute @workgroup_size(8) fn triple(@builtin(global_invocation_id) id: vec3u) { a[id.x] = id.x * 3u; }`;
    const values = await device.during("a small kernel", async () => {
      const module = gpu.createShaderModule({ code });
      const pipeline = gpu.createComputePipeline({ layout: "auto", compute: { module } });
      const buffer = gpu.createBuffer({ size: 64, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
      const staging = gpu.createBuffer({
        size: 64,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      const layout = pipeline.getBindGroupLayout(0);
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, gpu.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }));
      pass.dispatchWorkgroups(2);
      pass.end();
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, 64);
      gpu.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      return [...new Uint32Array(staging.getMappedRange())];
    });
    expect(values).toEqual(Array.from({ length: 16 }, (_, i) => i * 3));
  });

  it("turns a refused call into a DeviceError that says what was running", async () => {
    const failure = await failureOf(device.during("the forward pass", () => refused(device)));
    expect(failure).toBeInstanceOf(DeviceError);
    expect(failure).toMatchObject({ kind: "validation" });
    expect(String(failure)).toMatch(/the GPU refused a call during the forward pass: .*usages must not be 0/);
  });

  it("does so for a call made after an await, and works again afterwards", async () => {
    const late = async () => {
      await device.gpu.queue.onSubmittedWorkDone();
      refused(device);
    };
    await expect(device.during("a late call", late)).rejects.toThrow(/during a late call/);
    await expect(device.during("the next", () => 3)).resolves.toBe(3);
  });

  it("throws an error that nobody was waiting for at the next call, once", async () => {
    refused(device);
    await expect(device.during("the next", () => 3)).rejects.toThrow(/^the GPU refused a call: /);
    await expect(device.during("the one after", () => 3)).resolves.toBe(3);
  });

  it("gives an error to each of the calls that overlap", async () => {
    const calls = ["a", "b"].map((label) =>
      device.during(label, () => device.gpu.queue.onSubmittedWorkDone()),
    );
    refused(device);
    for (const call of calls) await expect(call).rejects.toThrow(/during a and b/);
  });

  it("passes on what the work itself throws", async () => {
    const mistake = new RangeError("mine");
    const work = () => {
      throw mistake;
    };
    expect(await failureOf(device.during("my work", work))).toBe(mistake);
    const both = async () => {
      refused(device);
      throw mistake;
    };
    expect(await failureOf(device.during("my work", both))).toMatchObject({
      name: "DeviceError",
      cause: mistake,
    });
  });

  it("takes no notice of a loss that was asked for", async () => {
    const other = (await findDevice()) as Device;
    const info = other.gpu.lost;
    other.destroy();
    expect((await info).reason).toBe("destroyed");
    await expect(other.during("a pass", () => 3)).rejects.toThrow(
      "a pass needs a GPU device, and this one was",
    );
    await expect(device.during("a pass", () => 3)).resolves.toBe(3);
  });

  it.each(["device.destroy()", ""])(
    "lets the process end by itself after '%s'",
    (ending) => {
      const code = `
      const { findDevice } = await import("./runtime/node/adapter.ts");
      const device = await findDevice();
      await device.during("a pass", () => device.gpu.queue.onSubmittedWorkDone());
      ${ending};
      console.log("done");`;
      const out = execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", code], {
        encoding: "utf8",
        timeout: 30_000,
        stdio: ["ignore", "pipe", "ignore"],
      });
      expect(out).toBe("done\n");
    },
    40_000,
  );
});

describe("a device that is lost", () => {
  it("says so, what was running and what may help, at that call and after", async () => {
    const { gpu, lose } = losableGpu();
    const device = (await acquire(gpu)) as Device;
    const running = device.during("training step 3", async () => {
      lose("VK_ERROR_DEVICE_LOST");
      throw new Error("mapAsync was aborted");
    });
    const failure = await failureOf(running);
    expect(failure).toMatchObject({ name: "DeviceError", kind: "lost" });
    expect(String(failure)).toMatch(
      /the GPU was lost during training step 3: VK_ERROR_DEVICE_LOST\n.*smaller batch/,
    );
    await expect(device.during("step 4", () => 3)).rejects.toThrow(/lost during training step 3/);
  });

  /** As much of WebGPU as `acquire` uses, with a device that can be lost at will. */
  function losableGpu() {
    let lose = (_message: string) => {};
    const lost = new Promise((resolve) => {
      lose = (message) => resolve({ reason: "unknown", message });
    });
    const device = Object.assign(new EventTarget(), {
      lost,
      features: new Set(),
      limits: {},
      pushErrorScope: () => {},
      popErrorScope: () => Promise.reject(new Error("lost")),
    });
    const info = { vendor: "acme", architecture: "one", device: "", description: "" };
    const adapter = { info, features: new Set(), limits: {}, requestDevice: async () => device };
    return { gpu: { requestAdapter: async () => adapter } as unknown as GPU, lose };
  }
});

describe("MIRAS_DEVICE", () => {
  afterEach(() => void vi.unstubAllEnvs());

  it("hides all adapters when it is interpreter, and takes no other value", async () => {
    vi.stubEnv("MIRAS_DEVICE", "interpreter");
    expect(await findDevice()).toBeUndefined();
    expect(noAdapterHelp()).toMatch(/unset it/);
    vi.stubEnv("MIRAS_DEVICE", "cuda");
    await expect(findDevice()).rejects.toThrow(
      /MIRAS_DEVICE is "cuda"; the one value it takes is "interpreter"/,
    );
  });
});

describe("validateWgsl", () => {
  it("accepts good code, with subgroups and f16", async () => {
    const code = `enable subgroups; enable f16;
      @group(0) @binding(0) var<storage, read_write> a: array<f32>;
      @compute @workgroup_size(8) fn f() { a[0] = subgroupAdd(f32(f16(1.5))); }`;
    expect(await validateWgsl(code)).toEqual([]);
  });

  it("finds an error, its line and its column", async () => {
    expect(await validateWgsl("@compute @workgroup_size(1)\nfn f() { let x: i32 = 1.5; }")).toEqual([
      "2:23: cannot convert value of type 'abstract-float' to type 'i32'",
    ]);
  });

  it("finds what is over the limits, in each entry point", async () => {
    const code = `var<workgroup> tile: array<f32, 5000>;
      @compute @workgroup_size(1) fn fine() {}
      @compute @workgroup_size(512) fn wide() {}
      @compute
      @workgroup_size(1) fn deep() { tile[0] = 1.0; }`;
    const [wide, deep, ...rest] = await validateWgsl(code);
    expect(wide).toMatch(/^wide: .*512.*exceeds/);
    expect(deep).toMatch(/^deep: .*20000 bytes.*larger than/);
    expect(rest).toEqual([]);
  });
});
