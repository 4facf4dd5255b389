/** `miras init`: the spec it writes, and what it leaves alone. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { starter } from "../../cli/init/starter.ts";
import { file, miras, scratch } from "./support.ts";

const text = (path: string): string => readFileSync(path, "utf8");

describe("init", () => {
  it("writes one file, and says what to do next", async () => {
    mkdirSync(scratch("new"));
    const path = scratch("new/my_memory.miras");
    const { code, out, err } = await miras("init", path);
    expect(code).toBe(0);
    expect(err).toBe("");
    expect(out).toContain(`wrote ${path}`);
    for (const command of ["check", "explain", "recall"])
      expect(out).toContain(`  miras ${command} ${path} `);
    expect(readdirSync(scratch("new"))).toEqual(["my_memory.miras"]);
    expect(text(path)).toContain("model MyMemory {");
  });

  it("writes a model that is proved, laid out and explained", async () => {
    const path = scratch("first.miras");
    await miras("init", path);
    const { code, out } = await miras("check", path);
    expect(out).toMatch(
      /^ok First +matrix, mine, decay\(alpha\), gd\(eta, at: kept\) +W' proved symbolically\n/,
    );
    expect(out).toContain("no errors\n");
    expect(code).toBe(0);
    expect(await miras("fmt", "--check", path)).toMatchObject({ code: 0, out: "" });
    expect(await miras("explain", path)).toMatchObject({ code: 0, err: "" });
    const recalled = await miras("recall", path, "--device", "interpreter", "--pairs", "1,2", "--dk", "4");
    expect(recalled.code).toBe(0);
  });

  it("names no choice that cannot be made", async () => {
    const plain = starter("Other").replace(/^ {2}expect.*\n/m, "");
    const lines = plain.split("\n");
    const tried: string[] = [];
    for (const [i, line] of lines.entries()) {
      const choice = /^ {2}(memory|bias|retention|algorithm) /.exec(lines[i + 1] ?? "")?.[1];
      const others = line.split("Or ")[1];
      if (!choice || !others) continue;
      for (const [, other] of others.matchAll(/`([^`]+)`/g)) {
        const changed = lines.toSpliced(i + 1, 1, `  ${choice} ${other}`).join("\n");
        const whole = other === "none" ? changed.replace(/^ +gate +alpha.*\n/m, "") : changed;
        const { code, out } = await miras("check", file("other.miras", whole));
        expect(out).toContain("no errors\n");
        expect(code).toBe(0);
        tried.push(choice);
      }
    }
    expect(new Set(tried)).toEqual(new Set(["memory", "bias", "retention", "algorithm"]));
  });

  it.each([
    ["a-b c", "ABC"],
    ["3d", "Memory3d"],
    ["matrix", "Matrix"],
    ["tanh", "Tanh"],
    ["_", "Memory"],
    ["λ_1", "Λ1"],
    ["w", "W"],
    ["i", "I"],
    ["記憶", "記憶"],
  ])("makes a name of %s", async (given, name) => {
    const { code, out } = await miras("init", scratch(given), "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ path: scratch(`${given}.miras`) });
    expect(text(scratch(`${given}.miras`))).toContain(`model ${name} {`);
    expect((await miras("check", scratch(`${given}.miras`))).code).toBe(0);
  });

  it("writes over nothing, unless told to", async () => {
    const path = file("mine.miras", "// mine\n");
    const { code, out, err } = await miras("init", path);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/mine\.miras exists already\n.*--force/);
    expect(text(path)).toBe("// mine\n");
    expect((await miras("init", path, "--force")).code).toBe(0);
    expect(text(path)).toBe(starter("Mine"));

    symlinkSync(scratch("nowhere"), scratch("link.miras"));
    expect((await miras("init", scratch("link.miras"))).code).toBe(2);
    expect(existsSync(scratch("nowhere"))).toBe(false);
  });

  it("refuses what names no spec", async () => {
    mkdirSync(scratch("folder.miras"));
    writeFileSync(scratch("plain"), "");
    for (const [given, told] of [
      ["model.txt", "is not the name of a spec"],
      [".miras", "is not the name of a spec"],
      ["", "names no file"],
      ["folder/", "names no file"],
      [scratch("away/x.miras"), "its directory does not exist"],
      [join(scratch("plain"), "x.miras"), "not a directory"],
    ] as const) {
      const { code, err } = await miras("init", given);
      expect(err).toContain(told);
      expect(code).toBe(2);
    }
    const { code, err } = await miras("init", scratch("folder.miras"), "--force");
    expect(err).toContain("is a directory");
    expect(code).toBe(2);
  });
});
