/** What training on a real device survives: a stop, the loss of the device, batches of any shape; and what it refuses. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { taskFor } from "../../cli/data/task.ts";
import type { Factories } from "../../cli/train/context.ts";
import { openNetwork } from "../../cli/train/network.ts";
import { targetOf } from "../../cli/webgpu.ts";
import { interpretProgram } from "../../compiler/network/interpret.ts";
import { lossOf } from "../../compiler/network/loss.ts";
import { sizesOf } from "../../compiler/network/network.ts";
import { corrections } from "../../compiler/plan/optimizer.ts";
import { trainingOf } from "../../compiler/plan/trainable.ts";
import type { Batch } from "../../runtime/data/batch.ts";
import { type Device, DeviceError } from "../../runtime/device.ts";
import { NetworkOnDevice } from "../../runtime/network.ts";
import { CapacityError } from "../../runtime/resources.ts";
import type { Trainable } from "../../runtime/trainable.ts";
import { file, mirasMaking, type Ran, scratch } from "../cli/support.ts";
import { Random } from "../numeric/reference/random.ts";
import { caseOf, networkOf } from "../support/networks.ts";
import { device } from "./device.ts";

/** The devices that were opened, in order. */
const opened = vi.hoisted(() => ({ devices: [] as Device[], withoutFeatures: false }));

vi.mock("../../runtime/node/adapter.ts", async (original) => {
  const real = await original<typeof import("../../runtime/node/adapter.ts")>();
  return {
    ...real,
    findDevice: async () => {
      const found = await real.findDevice();
      if (found) opened.devices.push(found);
      return found && opened.withoutFeatures ? { ...found, features: new Set<string>() } : found;
    },
  };
});

afterAll(() => device?.destroy());

const PATIENCE = { timeout: 300_000 };
const specs = fileURLToPath(new URL("../../specs/", import.meta.url));

/** A tile and a part of one, a chunk and a part of one. */
const LENGTH = 19;

const textOf = (folder: string, vocabulary: number): string => `
import GatedDeltaNet from "${folder}gated_deltanet.miras"
import Yaad from "${folder}yaad.miras"
network Small {
  vocabulary ${vocabulary}
  width      12
  heads      2
  layers     1
  block      GatedDeltaNet, Yaad, swiglu(expand: 2)
  embeddings tied
}
`;

// ---------------------------------------------------------------- runs

const STEPS = 6;
const spec = file("small.miras", textOf(specs, 12));
const story = file("story.txt", "a cab, a bead, a decade; feed a bee. ".repeat(30));
const argv = [
  ...[
    "--data",
    story,
    "--tokenizer",
    "characters",
    "--batch",
    "2",
    "--length",
    String(LENGTH),
    "--lr",
    "0.01",
  ],
  ...["--steps", String(STEPS), "--checkpoint-every", "2", "--evaluate-every", "4"],
];

type Step = Trainable["step"];

/** `change` may put another step in the place of a network's; `n` counts networks from 0. */
const making = (change: (step: Step, n: number) => Step): Factories => {
  let n = 0;
  return {
    taskFor,
    async openNetwork(request, io) {
      const network = await openNetwork(request, io);
      const { trainable } = network;
      trainable.step = change(trainable.step.bind(trainable), n++);
      return network;
    },
  };
};

const train = (make: Factories | undefined, ...more: string[]): Promise<Ran> =>
  mirasMaking(make, {}, "train", ...more);

const asEver: Factories = making((step) => step);

/** Before the k-th step of the first network something happens; or, where it is `during`, after it began. */
const at = (k: number, act: () => void, during = false): Factories =>
  making((step, n) => {
    let steps = 0;
    return (batches, rate) => {
      const isNow = n === 0 && ++steps === k;
      if (isNow && !during) act();
      const stepped = step(batches, rate);
      if (isNow && during) act();
      return stepped;
    };
  });

const lastOf = (run: string): Buffer => readFileSync(join(run, "checkpoints", `step-${STEPS}.safetensors`));

