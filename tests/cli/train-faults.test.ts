/** What a run does where the file system fails it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { file, mirasMaking, scratch } from "./support.ts";
import { fakes } from "./train/fakes.ts";

/** After so many calls the file system answers with this code, as long as it is set; names that a path should have. */
const fault = vi.hoisted(() => ({ code: "", after: 0, in: "" }));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const isOver = (path: string): boolean =>
    fault.code !== "" && path.includes(fault.in) && fault.after-- <= 0;
  const failure = () => Object.assign(new Error(fault.code), { code: fault.code });
  const guarded =
    <A extends [string, ...unknown[]], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (isOver(args[0])) throw failure();
      return call(...args);
    };
  return {
    ...real,
    mkdir: guarded(real.mkdir as (path: string) => Promise<string | undefined>),
    rename: guarded(real.rename as (from: string, to: string) => Promise<void>),
    writeFile: guarded(real.writeFile as (path: string, data: string) => Promise<void>),
    open: async (path: string, flags: string) => {
      const handle = await real.open(path, flags);
      const write = handle.writeFile.bind(handle);
      handle.writeFile = async (data) => {
        if (isOver(path)) throw failure();
        return write(data);
      };
      return handle;
    },
  };
});

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  return {
    ...real,
    appendFileSync: (path: number, data: string) => {
      if (fault.code !== "" && fault.in === "metrics" && fault.after-- <= 0)
        throw Object.assign(new Error(fault.code), { code: fault.code });
      return real.appendFileSync(path, data);
    },
  };
});

afterEach(() => Object.assign(fault, { code: "", after: 0, in: "" }));

const spec = file("net.miras", "// a network\n");
const argv = ["--task", "bigram", "--steps", "30", "--evaluate-every", "10", "--checkpoint-every", "10"];
let runs = 0;

/** A folder of its own, for a run that is to be in it. */
function newPlace(): { parent: string; run: string } {
  const parent = scratch(`place-${++runs}`);
  mkdirSync(parent);
  return { parent, run: join(parent, "run") };
}

const train = (...more: string[]) => mirasMaking(fakes(), {}, "train", ...more);

describe("the folder", () => {
  it.each([0, 1, 2, 3, 4])("is not made where the disk is full at call %i", async (after) => {
    const { parent, run } = newPlace();
    Object.assign(fault, { code: "ENOSPC", after, in: parent });
    const { code, err } = await train(spec, ...argv, "--out", run);
    expect(err).toBe(`error: cannot write ${run}: the disk is full; free some space, or write elsewhere\n`);
    expect(code).toBe(2);
    expect(readdirSync(parent)).toEqual([]);
  });

  it.each([
    ["EACCES", /permission denied; choose a directory that you may write to/],
    ["EROFS", /the file system is read-only/],
  ])("cannot be where that is refused: %s", async (code, why) => {
    const { parent, run } = newPlace();
    Object.assign(fault, { code, in: parent });
    const ran = await train(spec, ...argv, "--out", run);
    expect(ran).toMatchObject({ code: 2, err: expect.stringMatching(why) });
    expect(readdirSync(parent)).toEqual([]);
  });

  it("cannot be below a file, nor in the place of one", async () => {
    const taken = file("taken", "mine");
    expect(await train(spec, ...argv, "--out", join(taken, "run"))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/cannot write .*taken\/run/),
    });
    expect(await train(spec, ...argv, "--out", taken)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/taken is there already/),
    });
    expect(readFileSync(taken, "utf8")).toBe("mine");
  });

  it("may be an empty one that is there, and no other", async () => {
    const { parent, run } = newPlace();
    mkdirSync(run);
    expect(await train(spec, ...argv, "--out", run)).toMatchObject({ code: 0 });
    writeFileSync(join(parent, "a"), "");
    expect(await train(spec, ...argv, "--out", parent)).toMatchObject({ code: 2 });
    expect(readdirSync(parent).sort()).toEqual(["a", "run"]);
  });

  it("is not made where another run takes its name in the meantime", async () => {
    const { parent, run } = newPlace();
    Object.assign(fault, { code: "ENOTEMPTY", after: 4, in: parent });
    expect(await train(spec, ...argv, "--out", run)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/is there already/),
    });
    expect(readdirSync(parent)).toEqual([]);
  });
});

describe("a run that is under way", () => {
  const checkpoints = (run: string) => readdirSync(join(run, "checkpoints")).sort();

  it.each([
    ["a checkpoint", "checkpoints", 3, /cannot write .*step-20\.safetensors: the disk is full/, [10]],
    ["the curves", ".miras-", 6, /cannot write .*curves\.svg: the disk is full/, [10]],
    ["the metrics", "metrics", 14, /cannot write .*metrics\.jsonl: the disk is full/, [10]],
  ])(
    "keeps what it had where the disk is full for %s, and goes on later",
    async (_, where, after, why, kept) => {
      const { run } = newPlace();
      expect(await train(spec, ...argv, "--out", run, "--steps", "30")).toMatchObject({ code: 0 });
      const { run: other } = newPlace();
      Object.assign(fault, { code: "ENOSPC", after, in: where });
      const failed = await train(spec, ...argv, "--out", other);
      Object.assign(fault, { code: "" });
      expect(failed.code).toBe(2);
      expect(failed.err).toMatch(why);
      expect(failed.err).toContain(`to go on from there: miras train --resume ${other}\n`);
      expect(checkpoints(other)).toEqual(kept.map((step) => `step-${step}.safetensors`));
      expect(await train("--resume", other)).toMatchObject({ code: 0 });
      const file = join("checkpoints", "step-30.safetensors");
      expect(readFileSync(join(other, file)).equals(readFileSync(join(run, file)))).toBe(true);
    },
  );

  it("leaves nothing where not even its first line can be written", async () => {
    const { parent, run } = newPlace();
    Object.assign(fault, { code: "ENOSPC", in: "metrics" });
    expect(await train(spec, ...argv, "--out", run)).toMatchObject({ code: 2 });
    expect(existsSync(run)).toBe(false);
    expect(readdirSync(parent)).toEqual([]);
  });

  it("says what of it is damaged", async () => {
    const { run } = newPlace();
    await train(spec, ...argv, "--out", run);
    for (const name of checkpoints(run)) writeFileSync(join(run, "checkpoints", name), "torn");
    const none = await train("--resume", run);
    expect(none).toMatchObject({ code: 2, err: expect.stringMatching(/step-30.*\n.*step-20.*\n.*step-10/) });
    writeFileSync(join(run, "config.json"), "torn");
    expect((await train("--resume", run)).err).toMatch(/config\.json is not JSON/);
    writeFileSync(join(run, "config.json"), "{}");
    expect((await train("--resume", run)).err).toMatch(/the config\.json of .* is not that of a run/);
  });
});
