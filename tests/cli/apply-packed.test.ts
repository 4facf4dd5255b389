/** `miras apply` with sequences packed one after the other. */
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../runtime/safetensors.ts";
import { errorRatio } from "../support/compare.ts";
import { apply, dk, dv, good, H, rate, refuses, T, wide } from "./apply-support.ts";
import { file, read, tensor } from "./support.ts";

describe("apply takes packed sequences", () => {
  const total = 7;
  const bounds = [0, 2, 2, 6, total];
  const N = bounds.length - 1;
  const cu = (...values: number[]): Tensor => ({ shape: [values.length], data: Float32Array.from(values) });
  /** Tokens `from` to `to` of the pack. */
  const part = (from: number, to: number): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries({
        q: tensor([1, total, H, dk]),
        k: tensor([1, total, H, dk], (i) => Math.cos(i) / 2),
        v: tensor([1, total, H, dv]),
        alpha: tensor([1, total, H], rate),
        beta: tensor([1, total, H], rate),
      }).map(([name, { shape, data }]) => {
        const each = data.length / total;
        return [name, { shape: [1, to - from, ...shape.slice(2)], data: data.slice(from * each, to * each) }];
      }),
    );
  const whole = { ...part(0, total), cu_seqlens: cu(...bounds) };
  const W = tensor([N, H, dv, dk]);

  it("and gives what each of them gives alone", async () => {
    const { code, output, err, out } = await apply({ ...whole, W });
    expect(code, err).toBe(0);
    expect(out).toContain(`y [1, ${total}, ${H}, ${dv}], W [${N}, ${H}, ${dv}, ${dk}]`);
    const all = read(output);
    for (const [n, from] of bounds.slice(0, -1).entries()) {
      const to = bounds[n + 1] as number;
      const each = H * dv * dk;
      const own = { shape: [1, H, dv, dk], data: W.data.slice(n * each, (n + 1) * each) };
      const alone = read((await apply({ ...part(from, to), W: own })).output);
      expect(all.get("y")?.data.subarray(from * H * dv, to * H * dv)).toEqual(alone.get("y")?.data);
      expect(all.get("W")?.data.subarray(n * each, (n + 1) * each)).toEqual(alone.get("W")?.data);
    }
  });

  it("with bounds in integers, and one initial state for all", async () => {
    const { cu_seqlens: _, ...rest } = { ...whole, W: tensor([H, dv, dk]) };
    const plain = await apply({ ...rest, cu_seqlens: whole.cu_seqlens });
    for (const data of [Int32Array.from(bounds), BigInt64Array.from(bounds, BigInt)]) {
      const typed = wide({ ...rest, cu_seqlens: { shape: [N + 1], data } });
      const ran = await apply(file("integers.safetensors", typed));
      expect(ran.code, ran.err).toBe(0);
      expect(read(ran.output)).toEqual(read(plain.output));
    }
  });

  it("of which there may be none, and says how many there are", async () => {
    const { code, out, output } = await apply({ ...part(0, 0), cu_seqlens: cu(0) }, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ B: 1, N: 0, T: 0, H });
    expect(read(output).get("W")).toEqual({ shape: [0, H, dv, dk], data: new Float32Array(0) });
  });

  it("and remembers as much as the longest of them", async () => {
    const { q, k, v, cu_seqlens } = whole as Record<string, Tensor>;
    const ran = await apply({ q, k, v, cu_seqlens } as Record<string, Tensor>, "specs/attention.miras");
    expect(ran.code, ran.err).toBe(0);
    expect(read(ran.output).get("past.k")?.shape).toEqual([N, H, 4, dk]);
  });

  it("and refuses bounds that are none", async () => {
    const wrong = (...values: number[]) => ({ ...whole, cu_seqlens: cu(...values) });
    await refuses(wrong(), "`cu_seqlens` is empty, and should have N + 1 numbers");
    await refuses(wrong(0, 2.5, total), "`cu_seqlens` is 2.5 at [1], and should be a whole number of tokens");
    await refuses(wrong(1, total), "`cu_seqlens` starts at 1, and should start at 0");
    await refuses(wrong(0, 4, 2, total), "`cu_seqlens` falls from 4 to 2 at [2]");
    await refuses(wrong(0, 4), "`cu_seqlens` ends at 4, and should end with the tokens, at T = 7");
    await refuses(wrong(2, 0, 4, 1), "these look like lengths; pass their sums, [0, 2, 2, 6, 7]");
    const matrix = { shape: [1, N + 1], data: Float32Array.from(bounds) };
    await refuses({ ...whole, cu_seqlens: matrix }, "`cu_seqlens` is [1, 5], and should be [N + 1]");
    await refuses({ ...good(), cu_seqlens: cu(0, T) }, "`cu_seqlens` takes a batch of one, and B is 2");
    const { cu_seqlens, ...rest } = whole;
    await refuses({ ...rest, cu_seqlen: cu_seqlens }, "unknown: `cu_seqlen`; did you mean `cu_seqlens`?");
    await refuses(
      { ...whole, W: tensor([1, H, dv, dk]) },
      "`W` is [1, 3, 6, 4], and should be [N, H, dv, dk] = [4, 3, 6, 4], with N as in `cu_seqlens`",
    );
  });

  it("and runs them in either form", async () => {
    const [recurrent, parallel] = await Promise.all(
      ["recurrent", "parallel"].map(async (form) => {
        const ran = await apply({ ...whole, W }, "--form", form);
        expect(ran.code, ran.err).toBe(0);
        return read(ran.output);
      }),
    );
    for (const name of ["y", "W"]) {
      const [a, b] = [recurrent, parallel].map((r) => Array.from(r?.get(name)?.data as Float32Array));
      expect(errorRatio(b as number[], a as number[])).toBeLessThanOrEqual(2e-5);
    }
  });
});