/** The losses of all steps, in order. */
const lossesOf = (run: string): number[] =>
  readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind: string; loss: number })
    .flatMap(({ kind, loss }) => (kind === "step" ? [loss] : []));

describe.skipIf(!device)("a run", () => {
  let whole: Promise<string> | undefined;
  /** One that nothing happens to. */
  const undisturbed = (): Promise<string> => {
    whole ??= (async () => {
      const run = scratch("whole");
      expect((await train(asEver, spec, ...argv, "--out", run)).err).toContain("step");
      expect(readdirSync(join(run, "checkpoints"))).toContain(`step-${STEPS}.safetensors`);
      return run;
    })();
    return whole;
  };

  test("goes on after a stop to the same bits", PATIENCE, async () => {
    const want = await undisturbed();
    const run = scratch("stopped");
    const stopped = await train(
      at(3, () => process.emit("SIGINT")),
      spec,
      ...argv,
      "--out",
      run,
    );
    expect(stopped.out).toContain(`3 of ${STEPS} steps`);
    expect(await train(asEver, "--resume", run)).toMatchObject({ code: 0 });
    expect(lossesOf(run)).toEqual(lossesOf(want));
    expect(lastOf(run).equals(lastOf(want))).toBe(true);
  });

  test.each([
    ["before", false],
    ["during", true],
  ] as const)("recovers by itself from the loss of the device %s a step", PATIENCE, async (when, during) => {
    const want = await undisturbed();
    const run = scratch(`lost-${when}`);
    const lose = (): void => opened.devices.at(-1)?.gpu.destroy();
    const { code, err } = await train(at(4, lose, during), spec, ...argv, "--out", run);
    expect(err).toMatch(/the GPU was lost.*, after step 3; .* from step 2\n/);
    expect(code).toBe(0);
    expect(lossesOf(run)).toEqual(lossesOf(want));
    expect(lastOf(run).equals(lastOf(want))).toBe(true);
  });

  test.runIf(device?.features.has("shader-f16"))(
    "stores vectors as f16 where the adapter has it, and goes on to the same bits",
    PATIENCE,
    async () => {
      const [run, stopped] = [scratch("f16"), scratch("f16-stopped")];
      const narrow = ["--storage", "f16"];
      expect(await train(asEver, spec, ...argv, ...narrow, "--out", run)).toMatchObject({ code: 0 });
      const stop = at(3, () => process.emit("SIGINT"));
      await train(stop, spec, ...argv, ...narrow, "--out", stopped);
      expect(await train(asEver, "--resume", stopped)).toMatchObject({ code: 0 });
      expect(lastOf(stopped).equals(lastOf(run))).toBe(true);
      expect((await train(asEver, "--resume", stopped, "--storage", "f32")).err).toContain(
        "--storage is f32 now, and the run was made with f16",
      );
      const [first, ...later] = lossesOf(run) as [number, ...number[]];
      expect(first).not.toBe(lossesOf(await undisturbed())[0]);
      expect(later.at(-1)).toBeLessThan(first);
      opened.withoutFeatures = true;
      const refused = await train(asEver, spec, ...argv, ...narrow, "--out", scratch("f16-refused"));
      opened.withoutFeatures = false;
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.err).toContain("has no 16-bit numbers");
    },
  );

  test("starts from the weights of another, which --resume does not ask for again", PATIENCE, async () => {
    const first = join(await undisturbed(), "checkpoints", `step-${STEPS}.safetensors`);
    const run = scratch("from-weights");
    const from = ["--weights", first];
    const stop = at(1, () => process.emit("SIGINT"));
    const { err } = await train(stop, spec, ...argv, ...from, "--out", run);
    expect(err).toContain(`from ${first}`);
    const again = await train(asEver, "--resume", run);
    expect(again.code).toBe(0);
    const [drawn = 0] = lossesOf(await undisturbed());
    expect(lossesOf(run)[0]).toBeLessThan(drawn);
    const elsewhere = scratch("from-nothing");
    const missing = await train(asEver, spec, ...argv, "--weights", story, "--out", elsewhere);
    expect(missing.code).toBe(2);
    expect(missing.err).toContain(`cannot read ${story}`);
  });
});

