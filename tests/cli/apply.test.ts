/** `miras apply`: what it computes. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import type { Tensor } from "../../runtime/safetensors.ts";
import { errorRatio } from "../support/compare.ts";
import { specModel } from "../support/specs.ts";
import { apply, B, dk, doubles, dv, good, H, T } from "./apply-support.ts";
import { read, scratch, tensor, tensors } from "./support.ts";

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
