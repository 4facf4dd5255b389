/** Networks on the command line: `check`, `explain`, `fmt`, and where imports are read from. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { file, miras, scratch } from "./support.ts";

const nets = readdirSync("specs/nets").map((name) => join("specs/nets", name));

describe("check", () => {
  it("lists networks, and models beside them", async () => {
    const { code, out } = await miras("check", ...nets);
    expect(code).toBe(0);
    expect(out).toContain("ok DeltaNetTiny  2 layers of DeltaNet and swiglu, width 64, 2 heads\n");
    expect(out).toContain(`1 model and ${nets.length} networks in ${nets.length} files: no errors`);
    const { networks } = JSON.parse((await miras("check", "specs/nets/titans_tiny.miras", "--json")).out);
    expect(networks).toMatchObject([
      { name: "TitansTiny", sizes: { width: 64, heads: 2, dk: 32 }, block: ["Titans", "swiglu"] },
    ]);
  });

  it("reads imports beside the file that has them", async () => {
    mkdirSync(scratch("sub"), { recursive: true });
    file("mine.miras", readFileSync("specs/deltanet.miras", "utf8").replace("model DeltaNet", "model Mine"));
    const text = (path: string): string =>
      `import Mine from "${path}"\nnetwork N {\n  vocabulary 3\n  width 4\n  heads 2\n  block Mine\n}\n`;
    expect(await miras("check", file("sub/well.miras", text("../mine.miras")))).toMatchObject({ code: 0 });
    const { code, out } = await miras("check", file("sub/ill.miras", text("mine.miras")));
    expect(code).toBe(1);
    expect(out).toContain("error[import-missing]: there is no file `mine.miras`");
    const itself = file("sub/itself.miras", text("itself.miras"));
    expect((await miras("check", itself)).out).toContain("error[import-cycle]");
  });

  it("repairs a name that is wrong in both places", async () => {
    file("mine.miras", readFileSync("specs/deltanet.miras", "utf8"));
    const path = file(
      "fix.miras",
      'import DeltaNe from "mine.miras"\nnetwork N {\n  vocabulary 3\n  width 4\n  heads 2\n  block DeltaNet\n}\n',
    );
    expect(await miras("check", path, "--fix")).toMatchObject({ code: 0 });
    expect(readFileSync(path, "utf8")).toContain("import DeltaNet from");
  });
});

describe("explain", () => {
  it("tells what a network learns, carries and computes", async () => {
    const { code, out } = await miras("explain", "specs/nets/deltanet_tiny.miras");
    expect(code).toBe(0);
    expect(out).toMatch(/^DeltaNetTiny {2}specs\/nets\/deltanet_tiny\.miras\n/);
    expect(out).toContain("learned: 88,196 numbers");
    expect(out).toMatch(/layers\.\*\.DeltaNet\.q\.project +\[H, dk, width\] +4,096 × 2\n/);
    // Two heads of a matrix of 32 × 32 numbers of four bytes, in two layers.
    expect(out).toContain("carried by each sequence: 16 KiB\n");
  });

  it("counts in JSON what adds up", async () => {
    const { out } = await miras("explain", "specs/nets/attention_tiny.miras", "--json");
    const [{ parameters, tensors, states, stateBytes, operations }] = JSON.parse(out);
    const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
    expect(sum(tensors.map((t: { parameters: number }) => t.parameters))).toBe(parameters);
    // A key, a value and a weight of each token, and how many there are, for two heads.
    const bytes = 2 * 4 * (1024 * (32 + 32 + 1) + 1);
    expect(states).toEqual([{ part: "RotaryAttention", bytes, tokens: 1024 }]);
    expect(stateBytes).toBe(2 * states[0].bytes);
    // Each weight of a linear map is multiplied and added once; the rest is little beside that.
    const maps = sum(
      tensors.map((t: { shape: number[]; parameters: number }) => (t.shape.length > 1 ? t.parameters : 0)),
    );
    expect(operations.others / (2 * maps)).toBeGreaterThan(1);
    expect(operations.others / (2 * maps)).toBeLessThan(1.1);
  });

  it("explains a model of the same file where that is asked for", async () => {
    const path = "specs/nets/attention_tiny.miras";
    const { code, out } = await miras("explain", path, "--model", "RotaryAttention");
    expect(code).toBe(0);
    expect(out).toMatch(/^RotaryAttention /);
  });
});

it("the networks of specs/nets are in the standard layout", async () => {
  expect(await miras("fmt", "--check", ...nets)).toMatchObject({ code: 0 });
});
