/** A sign that is wrong in one derivative is found, made small, and found again by the command that the report gives. */
import { expect, it, vi } from "vitest";
import { file, miras } from "../cli/support.ts";

vi.mock("../../compiler/math/ops/cosh.ts", async (original) => {
  const { cosh } = await original<typeof import("../../compiler/math/ops/cosh.ts")>();
  const derivative: typeof cosh.derivative = (m, args) => m.neg(m.call("sinh", args[0] as never));
  return { cosh: { ...cosh, derivative } };
});

const spec = (): string =>
  file(
    "logcosh.miras",
    `bias logcosh(y, v) = sum(log(cosh(y - v)))
model M { memory matrix
  bias logcosh
  retention none
  algorithm gd(0.1) }`,
  );

it("in a given spec", async () => {
  const { code, out } = await miras("fuzz", spec(), "--runs", "100", "--device", "interpreter", "--json");
  expect(code).toBe(1);
  const [first] = JSON.parse(out).findings;
  expect(first).toMatchObject({ property: "gradient", what: "∂ℓ/∂y", sizes: { B: 1, H: 1, dk: 1, dv: 1 } });
  expect(first.error).toBeGreaterThan(first.bound);
  expect(first.left * first.right).toBeLessThan(0);

  const words = first.repeat.replace("npx miras ", "").split(" ");
  const again = await miras(...words, "--device", "interpreter", "--json");
  expect(again.code).toBe(1);
  expect(JSON.parse(again.out).findings[0]).toMatchObject({ property: "gradient", left: first.left });
});

it("in random specs, as a small one", async () => {
  const { code, out } = await miras(
    ...["fuzz", "--variants", "--runs", "12", "--seed", "1", "--device", "interpreter", "--json"],
  );
  expect(code).toBe(1);
  const found = JSON.parse(out).findings.find((f: { property: string }) => f.property === "gradient");
  expect(found.spec).toMatch(/cosh\(e\)/);
  expect(found.spec).toMatch(/keep 1\n/);
  expect(found.spec).not.toMatch(/chunk|window|learned/);
});
