/** A sign that is wrong in a parallel form is found. */
import { expect, it, vi } from "vitest";
import { miras } from "../cli/support.ts";

vi.mock("../../compiler/form/tiles.ts", async (original) => {
  const { tileForm, ...others } = await original<typeof import("../../compiler/form/tiles.ts")>();
  const { altered, turned } = await import("./altered.ts");
  return { ...others, tileForm: altered(tileForm, turned) };
});

it("within 100 runs", async () => {
  const { code, out } = await miras(
    ...["fuzz", "specs/deltanet.miras", "--runs", "100", "--seed", "1", "--device", "interpreter", "--json"],
  );
  expect(code).toBe(1);
  expect(JSON.parse(out).findings[0]).toMatchObject({ property: "tiles", what: "W" });
});
