/** `miras apply`: what it computes, and everything that it refuses. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Data, interpret } from "../../compiler/derive/interpret.ts";
import type { Tensor } from "../../runtime/safetensors.ts";
import { errorRatio } from "../support/compare.ts";
import { specModel } from "../support/specs.ts";
import { file, miras, mirasWith, read, scratch, tensor, tensors } from "./support.ts";

const [B, T, H, dk, dv] = [2, 5, 3, 4, 6];
const rate = (i: number): number => 0.5 + 0.4 * Math.sin(i);
const good = (): Record<string, Tensor> => ({
  q: tensor([B, T, H, dk]),
  k: tensor([B, T, H, dk], (i) => Math.cos(i) / 2),
  v: tensor([B, T, H, dv]),
  alpha: tensor([B, T, H], rate),
  beta: tensor([B, T, H], rate),
});

const doubles = (all: Readonly<Record<string, Tensor>>): Data =>
  new Map(Object.entries(all).map(([name, t]) => [name, Float64Array.from(t.data)]));

let runs = 0;

/** Applies gated_deltanet to tensors; the output must exist exactly if the command went well. */
async function apply(given: Readonly<Record<string, Tensor>> | string, ...more: readonly string[]) {
  const input = typeof given === "string" ? given : tensors(`in${runs}.safetensors`, given);
  const output = scratch(`out${runs++}.safetensors`);
  const common = ["--input", input, "--output", output, "--device", "interpreter"];
  const spec = more.find((m) => m.endsWith(".miras")) ?? "specs/gated_deltanet.miras";
  const ran = await miras("apply", spec, ...common, ...more.filter((m) => m !== spec));
  expect(existsSync(output), ran.err).toBe(ran.code === 0);
  return { ...ran, output };
}

/** The command must refuse this, with a message that holds all of these parts. */
async function refuses(
  given: Readonly<Record<string, Tensor>> | string,
  ...parts: readonly (string | RegExp)[]
) {
  const { code, err, out } = await apply(given);
  expect(code, err).toBe(2);
  expect(out).toBe("");
  for (const part of parts)
    expect(err).toMatch(
      part instanceof RegExp ? part : new RegExp(part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")),
    );
}

describe("apply", () => {
  it("computes what the interpreter of the rule computes", async () => {
    const given = { ...good(), W: tensor([B, H, dv, dk]) };
    const { code, output, out } = await apply(given);
    expect(code).toBe(0);
    expect(out).toContain(`y [${B}, ${T}, ${H}, ${dv}], W [${B}, ${H}, ${dv}, ${dk}]`);
    const written = read(output);
    expect([...written.keys()]).toEqual(["y", "W"]);
    const data = doubles(given);
    const want = interpret(
      specModel("gated_deltanet").rule,
      { B, T, H, sizes: { dk, dv } },
      { tokens: data, parameters: new Map(), states: data },
    );
    expect(errorRatio(written.get("y")?.data ?? [], want.y)).toBeLessThan(1e-6);
    expect(errorRatio(written.get("W")?.data ?? [], want.states.get("W") ?? [])).toBeLessThan(1e-6);
    expect(written.get("y")?.shape).toEqual([B, T, H, dv]);
    expect(written.get("W")?.shape).toEqual([B, H, dv, dk]);
  });

  it("takes one initial state for the whole batch", async () => {
    const one = tensor([H, dv, dk]);
    const both = { shape: [B, H, dv, dk], data: Float32Array.from([...one.data, ...one.data]) };
    const [a, b] = [await apply({ ...good(), W: one }), await apply({ ...good(), W: both })];
    expect(read(a.output).get("y")).toEqual(read(b.output).get("y"));
    const without = await apply(good());
    expect(read(without.output).get("y")).not.toEqual(read(a.output).get("y"));
  });

  it("carries a state over no tokens at all", async () => {
    const none = Object.fromEntries(
      Object.entries(good()).map(([n, t]) => [n, tensor([B, 0, ...t.shape.slice(2)])]),
    );
    const W = tensor([B, H, dv, dk]);
    const { code, output } = await apply({ ...none, W });
    expect(code).toBe(0);
    expect(read(output).get("y")?.shape).toEqual([B, 0, H, dv]);
    expect(read(output).get("W")?.data).toEqual(W.data);
  });

  it("goes on from a state that it gave", async () => {
    const cut = (from: number, to: number) =>
      Object.fromEntries(
        Object.entries(good()).map(([name, t]) => {
          const width = t.data.length / (B * T);
          const rows = [0, 1].map((b) => t.data.subarray((b * T + from) * width, (b * T + to) * width));
          return [
            name,
            {
              shape: [B, to - from, ...t.shape.slice(2)],
              data: Float32Array.from(rows.flatMap((r) => [...r])),
            },
          ];
        }),
      );
    const all = await apply(good());
    const first = await apply(cut(0, 2));
    const second = await apply({ ...cut(2, T), W: read(first.output).get("W") as Tensor });
    expect(
      errorRatio(read(second.output).get("W")?.data ?? [], read(all.output).get("W")?.data ?? []),
    ).toBeLessThan(1e-6);
  });

  it("prints what it wrote for tools", async () => {
    const { out, output } = await apply(good(), "--json");
    expect(JSON.parse(out)).toMatchObject({
      model: "GatedDeltaNet",
      device: "the f64 interpreter",
      B,
      T,
      H,
      dk,
      dv,
      output,
      tensors: [
        { name: "y", shape: [B, T, H, dv] },
        { name: "W", shape: [B, H, dv, dk] },
      ],
    });
  });

  it("says that it runs without an adapter", () => {
    const output = scratch("process.safetensors");
    const ran = spawnSync(
      "node",
      [
        "--import",
        "tsx",
        "cli/main.ts",
        "apply",
        "specs/gated_deltanet.miras",
        "--input",
        tensors("p.safetensors", good()),
        "--output",
        output,
      ],
      {
        cwd: join(import.meta.dirname, "../.."),
        env: { ...process.env, MIRAS_DEVICE: "interpreter" },
        encoding: "utf8",
      },
    );
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stderr.trim().split("\n")).toEqual([
      expect.stringContaining("Running on the f64 interpreter"),
    ]);
    expect(existsSync(output)).toBe(true);
  });
});

