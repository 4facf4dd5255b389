/** Which backend a command runs on. */
import { noAdapterHelp } from "../runtime/node/adapter.ts";
import { type Backend, type FormName, interpreterBackend } from "./backend.ts";
import { UsageError } from "./errors.ts";
import type { Io } from "./io.ts";
import { webgpuBackend } from "./webgpu.ts";

export type DeviceName = "webgpu" | "interpreter";

/** The adapter, if there is one; else the interpreter, with a line on stderr that says so and what to do. */
export async function chooseBackend(
  wanted: DeviceName | undefined,
  io: Io,
  form: FormName = "recurrent",
): Promise<Backend> {
  const interpreter = interpreterBackend(form);
  if (wanted === "interpreter") return interpreter;
  const found = await webgpuBackend({ form });
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
  form?: FormName,
): Promise<T> {
  const backend = await chooseBackend(wanted, io, form);
  try {
    return await work(backend);
  } finally {
    await backend.close();
  }
}
