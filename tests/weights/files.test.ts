import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { readWeights } from "../../runtime/node/weights.ts";
import { readSafetensors, type Tensor, writeSafetensors } from "../../runtime/safetensors.ts";
import { fitted, WeightsError } from "../../runtime/weights.ts";

const folder = mkdtempSync(join(tmpdir(), "miras-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tensor = (shape: readonly number[], first = 0): Tensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => first + i),
});

const problemsOf = (tensors: Record<string, Tensor>, slots: Record<string, number[]>): readonly string[] => {
  try {
    fitted(
      new Map(Object.entries(tensors)),
      Object.entries(slots).map(([name, shape]) => ({ name, shape })),
      "w",
    );
  } catch (error) {
    if (error instanceof WeightsError) return error.problems;
    throw error;
  }
  return [];
};

describe("weights that a network takes", () => {
  it("come back from a file bit for bit, whatever their names and shapes", () => {
    const shapes = fc.array(fc.nat(3), { maxLength: 3 });
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), shapes),
        fc.double({ noNaN: true, min: -9, max: 9 }),
        (slots, first) => {
          const names = Object.entries(slots).filter(([name]) => name !== "__metadata__");
          const weights = new Map(names.map(([name, shape]) => [name, tensor(shape, Math.fround(first))]));
          const { tensors } = readSafetensors(writeSafetensors(weights));
          const back = fitted(
            tensors,
            names.map(([name, shape]) => ({ name, shape })),
            "w",
          );
          expect(back).toEqual(weights);
        },
      ),
    );
  });

  it("are told all at once where they are not the ones, layers together", () => {
    const there = {
      "layers.0.q": tensor([2, 2]),
      "layers.1.q": tensor([2, 2]),
      "layers.2.q": tensor([4]),
      "layers.4.extra": tensor([1]),
      head: tensor([1]),
    };
    const slots = {
      ...{ "layers.0.q": [2, 3], "layers.1.q": [2, 3], "layers.2.q": [4], embeddings: [8] },
      ...Object.fromEntries([0, 1, 2, 5].map((n) => [`layers.${n}.norm`, [2]])),
    };
    expect(problemsOf(there, slots)).toEqual([
      "missing: `embeddings` [8]",
      "missing: `layers.{0–2, 5}.norm` [2]",
      "unexpected: `layers.4.extra` [1]",
      "unexpected: `head` [1]",
      "of another shape: `layers.{0–1}.q` [2, 2] in the file, [2, 3] in the network",
    ]);
    expect(problemsOf({ a: tensor([]) }, { a: [] })).toEqual([]);
  });

  it("are numbers in f32", () => {
    expect(problemsOf({ a: { shape: [2], data: Float64Array.of(1, 1e300) } }, { a: [2] })).toEqual([
      "`a`: element 1 is 1e+300, which is no number in f32",
    ]);
    expect(problemsOf({ a: { shape: [1], data: Float32Array.of(Number.NaN) } }, { a: [1] })).toHaveLength(1);
  });
});

describe("files of weights", () => {
  let made = 0;
  function write(files: Record<string, Record<string, Tensor> | string>): string {
    const path = join(folder, `${made++}`);
    mkdirSync(path);
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(
        join(path, name),
        typeof content === "string" ? content : writeSafetensors(new Map(Object.entries(content))),
      );
    }
    return path;
  }

  const [a, b, c] = [tensor([2]), tensor([1, 3], 5), tensor([], 7)];
  const index = (weight_map: unknown): string => JSON.stringify({ metadata: { total_size: 24 }, weight_map });
  const [one, two, listing] = [
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
  ];
  const whole = { a: one, b: one, c: two };

  it("are one, or several with an index, named or in a folder", async () => {
    const all = new Map(Object.entries({ a, b, c }));
    const single = write({ "model.safetensors": { a, b, c } });
    const sharded = write({ [one]: { a, b }, [two]: { c }, [listing]: index(whole) });
    for (const path of [single, join(single, "model.safetensors"), sharded, join(sharded, listing)]) {
      expect(await readWeights(path)).toEqual(all);
    }
  });

  it.each([
    [{}, "it has neither model.safetensors nor model.safetensors.index.json"],
    [{ [listing]: "{" }, "it is no JSON"],
    [{ [listing]: "null" }, "it should have a weight_map"],
    [{ [listing]: index([]) }, "it should have a weight_map"],
    [
      { [listing]: index({ a: "../a.safetensors" }) },
      'the file of "a" should be the name of a safetensors file beside it',
    ],
    [{ [listing]: index({ a: "/etc/passwd" }) }, "should be the name of a safetensors file beside it"],
    [{ [listing]: index({ a: 3 }) }, "should be the name of a safetensors file beside it"],
    [{ [listing]: index({ a: one }) }, "there is no such file"],
    [{ [listing]: index(whole), [one]: { a }, [two]: { c } }, `it says that ${one} has b, and it has not`],
    [{ [listing]: index({ a: one }), [one]: { a, b } }, `${one} has b, which it does not say`],
    [{ [listing]: index({ a: one }), [one]: "no tensors" }, "cannot read"],
  ])("are refused where they are not what they say: %j", async (files, why) => {
    await expect(readWeights(write(files))).rejects.toThrow(why);
  });

  it("are refused where there are none", async () => {
    await expect(readWeights(join(folder, "none"))).rejects.toThrow("there is no such file");
    await expect(readWeights(join(folder, "none.index.json"))).rejects.toThrow("cannot read");
  });
});
