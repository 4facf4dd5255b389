/** `miras train` on networks that are followed by hand. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../runtime/device.ts";
import { file, miras, mirasMaking, read, scratch } from "./support.ts";
import { beforeStep, type Fakes, fakes } from "./train/fakes.ts";

const SPEC = "// a network\n// of two lines\n";
const spec = file("net.miras", SPEC);
const short = ["--steps", "40", "--lr", "0.1", "--evaluate-every", "10", "--checkpoint-every", "10"];
const onTask = ["--task", "bigram", ...short];

let runs = 0;
const newRun = (): string => scratch(`run-${++runs}`);

const trained = (make: Fakes, ...argv: string[]) => mirasMaking(make, {}, "train", ...argv);
const lastFile = (run: string): Buffer => readFileSync(join(run, "checkpoints", "step-40.safetensors"));
const configOf = (run: string) => JSON.parse(readFileSync(join(run, "config.json"), "utf8"));
const linesOf = (run: string) =>
  readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
/** Without what depends on time. */
const measured = (run: string) =>
  linesOf(run).map((line) => ({ ...line, seconds: 0, tokensPerSecond: undefined }));

/** A run that is interrupted in its 17th step. */
async function interrupted(...argv: string[]): Promise<string> {
  const run = newRun();
  const make = fakes((network) => beforeStep(network, 17, () => process.emit("SIGINT")));
  const { code, out } = await trained(make, spec, ...argv, "--out", run);
  expect([code, out]).toEqual([0, expect.stringContaining("17 of 40 steps")]);
  return run;
}

