/** `miras apply` with constants, choices, layers and models set on the command line. */
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../runtime/safetensors.ts";
import { apply, B, dk, dv, good, H, rate, T } from "./apply-support.ts";
import { file, mirasWith, read, scratch, tensor, tensors } from "./support.ts";

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
