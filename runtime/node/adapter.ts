// The GPU in Node: Dawn, from the npm package `webgpu`.
//
// On some adapters (lavapipe is one) Dawn's native code writes two warnings on stderr about limits that it
// "artificially reduced". They are harmless, and nothing in Node can hold them back.

import { acquire, type Device } from "../device.ts";
import { patient } from "./patience.ts";

type Dawn = typeof import("webgpu");

let loading: Promise<Dawn> | undefined;
let trouble: string | undefined;

// Dawn crashes if a GPU object is collected while its devices live, so these are kept for the process's life.
const kept: GPU[] = [];

function load(): Promise<Dawn> {
  loading ??= import("webgpu").then((dawn) => {
    Object.assign(globalThis, dawn.globals);
    return dawn;
  });
  return loading;
}

async function create(options: string[]): Promise<GPU> {
  const gpu = (await load()).create(options);
  kept.push(gpu);
  return gpu;
}

/** The machine's best device; undefined if it has none, and then `noAdapterHelp` says what to do. */
export async function findDevice(): Promise<Device | undefined> {
  if (hidden()) return undefined;
  let gpu: GPU;
  try {
    gpu = await create([]);
  } catch (error) {
    trouble = error instanceof Error ? error.message : String(error);
    return undefined;
  }
  const device = await acquire(gpu);
  return device && patient(device);
}

/** What a person does on this system to get an adapter. */
export function noAdapterHelp(): string {
  if (hidden()) return "No GPU adapter, as MIRAS_DEVICE=interpreter asks; unset it to use one.";
  if (trouble !== undefined) {
    return `No GPU adapter: the npm package webgpu does not load on ${process.platform} ${process.arch} (${trouble}). Run \`npm ci\` again.`;
  }
  return `No GPU adapter was found. ${repairs[process.platform] ?? "Install a Vulkan driver for your system."}`;
}

const repairs: Partial<Record<NodeJS.Platform, string>> = {
  linux:
    "Install your GPU's Vulkan driver, or run `npm run setup`, which installs a software one on Debian and Ubuntu.",
  darwin:
    "miras uses Metal, which every Mac since 2012 has: update macOS, and run outside a virtual machine.",
  win32: "miras uses Direct3D 12: update Windows and the graphics driver.",
};

/** The variable with which the tests, and a person, choose the interpreter on a machine that has a GPU. */
function hidden(): boolean {
  const choice = process.env.MIRAS_DEVICE;
  if (choice === undefined || choice === "" || choice === "interpreter") return choice === "interpreter";
  throw new Error(
    `MIRAS_DEVICE is "${choice}"; the one value it takes is "interpreter". Unset it to use the GPU.`,
  );
}

let checker: Promise<GPUDevice> | undefined;

/** A device that checks everything and computes nothing, on any machine, with the default limits. */
export function nullDevice(): Promise<GPUDevice> {
  checker ??= create(["backend=null"]).then(async (gpu) => {
    const adapter = await gpu.requestAdapter();
    if (adapter === null) throw new Error("Dawn has no null backend: run `npm ci` again");
    return adapter.requestDevice({ requiredFeatures: [...adapter.features] as GPUFeatureName[] });
  });
  return checker;
}

/** What is wrong with WGSL, as `line:column: message` or, for a limit, `entry point: message`. */
export async function validateWgsl(code: string): Promise<string[]> {
  const device = await nullDevice();
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const [{ messages }] = await Promise.all([module.getCompilationInfo(), device.popErrorScope()]);
  const errors = messages.filter(({ type }) => type === "error");
  if (errors.length > 0) return errors.map((error) => `${error.lineNum}:${error.linePos}: ${error.message}`);

  const problems: string[] = [];
  for (const [, entryPoint = ""] of code.matchAll(/@compute\b[^;{}]*?\bfn\s+(\w+)/g)) {
    try {
      await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint } });
    } catch (error) {
      const [reason = ""] = String(error instanceof Error ? error.message : error).split("\n", 1);
      problems.push(`${entryPoint}: ${reason}`);
    }
  }
  return problems;
}