describe("a run", () => {
  it("leaves all that it is about in its folder, and says how it went", async () => {
    const run = newRun();
    const make = fakes();
    const { code, out, err } = await trained(make, spec, ...onTask, "--out", run, "--seed", "3");
    expect(code).toBe(0);
    expect(out).toMatch(/^finished Bigram on bigram: 40 of 40 steps, 400 tokens in \d+ s/);
    expect(out).toMatch(/\n {2}validation {2}loss [\d.]+, accuracy [\d.]+ %, after step 40\n/);
    expect(out).toContain(`miras generate ${run} --prompt …`);
    expect(err).toMatch(
      /^Bigram, 56 parameters, on plain TypeScript\nwhat follows a token, of 7\nrun folder: .*\nstep 10: validation loss [\d.]+, accuracy [\d.]+ %, the best so far\n/,
    );
    expect(readdirSync(run).sort()).toEqual([
      "checkpoints",
      "config.json",
      "curves.svg",
      "metrics.jsonl",
      "spec.miras",
    ]);
    expect(readFileSync(join(run, "spec.miras"), "utf8")).toBe(SPEC);
    expect(readdirSync(join(run, "checkpoints")).sort()).toEqual(
      [20, 30, 40].map((step) => `step-${step}.safetensors`),
    );
    expect(configOf(run)).toMatchObject({
      network: "Bigram",
      parameters: 56,
      vocabulary: 7,
      device: "plain TypeScript",
      task: { name: "bigram", vocabulary: 7 },
      settings: { task: "bigram", data: null, steps: 40, lr: 0.1, warmup: 4, seed: 3, clip: 1 },
    });
    expect(make.requests).toMatchObject([{ vocabulary: 7, seed: 3, clip: 1, weightDecay: 0.1 }]);
    expect(make.opened.every(({ isDestroyed }) => isDestroyed)).toBe(true);
    const lines = linesOf(run);
    expect(lines.filter(({ kind }) => kind === "step").map(({ step }) => step)).toHaveLength(40);
    expect(Object.keys(lines[0])).toEqual([
      ...["kind", "step", "tokens", "loss", "accuracy", "learningRate", "gradientNorm"],
      ...["tokensPerSecond", "seconds"],
    ]);
    expect(lines.at(-1)).toMatchObject({ kind: "validation", step: 40, tokens: 400, isBest: true });
    const svg = readFileSync(join(run, "curves.svg"), "utf8");
    expect(svg).toContain("Bigram on bigram");
    expect(svg).not.toContain("NaN");
    expect([...read(join(run, "checkpoints", "step-40.safetensors")).keys()]).toEqual([
      ...["table", "bias"],
      ...["table.m", "table.v", "bias.m", "bias.v"].map((name) => `optimizer/${name}`),
    ]);
  });

  it("tells the same as JSON", async () => {
    const run = newRun();
    const { out } = await trained(fakes(), spec, ...onTask, "--out", run, "--json");
    const result = JSON.parse(out);
    expect(Object.keys(result)).toEqual([
      ...["outcome", "run", "step", "tokens", "seconds", "tokensPerSecond", "validation", "best"],
    ]);
    expect(result).toMatchObject({ outcome: "finished", run, step: 40, tokens: 400, best: { step: 40 } });
  });

  it("learns from text, keeps its vocabulary, and takes a name and a number in runs/", async () => {
    const text = file("tale.txt", "abcab cabc ".repeat(40));
    const before = process.cwd();
    mkdirSync(scratch("home"), { recursive: true });
    process.chdir(scratch("home"));
    try {
      const argv = [
        spec,
        "--data",
        text,
        "--tokenizer",
        "characters",
        "--batch",
        "2",
        "--length",
        "8",
        ...short,
      ];
      const names = [];
      for (let i = 0; i < 2; i++) {
        const { out } = await trained(fakes(), ...argv, "--json", "--network", "My Net");
        names.push(JSON.parse(out).run);
      }
      const day = new Date().toISOString().slice(0, 10);
      expect(names).toEqual([1, 2].map((n) => `runs/My-Net-tale-${day}-${n}`));
      const vocabulary = readFileSync(join(names[0], "vocabulary.json"), "utf8");
      expect(JSON.parse(vocabulary)).toEqual({ kind: "characters", characters: " abc" });
    } finally {
      process.chdir(before);
    }
  });

  it("stops once it is accurate enough, and fails where it never is", async () => {
    const argv = [spec, "--task", "bigram", "--lr", "0.1", "--evaluate-every", "10"];
    const reached = await trained(fakes(), ...argv, "--out", newRun(), "--until-accuracy", "0.9");
    expect(reached).toMatchObject({ code: 0, out: expect.stringMatching(/^reached /) });
    const slow = ["--task", "bigram", "--lr", "1e-6", "--steps", "5", "--until-accuracy", "1"];
    const missed = await trained(fakes(), spec, ...slow, "--out", newRun());
    expect(missed).toMatchObject({ code: 1, out: expect.stringContaining("100.0 %, was not reached") });
  });

  it("shows on a terminal how it goes", async () => {
    let time = 0;
    const { err } = await mirasMaking(
      fakes(),
      { errIsTerminal: true, now: () => (time += 100) },
      ...["train", spec, ...onTask, "--out", newRun()],
    );
    expect(err).toMatch(
      /step 12\/40, loss [\d.]+, accuracy [\d.]+ %, gradient [\d.e-]+, [\d.]+ tokens\/s, \d+ s left/,
    );
  });
});

