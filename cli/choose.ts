/** Which backend a command runs on. */
import { noAdapterHelp } from "../runtime/node/adapter.ts";
import { type Backend, interpreterBackend } from "./backend.ts";
import { UsageError } from "./errors.ts";
import type { Io } from "./io.ts";
import { webgpuBackend } from "./webgpu.ts";

export type DeviceName = "webgpu" | "interpreter";

/** The adapter, if there is one; else the interpreter, with a line on stderr that says so and what to do. */
export async function chooseBackend(wanted: DeviceName | undefined, io: Io): Promise<Backend> {
  if (wanted === "interpreter") return interpreterBackend;
  const found = await webgpuBackend();
  if (found) return found;
  if (wanted === "webgpu") throw new UsageError(noAdapterHelp());
  io.err(`${noAdapterHelp()} Running on ${interpreterBackend.name}.\n`);
  return interpreterBackend;
}

/** Runs `work` on the backend that is chosen, and closes it whatever happens. */
export async function onBackend<T>(
  wanted: DeviceName | undefined,
  io: Io,
  work: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = await chooseBackend(wanted, io);
  try {
    return await work(backend);
  } finally {
    await backend.close();
  }
}
