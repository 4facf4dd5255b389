/** `miras train --weights`: a run that starts from weights in a file. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadWeights, slotsOf } from "../../cli/weights/load.ts";
import { readSafetensors, writeSafetensors } from "../../runtime/safetensors.ts";
import { networkOf } from "../support/networks.ts";
import { file, mirasMaking, scratch, tensor } from "./support.ts";
import { beforeStep, fakes } from "./train/fakes.ts";

const spec = file("net.miras", "// a network\n");
const argv = ["--task", "bigram", "--steps", "20", "--checkpoint-every", "10", "--lr", "0.1"];
let runs = 0;
const newRun = (): string => scratch(`run-${++runs}`);
const train = (make: ReturnType<typeof fakes>, ...more: string[]) => mirasMaking(make, {}, "train", ...more);
const checkpoint = (run: string, step: number): string =>
  join(run, "checkpoints", `step-${step}.safetensors`);
const bytesOf = (path: string): Buffer => readFileSync(path);

interface Line {
  readonly kind: string;
  readonly loss: number;
}
const firstLoss = (run: string): number =>
  (JSON.parse(readFileSync(join(run, "metrics.jsonl"), "utf8").split("\n")[0] ?? "") as Line).loss;

/** The file of weights alone that another run came to. */
async function learned(): Promise<{ path: string; drawnLoss: number }> {
  const run = newRun();
  await train(fakes(), spec, ...argv, "--out", run);
  const { tensors } = readSafetensors(bytesOf(checkpoint(run, 20)));
  const weights = [...tensors].filter(([name]) => !name.startsWith("optimizer/"));
  const path = file(`weights-${runs}.safetensors`, writeSafetensors(weights));
  return { path, drawnLoss: firstLoss(run) };
}

describe("--weights", () => {
  it("is where a run and each of a sweep starts, and is told", async () => {
    const { path, drawnLoss } = await learned();
    const run = newRun();
    const { code, err } = await train(fakes(), spec, ...argv, "--weights", path, "--out", run);
    expect(code).toBe(0);
    expect(err).toContain(`parameters, from ${path}, on plain TypeScript\n`);
    expect(firstLoss(run)).toBeLessThan(drawnLoss);
    const { settings } = JSON.parse(readFileSync(join(run, "config.json"), "utf8"));
    expect(settings.weights).toBe(path);
    const swept = newRun();
    await train(fakes(), spec, ...argv, "--weights", path, "--sweep", "lr=0.1,0.2", "--out", swept);
    for (const rate of ["0.1", "0.2"]) expect(firstLoss(`${swept}/lr-${rate}`)).toBe(firstLoss(run));
  });

  it("is not needed any more once there is a checkpoint, and is until then", async () => {
    const { path } = await learned();
    const whole = newRun();
    await train(fakes(), spec, ...argv, "--weights", path, "--out", whole);
    const stopped = async (): Promise<string> => {
      const run = newRun();
      const make = fakes((network) => beforeStep(network, 3, () => process.emit("SIGINT")));
      await train(make, spec, ...argv, "--weights", path, "--out", run);
      return run;
    };
    const isWhole = (run: string): boolean =>
      bytesOf(checkpoint(run, 20)).equals(bytesOf(checkpoint(whole, 20)));
    const [kept, killed] = [await stopped(), await stopped()];
    for (const name of readdirSync(join(killed, "checkpoints"))) rmSync(join(killed, "checkpoints", name));
    renameSync(path, `${path}.moved`);
    expect((await train(fakes(), "--resume", kept)).code).toBe(0);
    expect(isWhole(kept)).toBe(true);
    const without = await train(fakes(), "--resume", killed);
    expect(without.code).not.toBe(0);
    expect(without.err).toContain(path);
    renameSync(`${path}.moved`, path);
    expect((await train(fakes(), "--resume", killed)).code).toBe(0);
    expect(isWhole(killed)).toBe(true);
    const other = await train(fakes(), "--resume", whole, "--weights", spec);
    expect(other.code).toBe(2);
    expect(other.err).toContain(`--weights is ${spec} now, and the run was made with ${path}`);
  });

  it("must fit, or no run begins", async () => {
    const run = newRun();
    const wrong = file("wrong.safetensors", writeSafetensors(new Map([["nothing", tensor([2])]])));
    const { code, err } = await train(fakes(), spec, ...argv, "--weights", wrong, "--out", run);
    expect([code, existsSync(run)]).toEqual([2, false]);
    expect(err).toContain("nothing");
    const missing = await train(fakes(), spec, ...argv, "--weights", scratch("none"), "--out", run);
    expect([missing.code, existsSync(run)]).toEqual([2, false]);
    expect(missing.err).toContain(scratch("none"));
  });

  it("takes the weights alone of a checkpoint", async () => {
    const network = networkOf(
      `import DeltaNet from "../deltanet.miras"
network N {
  vocabulary 5
  width 4
  heads 1
  layers 1
  block DeltaNet
  embeddings tied
}`,
      "specs/nets/n.miras",
    );
    const weights = new Map(slotsOf(network).map(({ name, shape }) => [name, tensor(shape)] as const));
    const moments = [...weights].map(([name, t]) => [`optimizer/${name}.moment 1`, t] as const);
    const path = file("step-3.safetensors", writeSafetensors([...weights, ...moments]));
    expect(await loadWeights(path, network)).toEqual(weights);
  });
});