describe("going on", () => {
  it("comes to the same files as without the stop", async () => {
    const whole = newRun();
    await trained(fakes(), spec, ...onTask, "--out", whole);
    const run = await interrupted(...onTask);
    const { code, out, err } = await trained(fakes(), "--resume", run);
    expect(code).toBe(0);
    expect(out).toMatch(/^finished Bigram on bigram: 40 of 40 steps, 400 tokens/);
    expect(err).toMatch(`going on with ${run} after step 17 of 40\n`);
    expect(lastFile(run).equals(lastFile(whole))).toBe(true);
    expect(measured(run)).toEqual(measured(whole));
  });

  it("says how after Ctrl-C", async () => {
    const run = newRun();
    const make = fakes((network) => beforeStep(network, 5, () => process.emit("SIGINT")));
    const { code, out, err } = await trained(make, spec, ...onTask, "--out", run);
    expect(code).toBe(0);
    expect(err).toContain("finishing this step and saving; Ctrl-C again quits at once\n");
    expect(out).toMatch(/^interrupted Bigram on bigram: 5 of 40 steps/);
    expect(out).toContain(`go on       miras train --resume ${run}\n`);
    expect(process.listenerCount("SIGINT")).toBe(0);
  });

  it("takes the spec and the settings again, if they are the same", async () => {
    const run = await interrupted(...onTask);
    const again = await trained(fakes(), spec, ...onTask, "--resume", run, "--keep", "1");
    expect(again).toMatchObject({ code: 0 });
    expect(readdirSync(join(run, "checkpoints"))).toEqual(["step-40.safetensors"]);
  });

  it("refuses other ones, and names them", async () => {
    const run = await interrupted(...onTask);
    const changed = file("changed.miras", "// a network\n// of 2 lines\n");
    const { code, err } = await trained(
      fakes(),
      ...[changed, "--resume", run, "--lr", "0.2", "--steps", "40", "--weight-decay", "0"],
    );
    expect(code).toBe(2);
    expect(err).toBe(
      `error: ${run} can only go on as it began
  ${changed} has changed: line 2 is \`// of 2 lines\` now, and was \`// of two lines\`
  --lr is 0.2 now, and the run was made with 0.1
  --weight-decay is 0 now, and the run was made with 0.1
  leave these out to go on with the run, or start a new one without --resume
`,
    );
  });

  it("takes what is imported along, and tells where that has changed", async () => {
    mkdirSync(scratch("models"), { recursive: true });
    const model = file("models/some.miras", 'import Y from "../some.miras"\n// one\n');
    file("some.miras", "// the other\n");
    const importing = file("importing.miras", 'import X from "models/some.miras"\n// a network\n');
    const run = newRun();
    const make = fakes((network) => beforeStep(network, 17, () => process.emit("SIGINT")));
    await trained(make, importing, ...onTask, "--out", run);
    const texts = ["spec.miras", "imports/some.miras", "imports/some-2.miras"].map((name) =>
      readFileSync(join(run, name), "utf8"),
    );
    expect(texts).toEqual([
      'import X from "imports/some.miras"\n// a network\n',
      'import Y from "some-2.miras"\n// one\n',
      "// the other\n",
    ]);
    writeFileSync(model, 'import Y from "../some.miras"\n// two\n');
    expect((await trained(fakes(), importing, "--resume", run)).err).toContain(
      `some.miras, which ${importing} imports, has changed: line 2 is \`// two\` now, and was \`// one\`\n`,
    );
    const again = fakes();
    expect(await trained(again, "--resume", run)).toMatchObject({ code: 0 });
    expect(again.requests).toMatchObject([{ file: { path: join(run, "spec.miras"), text: texts[0] } }]);
  });

  it("finds the text where it is now, and refuses another one", async () => {
    const text = "abcab cabc ".repeat(40);
    const argv = ["--batch", "2", "--length", "8", "--tokenizer", "characters", ...short];
    const run = await interrupted("--data", file("here.txt", text), ...argv);
    const other = await trained(fakes(), "--resume", run, "--data", file("other.txt", `cc${text.slice(2)}`));
    expect(other.code).toBe(2);
    expect(other.err).toContain(`${run} cannot be gone on with: `);
    const moved = await trained(fakes(), "--resume", run, "--data", file("there.txt", text));
    expect(moved.code).toBe(0);
  });

  it("goes back to the checkpoint before one that is damaged", async () => {
    const whole = newRun();
    await trained(fakes(), spec, ...onTask, "--out", whole);
    const run = await interrupted(...onTask);
    writeFileSync(join(run, "checkpoints", "step-17.safetensors"), "torn");
    const soon = fakes((network) => beforeStep(network, 2, () => process.emit("SIGINT")));
    const first = await trained(soon, "--resume", run, "--keep", "1");
    expect(first.err).toMatch(/note: cannot read .*step-17\.safetensors: .*cut short/);
    expect(first.err).toContain("after step 10 of 40");
    const left = readdirSync(join(run, "checkpoints")).sort();
    expect(left).toEqual([10, 12].map((step) => `step-${step}.safetensors`));
    expect(await trained(fakes(), "--resume", run)).toMatchObject({ code: 0 });
    expect(lastFile(run).equals(lastFile(whole))).toBe(true);
  });

  it("of a run that is over tells how it ended", async () => {
    const run = newRun();
    await trained(fakes(), spec, ...onTask, "--out", run);
    const { code, out } = await trained(fakes(), "--resume", run);
    expect([code, out]).toEqual([0, expect.stringMatching(/^finished .* 40 of 40 steps, 400 tokens/)]);
  });

  it("notes another device and another version", async () => {
    const run = await interrupted(...onTask);
    const config = { ...configOf(run), miras: "0.0.1", device: "another" };
    writeFileSync(join(run, "config.json"), JSON.stringify(config));
    const { code, err } = await trained(fakes(), "--resume", run);
    expect(code).toBe(0);
    expect(err).toMatch(/note: the run was started on another, and goes on on plain TypeScript/);
    expect(err).toMatch(/note: the run was started by miras 0\.0\.1/);
  });
});

