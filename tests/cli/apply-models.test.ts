/** `miras apply` with every kind of model: steps, windows, memories as long as the sequence. */
import { describe, expect, it } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import type { Tensor } from "../../runtime/safetensors.ts";
import { errorRatio } from "../support/compare.ts";
import { specModel } from "../support/specs.ts";
import { apply, B, dk, doubles, dv, H, rate, T } from "./apply-support.ts";
import { read, tensor } from "./support.ts";

describe("apply takes every kind of model", () => {
  const small = { q: tensor([B, T, H, dk]), k: tensor([B, T, H, dk]), v: tensor([B, T, H, dv]) };

  it("with tensors that come with each step of a token", async () => {
    const given = {
      q: tensor([B, T, H, dk]),
      k: tensor([B, T, 2, H, dk]),
      v: tensor([B, T, 2, H, dv]),
      alpha: tensor([B, T, H], rate),
      beta: tensor([B, T, 2, H], rate),
    };
    const spec = "specs/deltaproduct.miras";
    const { code, output, err } = await apply(given, spec);
    expect(code, err).toBe(0);
    const want = interpret(
      specModel("deltaproduct").rule,
      { B, T, H, sizes: { dk, dv } },
      { tokens: doubles(given), parameters: new Map(), states: new Map() },
    );
    expect(errorRatio(read(output).get("y")?.data ?? [], want.y)).toBeLessThan(1e-6);
    const without = await apply({ ...given, k: tensor([B, T, H, dk]) }, spec);
    expect(without.code).toBe(2);
    expect(without.err).toContain(
      "`k` is [2, 5, 3, 4], and should be [B, T, 2, H, dk]: 5 dimensions, not 4; it comes with each of the 2 steps of a token",
    );
    const one = await apply({ ...given, beta: tensor([B, T, 1, H], rate) }, spec);
    expect(one.err).toContain("`beta` is [2, 5, 1, 3], and should be [B, T, 2, H] = [2, 5, 2, 3]");
    const three = {
      ...given,
      k: tensor([B, T, 3, H, dk]),
      v: tensor([B, T, 3, H, dv]),
      beta: tensor([B, T, 3, H], rate),
    };
    expect(await apply(three, spec, "--set", "n=3")).toMatchObject({ code: 0, err: "" });
  });

  it("with a memory that is as long as the sequence", async () => {
    const spec = "specs/attention.miras";
    const { code, output, err } = await apply(small, spec);
    expect(code, err).toBe(0);
    expect(read(output).get("past.k")?.shape).toEqual([B, H, T, dk]);
    expect(read(output).get("past.v")?.data).toEqual(
      Float32Array.from(
        Array.from({ length: B * H * T }, (_, i) => {
          const [b, h, t] = [Math.floor(i / H / T), Math.floor(i / T) % H, i % T];
          const from = ((b * T + t) * H + h) * dv;
          return [...small.v.data.subarray(from, from + dv)];
        }).flat(),
      ),
    );
    const again = await apply({ ...small, "past.k": read(output).get("past.k") as Tensor }, spec);
    expect(again.code).toBe(2);
    expect(again.err).toContain(
      "`past.k` cannot be given: the memory of Attention is as long as the sequence",
    );
    const none = Object.fromEntries(
      Object.entries(small).map(([n, t]) => [n, tensor([B, 0, ...t.shape.slice(2)])]),
    );
    const empty = await apply(none, spec);
    expect(empty.code, empty.err).toBe(0);
    expect(read(empty.output).get("past.k")?.shape).toEqual([B, H, 0, dk]);
  });

  it("and goes on from the pairs of a window", async () => {
    const spec = "specs/sliding_window_attention.miras";
    const cut = (from: number, to: number) =>
      Object.fromEntries(
        Object.entries(small).map(([name, t]) => {
          const width = t.data.length / (B * T);
          const rows = [0, 1].map((b) => t.data.subarray((b * T + from) * width, (b * T + to) * width));
          const data = Float32Array.from(rows.flatMap((r) => [...r]));
          return [name, { shape: [B, to - from, ...t.shape.slice(2)], data }];
        }),
      );
    const states = (path: string) =>
      Object.fromEntries([...read(path)].filter(([name]) => name.startsWith("past.")));
    const more = [spec, "--set", "window=3"];
    const all = await apply(small, ...more);
    const first = await apply(cut(0, 4), ...more);
    const second = await apply({ ...cut(4, T), ...states(first.output) }, ...more);
    expect([all.code, first.code, second.code], second.err).toEqual([0, 0, 0]);
    const last = (path: string, n: number) => {
      const { data } = read(path).get("y") as Tensor;
      const width = H * dv;
      return [0, 1].flatMap((b) => [...data.subarray(((b + 1) * n - 1) * width, (b + 1) * n * width)]);
    };
    expect(errorRatio(last(second.output, 1), last(all.output, T))).toBeLessThan(1e-6);
  });

  it("without a key of its own, with further inputs, and in a layer", async () => {
    const gate = tensor([B, T, H, dk], rate);
    const [q, v] = [small.q, small.v];
    expect(await apply({ q, v, alpha: gate }, "specs/hgrn2.miras")).toMatchObject({ code: 0, err: "" });
    const kappa = tensor([B, T, H, dk], (i) => Math.cos(i) / 2);
    expect(await apply({ ...small, w: gate, a: gate, kappa }, "specs/rwkv7.miras")).toMatchObject({
      code: 0,
    });
    const first = await apply(small, "specs/lightning_attention.miras", "--layers", "4");
    const third = await apply(small, "specs/lightning_attention.miras", "--layers", "4", "--layer", "2");
    expect([first.code, third.code]).toEqual([0, 0]);
    expect(read(third.output).get("y")).not.toEqual(read(first.output).get("y"));
  });

  it("unless a memory would be too large", async () => {
    const more = ["specs/sliding_window_attention.miras", "--set", "window=4096"];
    const wide = tensor([1, 1, 256, 4096]);
    expect(await apply({ q: wide, k: wide, v: tensor([1, 1, 256, 1]) }, ...more)).toMatchObject({
      code: 2,
      err: expect.stringContaining("`past.k` [B, H, 4096, dk] would be 4.29e+9 numbers, which is too many"),
    });
  });
});
