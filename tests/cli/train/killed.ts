/**
 * A run in a process of its own, which kills itself at its n-th call of the file system, in the midst of what that
 * call writes. Arguments: the run folder, n, and whether to go on with a run. Prints the calls that it made.
 */
import fs from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [path = "", deadly = "", mode] = process.argv.slice(2);
let calls = 0;

const dies = (): boolean => ++calls === Number(deadly);
const die = (): never => {
  process.kill(process.pid, "SIGKILL");
  // The signal may take a moment, in which nothing may go on.
  for (;;);
};
const half = (data: unknown): unknown =>
  typeof data === "string" || data instanceof Uint8Array ? data.slice(0, data.length / 2) : data;

type Call = (...args: unknown[]) => unknown;

function deadlyCalls(of: object, names: readonly string[], cut?: (args: unknown[]) => void): void {
  for (const name of names) {
    const real = (Reflect.get(of, name) as Call).bind(of);
    Reflect.set(of, name, (...args: unknown[]) => {
      if (!dies()) return real(...args);
      cut?.(args);
      return die();
    });
  }
}

deadlyCalls(fs, ["appendFileSync"], ([file, data]) => fs.writeSync(file as number, half(data) as string));
deadlyCalls(fs, ["fsyncSync"]);
deadlyCalls(promises, ["mkdir", "rename", "rm"]);
deadlyCalls(promises, ["writeFile"], ([file, data]) =>
  fs.writeFileSync(file as string, half(data) as string),
);
const open = promises.open.bind(promises);
promises.open = async (...args) => {
  const file = await open(...args);
  deadlyCalls(file, ["writeFile"], ([data]) => fs.writeSync(file.fd, half(data) as string));
  deadlyCalls(file, ["sync"]);
  return file;
};
syncBuiltinESMExports();

const { runIn } = await import("./small-run.ts");
await runIn(path, mode === "again");
process.stdout.write(String(calls));