describe("what breaks down", () => {
  it("is told with its step, its tensors and what to do", async () => {
    const run = newRun();
    const make = fakes((network) => {
      const step = network.step.bind(network);
      let n = 0;
      network.step = async (batches, rate) => {
        const stepped = await step(batches, rate);
        if (++n < 23) return stepped;
        const weights = await network.weights();
        weights.get("table")?.data.fill(Number.NaN, 3, 12);
        await network.restore(weights);
        return { ...stepped, loss: Number.NaN };
      };
    });
    const { code, out, err } = await trained(make, spec, ...onTask, "--out", run);
    expect(code).toBe(1);
    expect(out).toMatch(/^broken Bigram on bigram: 23 of 40 steps/);
    expect(err).toContain("error: training broke down at step 23: the loss is not finite\n");
    expect(err).toMatch(
      /\n {2}step 22: loss [\d.]+, gradient [\d.e-]+, learning rate 0\.0\d+\n {2}step 23: loss NaN, /,
    );
    expect(err).toContain(
      "weights that are not finite: 1 of 2 tensors: table [7, 7] (9 of 49, the first at [0, 3])\n",
    );
    expect(err).toContain("--sweep lr=…");
    expect(err).toContain(`the last checkpoint in ${run} is that of step 20, before this\n`);
    expect(readdirSync(join(run, "checkpoints"))).not.toContain("step-23.safetensors");
  });

  it("is there as JSON, too", async () => {
    const make = fakes((network) => {
      network.measure = async () => ({ loss: Number.POSITIVE_INFINITY, correct: 0, counted: 1 });
    });
    const { code, out } = await trained(make, spec, ...onTask, "--out", newRun(), "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      outcome: "broken",
      breakdown: { cause: "validation", step: 10, since: 0, weights: [], tensors: 2 },
      validation: { loss: "Infinity" },
    });
  });
});

