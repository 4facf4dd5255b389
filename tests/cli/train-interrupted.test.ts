/** Ctrl-C in a process of its own. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { file, mirasMaking, scratch } from "./support.ts";
import { fakes } from "./train/fakes.ts";

const spec = file("net.miras", "// a network\n");
const argv = ["--task", "bigram", "--steps", "100000", "--lr", "0.01"];

/** A run that trains, and has done some steps. */
async function started(mode: string, run: string) {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "tests/cli/train/slow.ts", mode, spec, ...argv, "--out", run],
    { cwd: join(import.meta.dirname, "../..") },
  );
  const printed = { out: "", err: "" };
  child.stdout.on("data", (data) => {
    printed.out += data;
  });
  child.stderr.on("data", (data) => {
    printed.err += data;
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal })),
  );
  const metrics = join(run, "metrics.jsonl");
  await until(() => existsSync(metrics) && readFileSync(metrics, "utf8").split("\n").length > 2);
  return { child, printed, ended };
}

/** Until something holds; a slow machine may take its time. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1200 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(holds()).toBe(true);
}

it.each(["SIGINT", "SIGTERM"] as const)(
  "%s finishes the step, saves, and says how to go on",
  async (signal) => {
    const run = scratch(`once-${signal}`);
    const { child, printed, ended } = await started("slow", run);
    try {
      child.kill(signal);
      expect(await ended).toEqual({ code: 0, signal: null });
    } finally {
      child.kill("SIGKILL");
    }
    expect(printed.err).toContain("finishing this step and saving; Ctrl-C again quits at once\n");
    const [, step] = /^interrupted Bigram on bigram: (\d+) of 100000 steps/.exec(printed.out) ?? [];
    expect(readdirSync(join(run, "checkpoints"))).toEqual([`step-${step}.safetensors`]);
    expect(printed.out).toContain(`go on       miras train --resume ${run}\n`);
  },
);

it("a second Ctrl-C quits at once, and leaves a run that can go on", async () => {
  const run = scratch("twice");
  const { child, printed, ended } = await started("stuck", run);
  try {
    child.kill("SIGINT");
    await until(() => printed.err.includes("finishing this step"));
    child.kill("SIGINT");
    expect(await ended).toEqual({ code: null, signal: "SIGINT" });
  } finally {
    child.kill("SIGKILL");
  }
  const make = fakes((network) => {
    const step = network.step.bind(network);
    network.step = async (batches, rate) => {
      process.emit("SIGINT");
      return step(batches, rate);
    };
  });
  const again = await mirasMaking(make, {}, "train", "--resume", run);
  expect(again).toMatchObject({ code: 0, out: expect.stringMatching(/^interrupted .*: 1 of 100000 steps/) });
});
