/** `miras recall`, on the interpreter. */
import { readFileSync } from "node:fs";
import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { plot, scaleFor } from "../../cli/plot.ts";
import { taskOf } from "../../cli/recall/task.ts";
import { miras, scratch } from "./support.ts";

const small = ["--pairs", "1,4,8", "--dk", "16", "--draws", "2", "--device", "interpreter"];

describe("recall", () => {
  it("compares memories in a table and a plot", async () => {
    const { code, out, err } = await miras(
      "recall",
      "specs/deltanet.miras",
      "specs/linear_attention.miras",
      ...small,
    );
    expect(code, err).toBe(0);
    expect(out).toMatch(/^recall on the f64 interpreter\n/);
    expect(out).toMatch(/pairs +DeltaNet +LinearAttention\n/);
    expect(out).toMatch(/\n +1 {2} +0\.000 +100 % +0\.000 +100 %\n/);
    expect(out).toMatch(/[\u2801-\u28ff]/);
    expect(out).toContain("● DeltaNet  beta = 1, chosen on a separate draw");
    expect(out).toContain("▲ LinearAttention");
  });

  it("is better with the delta rule than with sums, and repeats itself", async () => {
    const argv = ["recall", "specs/deltanet.miras", "specs/linear_attention.miras", ...small, "--json"];
    const [a, b] = [await miras(...argv), await miras(...argv)];
    expect(a.out).toBe(b.out);
    const { memories, device } = JSON.parse(a.out);
    expect(device).toBe("the f64 interpreter");
    const [delta, linear] = memories;
    expect(delta).toMatchObject({ model: "DeltaNet", file: "specs/deltanet.miras", gates: { beta: 1 } });
    expect(delta.results.map((r: { pairs: number }) => r.pairs)).toEqual([1, 4, 8]);
    expect(delta.results[0].error).toBeLessThan(1e-12);
    expect(delta.results[2].error).toBeLessThan(linear.results[2].error);
  });

  it("spoils values, and forgives that where a loss is robust", () => {
    const task = taskOf(200, { dk: 4, dv: 4, noise: 0, outliers: 0.25 }, 3);
    const spoilt = task.isOutlier.filter(Boolean).length;
    expect(spoilt).toBeGreaterThan(25);
    expect(spoilt).toBeLessThan(75);
    const at = task.isOutlier.indexOf(true) * 4;
    expect(task.written[at]).toBeCloseTo(10 * (task.values[at] as number), 10);
    for (let n = 0; n < 200; n++)
      expect(Math.hypot(...task.keys.subarray(n * 4, n * 4 + 4))).toBeCloseTo(1, 10);
  });

  it("runs deep memories from a random start", async () => {
    const { code, out } = await miras(
      "recall",
      "specs/yaad.miras",
      "--pairs",
      "1,4",
      "--dk",
      "4",
      "--draws",
      "1",
      "--device",
      "interpreter",
      "--json",
    );
    expect(code).toBe(0);
    const [yaad] = JSON.parse(out).memories;
    expect(Object.keys(yaad.gates).sort()).toEqual(["alpha", "delta", "eta"]);
    expect(yaad.results[0].error).toBeLessThan(1.5);
  });

  it("writes a chart", async () => {
    const path = scratch("recall.svg");
    const { code } = await miras("recall", "specs/gla.miras", ...small, "--svg", path);
    expect(code).toBe(0);
    const svg = readFileSync(path, "utf8");
    expect(svg).toMatch(/^<svg xmlns=/);
    expect(svg).toContain(">GLA</text>");
    expect(svg).not.toContain("NaN");
  });

  it("refuses sizes that a model cannot have", async () => {
    const ran = await miras("recall", "specs/yaad.miras", "--dk", "4", "--dv", "8");
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining("Yaad requires dv = dk") });
  });
});

describe("the plot", () => {
  it("has round ticks that hold the values", () => {
    expect(scaleFor([0.1, 1.9]).ticks).toEqual([0, 0.5, 1, 1.5, 2]);
    expect(scaleFor([])).toEqual({ top: 1, ticks: [0, 0.5, 1] });
    for (const x of [0.003, 0.7, 1, 7, 130]) {
      const { top, ticks } = scaleFor([x]);
      expect(top).toBeGreaterThanOrEqual(x);
      expect(ticks.length).toBeLessThanOrEqual(6);
    }
  });

  it("keeps to its width, and bears gaps", () => {
    const series = [
      {
        name: "a",
        points: [
          [1, 0],
          [2, 0.5],
          [4, Number.POSITIVE_INFINITY],
          [1024, 1],
        ] as const,
      },
      { name: "b", points: [[1, 1]] as const },
    ];
    const text = plot(series, {
      columns: 60,
      rows: 8,
      xLabel: "x",
      yLabel: "y",
      colors: pc.createColors(false),
    });
    const lines = text.split("\n");
    expect(lines.length).toBe(11);
    for (const line of lines.slice(0, -1)) expect([...line].length).toBeLessThanOrEqual(60);
    expect(text).toContain("●");
    expect(text).toContain("1024");
  });
});