describe("a device that is lost", () => {
  const lost = (): never => {
    throw new DeviceError("lost", ["a step"], "the driver was reset");
  };

  it("is replaced, with the same files in the end", async () => {
    const [whole, run] = [newRun(), newRun()];
    await trained(fakes(), spec, ...onTask, "--out", whole);
    const make = fakes((network, n) => n === 0 && beforeStep(network, 24, lost));
    const { code, err } = await trained(make, spec, ...onTask, "--out", run);
    expect(code).toBe(0);
    expect(err).toContain(
      "the GPU was lost during a step: the driver was reset, after step 23; a device was opened anew, and training goes on from step 20\n",
    );
    expect(make.opened).toHaveLength(2);
    expect(make.opened.every(({ isDestroyed }) => isDestroyed)).toBe(true);
    expect(lastFile(run).equals(lastFile(whole))).toBe(true);
    expect(measured(run)).toEqual(measured(whole));
  });

  it("again and again ends the run, which can go on later", async () => {
    const run = newRun();
    const make = fakes((network, n) => beforeStep(network, n === 0 ? 13 : 3, lost));
    const { code, err } = await trained(make, spec, ...onTask, "--out", run);
    expect(code).toBe(69);
    expect(make.opened).toHaveLength(4);
    expect(err).toContain(
      `what was saved stays in ${run}; to go on from there: miras train --resume ${run}\n`,
    );
    expect(err).toMatch(/error: the GPU was lost during a step: the driver was reset\n.*a smaller batch/);
    expect(await trained(fakes(), "--resume", run)).toMatchObject({ code: 0 });
  });

  it("for good in the first step leaves no folder", async () => {
    const run = newRun();
    const { code } = await trained(
      fakes((network) => beforeStep(network, 1, lost)),
      ...[spec, ...onTask, "--out", run],
    );
    expect(code).toBe(69);
    expect(existsSync(run)).toBe(false);
  });
});

describe("a sweep", () => {
  const sweep = ["--task", "bigram", "--steps", "20", "--evaluate-every", "10", "--sweep"];

  it("trains at each rate with one seed, and says which was best", async () => {
    const out = newRun();
    const make = fakes();
    const ran = await trained(make, spec, ...sweep, "lr=0.1,1e-3,0.01", "--out", out);
    expect(ran.code).toBe(0);
    const [head, ...rows] = ran.out.split("\n");
    expect(head).toBe("  learning rate  validation loss  accuracy  after step");
    expect(rows.slice(0, 3).map((row) => row.trim().split(/\s+/)[0])).toEqual(["0.001", "0.01", "0.1"]);
    expect(rows[2]).toMatch(/ 20 {2}best$/);
    expect(ran.out).toContain("the best rate is the largest one tried");
    expect(ran.err).toContain("learning rate 0.01, 2 of 3\n");
    expect(readdirSync(out).sort()).toEqual(["lr-0.001", "lr-0.01", "lr-0.1"]);
    expect(make.requests.map(({ seed }) => seed)).toEqual([1, 1, 1]);
    const firsts = ["lr-0.001", "lr-0.1"].map((name) => linesOf(join(out, name))[0].loss);
    expect(firsts[0]).toBe(firsts[1]);
  });

  it("takes a name and a number in runs/", async () => {
    const before = process.cwd();
    mkdirSync(scratch("sweeps"));
    process.chdir(scratch("sweeps"));
    try {
      for (let i = 0; i < 2; i++) await trained(fakes(), spec, ...sweep, "lr=0.1");
      const day = new Date().toISOString().slice(0, 10);
      expect(readdirSync("runs").sort()).toEqual([1, 2].map((n) => `Bigram-bigram-${day}-${n}`));
      expect(readdirSync(`runs/Bigram-bigram-${day}-2`)).toEqual(["lr-0.1"]);
    } finally {
      process.chdir(before);
    }
  });

  it("is there as JSON, and goes past a rate that breaks down", async () => {
    const make = fakes((network, n) => {
      if (n === 1) network.measure = async () => ({ loss: Number.NaN, correct: 0, counted: 1 });
    });
    const ran = await trained(make, spec, ...sweep, "lr=0.01,0.1", "--out", newRun(), "--json");
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({
      sweep: "lr",
      best: 0.01,
      runs: [
        { learningRate: 0.01, outcome: "finished" },
        { learningRate: 0.1, outcome: "broken" },
      ],
    });
  });

  it("tells in its table what broke down", async () => {
    const make = fakes((network) => {
      network.measure = async () => ({ loss: Number.NaN, correct: 0, counted: 1 });
    });
    const ran = await trained(make, spec, ...sweep, "lr=0.01", "--out", newRun());
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/ 0\.01 {2}broke down at step 10: the loss of the validation is not finite\n/);
  });

  it("shows what there is where a later run fails", async () => {
    const make = fakes((network, n) => {
      if (n !== 1) return;
      network.step = async () => {
        throw new DeviceError("out-of-memory", ["a step"], "too much");
      };
    });
    const ran = await trained(make, spec, ...sweep, "lr=0.01,0.1", "--out", newRun());
    expect(ran.code).toBe(69);
    expect(ran.out).toMatch(/ 0\.01 .* best\n$/);
    expect(ran.err).toContain("ran out of memory");
  });

  it("ends with Ctrl-C", async () => {
    const out = newRun();
    const make = fakes((network) => beforeStep(network, 7, () => process.emit("SIGINT")));
    const ran = await trained(make, spec, ...sweep, "lr=0.01,0.1", "--out", out);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/ 0\.01 .* interrupted\n$/);
    expect(readdirSync(out)).toEqual(["lr-0.01"]);
  });
});

