/** A run that is killed, whatever it is writing, goes on from its last snapshot as if nothing had been. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { beforeAll, expect, it } from "vitest";
import { lastCheckpoint } from "../../cli/train/checkpoints.ts";
import { scratch } from "./support.ts";
import { runIn, STEPS } from "./train/small-run.ts";

const child = scratch("killed.mjs");

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, "train/killed.ts")],
    outfile: child,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
});

const spawned = (path: string, deadly: number, mode = "") => {
  const { signal, stdout, stderr, status } = spawnSync(process.execPath, [child, path, String(deadly), mode]);
  expect([stderr.toString(), status]).toEqual(["", signal === null ? 0 : null]);
  return { isKilled: signal === "SIGKILL", calls: Number(stdout.toString()) };
};

/** The lines of metrics without what depends on time. */
const metricsOf = (path: string): unknown[] =>
  readFileSync(join(path, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => ({ ...JSON.parse(line), seconds: 0, tokensPerSecond: 0 }));

it("loses nothing that was kept, at any write", async () => {
  const whole = scratch("whole");
  const expected = await (await runIn(whole, false)).weights();
  const { calls } = spawned(scratch("counted"), 0);
  expect(calls).toBeGreaterThan(60);
  let before = 0;
  for (let n = 1; n <= calls; n++) {
    const path = scratch(`killed-${n}`);
    expect(spawned(path, n).isKilled).toBe(true);
    const kept = existsSync(path) ? await lastCheckpoint(join(path, "checkpoints")) : undefined;
    // Every snapshot that was there can be read, and none is ever gone again.
    expect(kept?.damaged ?? []).toEqual([]);
    const step = kept?.snapshot.progress.step ?? 0;
    expect(step).toBeGreaterThanOrEqual(before);
    before = step;
    const trainable = await runIn(path, true);
    expect(await trainable.weights()).toEqual(expected);
    expect(metricsOf(path)).toEqual(metricsOf(whole));
    expect(readdirSync(path).sort()).toEqual(readdirSync(whole).sort());
    expect(readdirSync(join(path, "checkpoints"))).toEqual([`step-${STEPS}.safetensors`]);
  }
  expect(before).toBe(STEPS);
}, 600_000);

it("may be killed again while it goes on", async () => {
  const whole = scratch("whole-again");
  const expected = await (await runIn(whole, false)).weights();
  const path = scratch("again");
  // Each time a little later, so that it gets further now and then.
  let deaths = 0;
  for (let n = 3; spawned(path, n, "again").isKilled; n += 3) deaths++;
  expect(deaths).toBeGreaterThan(3);
  expect(await (await runIn(path, true)).weights()).toEqual(expected);
  expect(metricsOf(path)).toEqual(metricsOf(whole));
}, 600_000);