describe("apply refuses", () => {
  it("missing tensors, all of them at once", async () => {
    const { v, alpha } = good();
    await refuses(
      { v, alpha } as Record<string, Tensor>,
      "missing: `q` [B, T, H, dk], an input",
      "missing: `k`",
      "missing: `beta` [B, T, H], a gate",
    );
  });

  it("unknown tensors, with the nearest name", async () => {
    const { beta, ...others } = good();
    await refuses({ ...others, bata: beta as Tensor }, "unknown: `bata`; did you mean `beta`?");
    await refuses(
      { ...good(), extra: tensor([1]) },
      "unknown: `extra`; the model takes `q`, `k`, `v`, `alpha`, `beta`, `W`",
    );
  });

  it("wrong shapes", async () => {
    await refuses(
      { ...good(), k: tensor([B, T, H, 5]) },
      "`k` is [2, 5, 3, 5], and should be [B, T, H, dk] = [2, 5, 3, 4]",
      "as in `q`",
    );
    await refuses(
      { ...good(), alpha: tensor([B, T], rate) },
      "`alpha` is [2, 5], and should be [B, T, H]: 3 dimensions, not 2",
    );
    await refuses(
      { ...good(), W: tensor([B, H, dk, dv]) },
      "`W` is [2, 3, 4, 6], and should be [B, H, dv, dk] = [2, 3, 6, 4]",
    );
    await refuses(
      { ...good(), W: tensor([dv, dk]) },
      "`W` is [6, 4], and should be [B, H, dv, dk] or [H, dv, dk]",
    );
  });

  it("sizes of zero, but for tokens", async () => {
    const empty = Object.fromEntries(
      Object.entries(good()).map(([n, t]) => [n, tensor([0, ...t.shape.slice(1)])]),
    );
    await refuses(empty, "B = 0; it should be at least 1");
  });

  it("numbers that are none", async () => {
    const k = tensor([B, T, H, dk]);
    k.data[((0 * T + 3) * H + 1) * dk + 2] = Number.NaN;
    await refuses({ ...good(), k }, "`k` has NaN at [0, 3, 1, 2]");
    const v = tensor([B, T, H, dv]);
    v.data[0] = Number.NEGATIVE_INFINITY;
    await refuses({ ...good(), v }, "`v` has −infinity at [0, 0, 0, 0]");
    const q = { shape: [B, T, H, dk], data: Float64Array.from(tensor([B, T, H, dk]).data) };
    q.data[1] = 1e300;
    await refuses(
      file("f64.safetensors", wide({ ...good(), q })),
      "`q` has 1e+300, which f32 cannot hold, at [0, 0, 0, 1]",
    );
  });

  it("gates out of their range", async () => {
    const beta = tensor([B, T, H], rate);
    beta.data[7] = 1.5;
    await refuses(
      { ...good(), beta },
      "`beta` is 1.5 at [0, 2, 1], and should be in [0, 1], as the gate is declared",
    );
    const log = tensor([B, T, H], (i) => Math.log(rate(i)));
    await refuses({ ...good(), alpha: log }, "pass alpha itself, not log alpha");
    const logits = tensor([B, T, H], (i) => 3 * Math.sin(i));
    await refuses({ ...good(), alpha: logits }, "before the sigmoid");
    const edges = tensor([B, T, H], (i) => i % 2);
    expect((await apply({ ...good(), alpha: edges })).code).toBe(0);
  });

  it("params that are not what they should be", async () => {
    const { q, k, v, beta } = good() as Record<"q" | "k" | "v" | "beta", Tensor>;
    const wrong = async (lambda: Record<string, Tensor>, part: string) => {
      const ran = await apply({ q, k, v, alpha: beta, beta, ...lambda }, "specs/mesanet.miras");
      expect(ran).toMatchObject({ code: 2, out: "", err: expect.stringContaining(part) });
    };
    await wrong({}, "missing: `lambda` [H, dk], a param");
    await wrong({ lambda: tensor([B, T, H, dk], rate) }, "`lambda` is [2, 5, 3, 4], and should be [H, dk]");
    await wrong({ lambda: tensor([1, dk], rate) }, "`lambda` is [1, 4], and should be [H, dk] = [3, 4]");
    await wrong({ lambda: tensor([H, dk], (i) => i - 2) }, "`lambda` is -2 at [0, 0], and should be");
    const W = tensor([B, H, dv, dk]);
    W.data[dk] = Number.POSITIVE_INFINITY;
    await refuses({ ...good(), W }, "`W` has infinity at [0, 0, 1, 0]");
  });

  it("files that are not what they should be", async () => {
    const bytes = readFileSync(tensors("whole.safetensors", good()));
    await refuses(scratch("nowhere.safetensors"), "cannot read", "there is no such file");
    await refuses(file("cut.safetensors", bytes.subarray(0, bytes.length - 3)), "cannot read", /cut short/);
    await refuses(file("text.safetensors", "hello, this is not a file of tensors"), "cannot read");
    const int = bytes.toString("latin1").replace('"F32"', '"I16"');
    await refuses(file("int.safetensors", Buffer.from(int, "latin1")), "cannot read", "dtype");
  });

  it("unequal sizes where the model requires equal ones, and missing learned states", async () => {
    const gates = { alpha: good().alpha, eta: good().beta, theta: good().beta } as Record<string, Tensor>;
    const vectors = { q: tensor([B, T, H, 4]), k: tensor([B, T, H, 4]), v: tensor([B, T, H, 4]) };
    const missing = await apply({ ...vectors, ...gates }, "specs/titans.miras");
    expect(missing.code).toBe(2);
    expect(missing.err).toContain("missing: `W1` [B, H, dv, 4 dk], an initial state");
    expect(missing.err).not.toContain("S.W1");
    const states = { W1: tensor([H, 4, 16]), W2: tensor([H, 16, 4]) };
    expect((await apply({ ...vectors, ...gates, ...states }, "specs/titans.miras")).code).toBe(0);
    const unequal = await apply(
      { ...vectors, v: tensor([B, T, H, 6]), ...gates, ...states },
      "specs/titans.miras",
    );
    expect(unequal.code).toBe(2);
    expect(unequal.err).toContain("requires dv = dk, but dv is 6 in `v` and dk is 4 in `q`");
  });

  it("a wrong place for its output, and leaves what is there", async () => {
    const input = tensors("i.safetensors", good());
    const nowhere = await miras(
      "apply",
      "specs/gla.miras",
      "--input",
      input,
      "--output",
      scratch("no/such/out"),
    );
    expect(nowhere).toMatchObject({ code: 2, err: expect.stringContaining("does not exist") });
    const kept = file("kept.safetensors", "what was there");
    const { beta: _, ...others } = good();
    const failed = await miras(
      "apply",
      "specs/gated_deltanet.miras",
      "--input",
      tensors("f.safetensors", others as Record<string, Tensor>),
      "--output",
      kept,
    );
    expect(failed.code).toBe(2);
    expect(readFileSync(kept, "utf8")).toBe("what was there");
  });

  it("a spec in error", async () => {
    const path = file("bad.miras", "model A { memory matrx }\n");
    expect(await apply(good(), path)).toMatchObject({ code: 1, err: expect.stringContaining("error[") });
  });
});

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

  it("but not yet in the parallel form", async () => {
    const ran = await apply(whole, "--form", "parallel");
    expect(ran).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--form parallel does not run yet; use --form recurrent/),
    });
  });
});