describe("wrong usage", () => {
  it.each([
    [[], /nothing to train/],
    [["specs/none.miras", "--task", "bigram"], /there is no file/],
    [[spec], /there is nothing to learn from/],
    [[spec, "--task", "bigram", "--data", "x"], /cannot be used with/],
    [[spec, "--task", "nothing"], /there is no task nothing/],
    [[spec, "--task", "bigram", "--steps", "0"], /whole number from 1/],
    [[spec, "--task", "bigram", "--lr", "0"], /a number above 0/],
    [[spec, "--task", "bigram", "--until-accuracy", "1.5"], /\(0, 1\]/],
    [[spec, "--task", "bigram", "--steps", "5", "--warmup", "6"], /a warm-up of 6 steps does not fit into 5/],
    [[spec, "--task", "bigram", "--size", "kv"], /--size kv should be a name and a number/],
    [[spec, "--task", "bigram", "--sweep", "lr=fast"], /--sweep lr=fast should list learning rates/],
    [[spec, "--task", "bigram", "--sweep", "seed=1"], /--sweep seed=1 should list learning rates/],
    [["--resume", "none"], /there is no run folder none/],
    [["--resume", "specs"], /specs is not a run folder: it has no config\.json/],
    [["--resume", "specs", "--out", "x"], /cannot be used with/],
  ])("%j", async (argv, why) => {
    const { code, err } = await trained(fakes(), ...argv);
    expect(err).toMatch(why);
    expect(code).toBe(2);
  });

  it("an unknown run beside known ones", async () => {
    const run = await interrupted(...onTask);
    const { err } = await trained(fakes(), "--resume", scratch("nothing"));
    expect(err).toContain("there are ");
    expect(err).toContain(run);
  });

  it("a vocabulary that is too small", async () => {
    const make = fakes();
    const openNetwork: Fakes["openNetwork"] = (request, io) =>
      make.openNetwork({ ...request, vocabulary: 5 }, io);
    const run = newRun();
    const { code, err } = await trained({ ...make, openNetwork }, spec, ...onTask, "--out", run);
    expect(code).toBe(2);
    expect(err).toContain("Bigram has a vocabulary of 5, and the task has tokens up to 6");
    expect(existsSync(run)).toBe(false);
    expect(make.opened[0]?.isDestroyed).toBe(true);
  });

  it("a run folder that is there", async () => {
    const run = newRun();
    await trained(fakes(), spec, ...onTask, "--out", run);
    const { code, err } = await trained(fakes(), spec, ...onTask, "--out", run);
    expect(code).toBe(2);
    expect(err).toContain(`the run folder ${run} is there already`);
    expect(err).toContain(`--resume ${run}`);
  });
});

it("has a help text", async () => {
  const { code, out } = await miras("train", "--help");
  expect(code).toBe(0);
  for (const option of ["--task", "--data", "--resume", "--sweep", "--until-accuracy", "--json"])
    expect(out).toContain(option);
});
