/** Which backend a command runs on. */
import { noAdapterHelp } from "../runtime/node/adapter.ts";
import { type Backend, interpreterBackend } from "./backend.ts";
import { UsageError } from "./errors.ts";
import type { Io } from "./io.ts";
import { type WebgpuOptions, webgpuBackend } from "./webgpu.ts";

export type DeviceName = "webgpu" | "interpreter";

/** How what runs is to be computed. */
type Running = Pick<WebgpuOptions, "form" | "tune" | "say">;

/** The adapter, if there is one; else the interpreter, with a line on stderr that says so and what to do. */
export async function chooseBackend(
  wanted: DeviceName | undefined,
  io: Io,
  options: Running = {},
): Promise<Backend> {
  const interpreter = interpreterBackend(options.form);
  if (wanted === "interpreter") return interpreter;
  const found = await webgpuBackend(options);
  if (found) return found;
  if (wanted === "webgpu") throw new UsageError(noAdapterHelp());
  io.err(`${noAdapterHelp()} Running on ${interpreter.name}.\n`);
  return interpreter;
}

/** Runs `work` on the backend that is chosen, and closes it whatever happens. */
export async function onBackend<T>(
  wanted: DeviceName | undefined,
  io: Io,
  work: (backend: Backend) => Promise<T>,
  options?: Running,
): Promise<T> {
  const backend = await chooseBackend(wanted, io, options);
  try {
    return await work(backend);
  } finally {
    await backend.close();
  }
}
