/** `miras fuzz`, where there is nothing to find; what it finds is for tests/fuzz. */
import { describe, expect, it } from "vitest";
import { miras, mirasWith } from "./support.ts";

const few = ["--runs", "8", "--seed", "1", "--device", "interpreter"];

describe("fuzz", () => {
  it("says what it did", async () => {
    const { code, out, err } = await miras("fuzz", "specs/deltanet.miras", ...few);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^ok no findings; 8 runs of 1 spec in [\d.]+ s, seed 1, on the f64 interpreter\n$/);
  });

  it("does the same again with the same seed, as JSON", async () => {
    const argv = ["fuzz", "--variants", ...few, "--json"];
    const [a, b] = [await miras(...argv), await miras(...argv)].map(({ out }) => JSON.parse(out));
    expect(a).toMatchObject({ runs: 8, specs: 8, seed: 1, findings: [] });
    expect({ ...a, seconds: 0 }).toEqual({ ...b, seconds: 0 });
  });

  it("stops when its time is over", async () => {
    let time = 0;
    const { code, out } = await mirasWith(
      { now: () => (time += 100) },
      ...["fuzz", "specs/deltanet.miras", "--device", "interpreter", "--time", "1"],
    );
    expect(code).toBe(0);
    expect(out).toMatch(/ [1-9] runs of 1 spec .*; stopped\n$/);
  });

  it("tells a terminal how it goes, and nobody else", async () => {
    let time = 0;
    const { err } = await mirasWith(
      { errIsTerminal: true, now: () => (time += 100) },
      ...["fuzz", "--variants", ...few],
    );
    expect(err).toMatch(/random specs: \d runs?, [\d.]+ specs\/s, 0 findings/);
  });

  it.each([
    [["fuzz"], /nothing to try/],
    [["fuzz", "specs/deltanet.miras", "--path", "3"], /--seed/],
    [["fuzz", "specs/deltanet.miras", "--runs", "0"], /whole number/],
    [["fuzz", "specs/none.miras"], /no file/],
  ])("%j is wrong usage", async (argv, why) => {
    const { code, err } = await miras(...argv);
    expect(code).toBe(2);
    expect(err).toMatch(why);
  });
});