// ---------------------------------------------------------------- a network alone

const VOCABULARY = 11;

function network(on: Device) {
  const checked = networkOf(textOf("../", VOCABULARY), "specs/nets/small.miras");
  const training = trainingOf(checked, targetOf(on), { clip: 1, shrinkage: 0.1 });
  if ("sequential" in training) throw new Error(training.sequential);
  const made = new NetworkOnDevice(on, { vocabulary: VOCABULARY, seed: 3, corrections, ...training });
  return { checked, made };
}

function batchOf(random: Random, B: number, T: number): Batch {
  const token = (): number => Math.floor(random.between(0, VOCABULARY));
  const of = (make: () => number) => Int32Array.from({ length: B * T }, make);
  return { B, T, tokens: of(token), targets: of(() => (random.chance(0.2) ? -1 : token())) };
}

describe.skipIf(!device)("a network", () => {
  test("says that its device is lost", PATIENCE, async () => {
    const { findDevice } = await import("../../runtime/node/adapter.ts");
    const own = await findDevice();
    if (!own) return;
    const { made } = network(own);
    const batch = batchOf(new Random(1), 1, 3);
    await made.step([batch], 0.01);
    const step = made.step([batch], 0.01);
    own.gpu.destroy();
    const lost = { name: "DeviceError", kind: "lost" };
    await expect(step).rejects.toBeInstanceOf(DeviceError);
    const others = [
      () => made.step([batch], 0.01),
      () => made.measure(batch),
      () => made.weights(),
      () => made.reader(),
    ];
    for (const work of [() => step, ...others]) await expect(work()).rejects.toMatchObject(lost);
    own.destroy();
  });

  test("refuses a batch that is too large, before it compiles anything", PATIENCE, async () => {
    if (!device) return;
    const { made } = network(device);
    const compile = vi.spyOn(device.gpu, "createComputePipelineAsync");
    const none = new Int32Array();
    const huge: Batch = { B: 2 ** 30, T: 1, tokens: none, targets: none };
    const refused = made.step([huge], 0.01);
    await expect(refused).rejects.toThrow(CapacityError);
    const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    await expect(refused).rejects.toThrow(
      new RegExp(`needs a buffer of \\d+ bytes, and the device allows ${most}: use a smaller batch`),
    );
    expect(compile).not.toHaveBeenCalled();
    compile.mockRestore();
    // It is as it was.
    expect((await made.step([batchOf(new Random(1), 1, 3)], 0.01)).loss).toBeGreaterThan(0);
    made.destroy();
  });

  test("takes batches of any shapes one after the other", PATIENCE, async () => {
    if (!device) return;
    const random = new Random(3);
    const { made, checked } = network(device);
    const { program } = caseOf(checked, 1, 1, () => 0);
    const loss = lossOf(program);
    const steps = [...program.steps, ...loss.steps];
    let counted = 0;
    for (const [B, T] of [
      [2, 5],
      [1, 3],
      [1, LENGTH],
      [2, 5],
    ] as const) {
      const batch = batchOf(random, B, T);
      const given = new Map(
        [...(await made.weights())].map(([name, { data }]) => [name, Float64Array.from(data)] as const),
      );
      given.set(program.tokens.name, Float64Array.from(batch.tokens));
      given.set(loss.targets.name, Float64Array.from(batch.targets));
      const want = interpretProgram(steps, sizesOf(checked, B, T), given, [loss.loss, loss.correct]);
      const got = await made.measure(batch);
      expect(got.loss).toBeCloseTo(want.get(loss.loss.name)?.[0] as number, 4);
      expect(got.counted).toBe(batch.targets.filter((t) => t >= 0).length);
      const stepped = await made.step([batch], 0.01);
      expect(stepped.loss).toBeCloseTo(got.loss, 5);
      expect((await made.measure(batch)).loss).toBeLessThan(got.loss);
      counted++;
      expect((await made.optimizer()).step).toBe(counted);
    }
    made.destroy();
  });
});
