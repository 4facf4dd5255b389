/** `miras generate` from runs on text and on numbers. */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Io } from "../../cli/io.ts";
import type { Factories } from "../../cli/train/context.ts";
import type { Bigram } from "../training/bigram.ts";
import { file, miras, mirasMaking, scratch } from "./support.ts";
import { fakes } from "./train/fakes.ts";

const tale = scratch("tale");
const numbers = scratch("numbers");
const bytes = scratch("bytes");

const say = (run: string, ...argv: string[]) => sayWith({}, fakes(), run, ...argv);
const sayWith = (io: Partial<Io>, make: Factories, run: string, ...argv: string[]) =>
  mirasMaking(make, io, "generate", run, ...argv);

beforeAll(async () => {
  const spec = file("net.miras", "// a network\n");
  const text = file("tale.txt", "abc abc abc ".repeat(50));
  const train = (...argv: string[]) =>
    mirasMaking(
      fakes(),
      {},
      "train",
      spec,
      "--lr",
      "0.3",
      "--steps",
      "60",
      "--evaluate-every",
      "60",
      ...argv,
    );
  const small = ["--batch", "2", "--length", "8"];
  const learned = [
    await train("--data", text, "--tokenizer", "characters", ...small, "--out", tale),
    await train("--task", "bigram", "--out", numbers),
    await train("--data", text, ...small, "--out", bytes, "--steps", "3"),
  ];
  expect(learned.map(({ code }) => code)).toEqual([0, 0, 0]);
});

describe("generate", () => {
  it("goes on with a text", async () => {
    const { code, out, err } = await say(tale, "--prompt", "ab", "--tokens", "9", "--temperature", "0");
    expect([code, out, err]).toEqual([0, "abc abc abc\n", ""]);
  });

  it("goes on with numbers", async () => {
    // After t comes 3 t + 1, of 7.
    const { out } = await say(numbers, "--prompt", "2, 4", "--tokens", "4", "--temperature", "0");
    expect(out).toBe("2 4 6 5 2 0\n");
  });

  it("prints each token as it is said", async () => {
    const printed: string[] = [];
    const io = { out: (text: string) => void printed.push(text) };
    await sayWith(io, fakes(), tale, "--prompt", "a", "--tokens", "3", "--temperature", "0");
    expect(printed).toEqual(["a", "b", "c", " ", "\n"]);
  });

  it("says the same for the same seed, and other things for others", async () => {
    const draw = async (seed: string) =>
      (await say(tale, "--prompt", "a", "--tokens", "60", "--temperature", "3", "--seed", seed)).out;
    expect(await draw("1")).toBe(await draw("1"));
    expect(await draw("1")).not.toBe(await draw("2"));
  });

  it("draws from the likeliest only", async () => {
    const argv = ["--prompt", "ab", "--tokens", "9", "--temperature", "3"];
    expect((await say(tale, ...argv, "--top-k", "1")).out).toBe("abc abc abc\n");
  });

  it("tells it as JSON", async () => {
    const { out } = await say(tale, ...["--prompt", "ab", "--tokens", "3", "--temperature", "0", "--json"]);
    expect(JSON.parse(out)).toEqual({
      run: tale,
      step: 60,
      seed: 1,
      temperature: 0,
      prompt: [1, 2],
      tokens: [3, 0, 1],
      text: "c a",
    });
    const ran = await say(numbers, ...["--prompt", "2", "--tokens", "1", "--temperature", "0", "--json"]);
    expect(JSON.parse(ran.out)).toMatchObject({ prompt: [2], tokens: [0] });
  });

  it("opens the network that was trained, and closes it", async () => {
    const make = fakes();
    await sayWith({}, make, tale, "--prompt", "a", "--tokens", "1");
    expect(make.requests).toMatchObject([{ vocabulary: 4, seed: 1, file: { text: "// a network\n" } }]);
    expect(make.opened.every(({ isDestroyed }) => isDestroyed)).toBe(true);
  });

  it("ends well with Ctrl-C", async () => {
    const make = fakes((network: Bigram) => {
      const reader = network.reader.bind(network);
      network.reader = async () => {
        const { next, destroy } = await reader();
        let n = 0;
        return {
          next: (token) => {
            if (++n === 4) process.emit("SIGINT");
            return next(token);
          },
          destroy,
        };
      };
    });
    const { code, out } = await sayWith(
      {},
      make,
      tale,
      "--prompt",
      "a",
      "--tokens",
      "9",
      "--temperature",
      "0",
    );
    expect([code, out]).toEqual([0, "abc a\n"]);
    expect(process.listenerCount("SIGINT")).toBe(0);
  });

  it("gives a terminal nothing to obey", async () => {
    const argv = ["--prompt", "a\u001b", "--tokens", "0"];
    expect((await sayWith({ columns: 80 }, fakes(), bytes, ...argv)).out).toBe("a\ufffd\n");
    expect((await say(bytes, ...argv)).out).toBe("a\u001b\n");
  });

  it.each([
    [["none", "--prompt", "a"], /there is no run folder none/],
    [[tale], /--prompt/],
    [[tale, "--prompt", ""], /the prompt is empty/],
    [[tale, "--prompt", "xyz"], /the prompt cannot be read: "x" \(U\+0078\) is not one of/],
    [
      [numbers, "--prompt", "1 9"],
      /9 is not one of the tokens of this run, which are the numbers from 0 to 6/,
    ],
    [[numbers, "--prompt", "one"], /one is not one of the tokens/],
    [[tale, "--prompt", "a", "--top-k", "0"], /whole number from 1/],
  ])("%j is wrong usage", async (argv, why) => {
    const { code, err } = await mirasMaking(fakes(), {}, "generate", ...argv);
    expect(err).toMatch(why);
    expect(code).toBe(2);
  });

  it("refuses weights of another network, and a run without a checkpoint", async () => {
    const make = fakes();
    const openNetwork: Factories["openNetwork"] = (request, io) =>
      make.openNetwork({ ...request, vocabulary: 9 }, io);
    const other = await sayWith({}, { ...make, openNetwork }, tale, "--prompt", "a");
    expect(other).toMatchObject({ code: 2, err: expect.stringMatching(/step-60.safetensors does not fit/) });
    for (const name of readdirSync(join(bytes, "checkpoints"))) rmSync(join(bytes, "checkpoints", name));
    const bare = await say(bytes, "--prompt", "a");
    expect(bare).toMatchObject({ code: 2, err: expect.stringMatching(/has no checkpoint yet/) });
    writeFileSync(join(bytes, "vocabulary.json"), "{}");
    expect(await say(bytes, "--prompt", "a")).toMatchObject({ code: 2 });
  });

  it("has a help text", async () => {
    expect((await miras("generate", "--help")).out).toContain("--temperature");
  });
});
