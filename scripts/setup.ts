// `npm run setup`: makes sure that this machine has a GPU adapter, by installing a software Vulkan driver if
// there is none, and a browser for the tests. With --dry-run it only says what it would do.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findDevice, noAdapterHelp } from "../runtime/node/adapter.ts";
import { planApt, planBrowser, SetupError, type Step, type System } from "./apt.ts";
import { findBrowser } from "./browser.ts";

const dryRun = process.argv.includes("--dry-run");

if (process.argv.includes("--probe")) {
  await probe();
} else {
  try {
    setUpAdapter();
    setUpBrowser();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

function setUpAdapter(): void {
  const before = look();
  if (before.adapter !== undefined) {
    console.log(`GPU adapter: ${before.adapter}. There is no driver to install.`);
    return;
  }
  if (process.platform !== "linux") throw new SetupError(before.help);
  console.log("No GPU adapter was found.");
  runAll(planApt(readSystem()));
  if (dryRun) return;

  const after = look();
  if (after.adapter === undefined) {
    throw new SetupError(`\nThe driver is installed, and there is still no adapter. ${after.help}`);
  }
  console.log(`\nGPU adapter: ${after.adapter}.`);
}

/** Only one test needs a browser: without one it is skipped, and the rest of the machine is set up. */
function setUpBrowser(): void {
  const before = findBrowser();
  if (before !== undefined) {
    console.log(`Browser for the tests: ${before}. There is nothing to install.`);
    return;
  }
  console.log("\nNo Chromium was found for the browser test.");
  try {
    if (process.platform !== "linux") throw new SetupError("Install Chrome.");
    runAll(planBrowser(readSystem()));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.log(`${error.message}\nWithout a browser its test is skipped, and says so.`);
    return;
  }
  const after = findBrowser();
  if (after !== undefined) console.log(`\nBrowser for the tests: ${after}.`);
}

interface Look {
  readonly adapter?: string;
  readonly help: string;
}

/** Looks for an adapter in another process, since a broken driver may take down the one that loads it. */
function look(): Look {
  const child = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, "--probe"], {
    encoding: "utf8",
    env: { ...process.env, MIRAS_DEVICE: "" },
    timeout: 120_000,
  });
  if (child.status === 0) return JSON.parse(child.stdout.trim().split("\n").at(-1) ?? "");
  const ending = child.error?.message ?? child.signal ?? `exit status ${child.status}`;
  return { help: `The search for one broke off (${ending}).\n${child.stderr.trim()}` };
}

async function probe(): Promise<void> {
  const device = await findDevice();
  const found: Look = { ...(device && { adapter: device.adapter.name }), help: noAdapterHelp() };
  device?.destroy();
  console.log(JSON.stringify(found));
}

function readSystem(): System {
  const directory = "/etc/apt/sources.list.d";
  const parts = existsSync(directory) ? readdirSync(directory) : [];
  const paths = ["/etc/apt/sources.list", ...parts.map((name) => join(directory, name))];
  const sources = paths.filter((path) => /\.(list|sources)$/.test(path) && existsSync(path));
  return {
    release: readFileSync("/etc/os-release", "utf8"),
    sources: sources.map((path) => [path, readFileSync(path, "utf8")]),
  };
}

/** Runs the steps as root, and says each before doing it. */
function runAll(steps: readonly Step[]): void {
  const root = process.getuid?.() === 0;
  const sudo = !root && spawnSync("sudo", ["--version"]).status === 0;
  const able = root || sudo;
  if (!able) console.log("This needs root, and there is no sudo. Run these steps as root:");
  for (const step of steps) {
    const command = sudo ? ["sudo", ...step.command] : step.command;
    console.log(`\n${step.say}\n  $ ${command.join(" ")}`);
    if (step.input !== undefined) console.log(step.input.trimEnd().replace(/^/gm, "  | "));
    const failure = able && !dryRun ? run(command, step.input) : undefined;
    if (failure !== undefined) {
      const undo = steps.flatMap(({ undo }) => undo ?? []).join(" && ");
      const back = undo === "" ? "" : ` To take back what was done: ${undo}`;
      throw new SetupError(
        `\nThis step failed (${failure}); what it printed says why. Then run this again.${back}`,
      );
    }
  }
  if (!able) throw new SetupError("\nNothing was changed.");
  if (dryRun) console.log("\nThis was a dry run: nothing was changed.");
}

/** What went wrong, if anything did. What `tee` repeats of its input is not shown. */
function run([program = "", ...rest]: readonly string[], input: string | undefined): string | undefined {
  const io = input === undefined ? (["inherit", "inherit"] as const) : (["pipe", "ignore"] as const);
  const { status, signal, error } = spawnSync(program, rest, { stdio: [...io, "inherit"], input });
  return status === 0 ? undefined : (error?.message ?? signal ?? `exit status ${status}`);
}
