/** A decay that a parallel form takes to the power −1 is found. */
import { expect, it, vi } from "vitest";
import { miras } from "../cli/support.ts";

vi.mock("../../compiler/form/tiles.ts", async (original) => {
  const { tileForm, ...others } = await original<typeof import("../../compiler/form/tiles.ts")>();
  const { altered, grown } = await import("./altered.ts");
  return { ...others, tileForm: altered(tileForm, grown) };
});

it("within 100 runs", async () => {
  const { code, out } = await miras(
    ...[
      "fuzz",
      "specs/gated_deltanet.miras",
      "--runs",
      "100",
      "--seed",
      "1",
      "--device",
      "interpreter",
      "--json",
    ],
  );
  expect(code).toBe(1);
  expect(JSON.parse(out).findings[0]).toMatchObject({
    property: "tiles",
    sizes: { B: 1, H: 1, dk: 1, dv: 1 },
  });
});
