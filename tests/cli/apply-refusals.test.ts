/** Everything that `miras apply` refuses. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../runtime/safetensors.ts";
import { apply, B, dk, dv, good, H, rate, refuses, T, wide } from "./apply-support.ts";
import { file, miras, scratch, tensor, tensors } from "./support.ts";

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