describe("settings", () => {
  const CONST = `model Fixed {
  memory matrix
  bias l2
  retention decay(alpha)
  algorithm gd(beta)
  const alpha = 1 / (2 + layer)
  gate beta in (0, 1)
}
`;
  const { alpha: _, ...given } = good();

  it("override constants", async () => {
    const path = file("fixed.miras", CONST);
    const plain = await apply(given as Record<string, Tensor>, path);
    const set = await apply(given as Record<string, Tensor>, path, "--set", "alpha=0.25");
    const layer = await apply(given as Record<string, Tensor>, path, "--layer", "2", "--layers", "4");
    expect([plain.code, set.code, layer.code], set.err).toEqual([0, 0, 0]);
    expect(read(set.output).get("W")).not.toEqual(read(plain.output).get("W"));
    expect(read(set.output).get("W")).toEqual(read(layer.output).get("W"));
  });

  it("are refused where they mean nothing", async () => {
    const path = file("fixed.miras", CONST);
    const refused = async (...more: readonly string[]) => {
      const { code, err } = await apply(given as Record<string, Tensor>, path, ...more);
      expect(code, err).toBe(2);
      return err;
    };
    expect(await refused("--set", "alpa=1")).toMatch(
      /nothing that can be set is named alpa\n.*did you mean alpha\?\n.*can be set: alpha, chunk/,
    );
    expect(await refused("--set", "alpha=x")).toContain("should be a number");
    expect(await refused("--set", "chunk=0.5")).toContain("whole number");
    expect(await refused("--set", "alpha=2")).toContain("the model is in error");
    expect(await refused("--set", "alpha")).toContain("should be a number");
    expect(await refused("--layer", "3", "--layers", "2")).toContain("layers count from 0");
    expect(await refused("--layer", "-1")).toContain("a whole number from 0 on");
    expect(await refused("--layers", "0")).toContain("a whole number from 1 on");
  });

  it("override the numbers and sizes of choices", async () => {
    const vectors = { q: tensor([B, T, H, 4]), k: tensor([B, T, H, 4]), v: tensor([B, T, H, 4]) };
    const gates = { alpha: tensor([B, T, H], rate), eta: tensor([B, T, H], rate) };
    const moneta = (expand: number) => ({
      ...vectors,
      ...gates,
      W1: tensor([H, 4, expand * 4]),
      W2: tensor([H, expand * 4, 4]),
    });
    const spec = "specs/moneta.miras";
    const plain = await apply(moneta(4), spec);
    const other = await apply(moneta(4), spec, "--set", "p=2.5", "--set", "q=6", "--set", "chunk=2");
    const narrow = await apply(moneta(2), spec, "--set", "expand=2");
    expect([plain.code, other.code, narrow.code], plain.err + other.err + narrow.err).toEqual([0, 0, 0]);
    expect(read(other.output).get("y")).not.toEqual(read(plain.output).get("y"));
    const refused = async (...more: readonly string[]) => {
      const ran = await apply(moneta(4), spec, ...more);
      expect(ran.code).toBe(2);
      return ran.err;
    };
    expect(await refused("--set", "expand=2")).toContain("`W1` is [3, 4, 16]");
    expect(await refused("--set", "expand=1.5")).toContain("expand should be a whole number from 1 on");
    expect(await refused("--set", "chunk=0")).toContain(
      "the chunk should be a whole number of tokens from 1 on",
    );
    expect(await refused("--set", "q=1")).toContain("the model is in error");
    expect(await refused("--set", "expnd=2")).toMatch(
      /did you mean expand\?\n.*can be set: expand \(4\), p \(3\), q \(4\), epsilon \(1e-6\), chunk \(16\)/,
    );
    const window = await apply(small(), "specs/sliding_window_attention.miras", "--set", "window=0");
    expect(window.err).toContain("window should be a whole number from 1 on");
    const steps = await apply(small(), "specs/deltaproduct.miras", "--set", "n=0");
    expect(steps).toMatchObject({ code: 2, err: expect.stringContaining("the model is in error") });
  });

  it("override the chunk alone", async () => {
    const vectors = { q: tensor([B, T, H, 4]), k: tensor([B, T, H, 4]), v: tensor([B, T, H, 4]) };
    const gates = {
      alpha: tensor([B, T, H], rate),
      eta: tensor([B, T, H], rate),
      theta: tensor([B, T, H], rate),
    };
    const weights = { W1: tensor([H, 4, 16]), W2: tensor([H, 16, 4]) };
    const y = async (...more: readonly string[]) => {
      const ran = await apply({ ...vectors, ...gates, ...weights }, "specs/titans.miras", ...more);
      expect(ran.code, ran.err).toBe(0);
      return read(ran.output).get("y")?.data;
    };
    const plain = await y();
    // All five tokens are in the first chunk in any case, or each is in one of its own.
    expect(await y("--set", `chunk=${T}`)).toEqual(plain);
    expect(await y("--set", "chunk=1")).not.toEqual(plain);
  });

  const small = () => ({ q: tensor([B, T, H, dk]), k: tensor([B, T, H, dk]), v: tensor([B, T, H, dv]) });

  it("choose a model", async () => {
    const both = file(
      "both.miras",
      `${CONST}\n${CONST.replace("Fixed", "Other").replace("2 + layer", "3 + layer")}`,
    );
    const first = await apply(given as Record<string, Tensor>, both);
    expect(first, first.err).toMatchObject({ code: 0, err: "" });
    expect(first.out).toContain("from Fixed on");
    const input = tensors("both.safetensors", given as Record<string, Tensor>);
    const onTerminal = await mirasWith(
      { errIsTerminal: true },
      ...["apply", both, "--input", input, "--output", scratch("both-out.safetensors")],
      ...["--device", "interpreter"],
    );
    expect(onTerminal.err).toContain("Fixed is the first model of");
    expect(onTerminal.err).toContain("there is also Other: choose with --model NAME");
    expect((await apply(given as Record<string, Tensor>, both, "--model", "Othr")).err).toContain(
      "did you mean Other?",
    );
    const other = await apply(given as Record<string, Tensor>, both, "--model", "Other");
    expect(other, other.err).toMatchObject({ code: 0, err: "" });
    expect(other.out).toContain("from Other on");
    expect(read(other.output).get("W")).not.toEqual(read(first.output).get("W"));
  });
});

interface Typed {
  readonly shape: readonly number[];
  readonly data: Tensor["data"] | Int32Array | BigInt64Array;
}

const dtypes = new Map<unknown, string>([
  [Float32Array, "F32"],
  [Float64Array, "F64"],
  [Int32Array, "I32"],
  [BigInt64Array, "I64"],
]);

/** As writeSafetensors, with all data kept as it is. */
function wide(all: Readonly<Record<string, Typed>>): Uint8Array {
  const parts: Buffer[] = [];
  let end = 0;
  const header = Object.entries(all).map(([name, { shape, data }]) => {
    const begin = end;
    parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    end += data.byteLength;
    const dtype = dtypes.get(data.constructor);
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
  });
  const text = Buffer.from(`{${header.join(",")}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}
