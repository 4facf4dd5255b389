import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { file, miras, scratch } from "./support.ts";

const TWO = `model First {
  memory matrix  bias l2  retention decay(c)  algorithm gd(eta)
  const c = 0.5
  gate eta in (0, 1)
}
model Second {
  memory matrix  bias dot  retention none  algorithm gd(1)
  require dv = dk
}
`;

const spec = file("two.miras", TWO);

describe("build", () => {
  it("writes a module of all models with its types, and every kernel", async () => {
    const out = scratch("all");
    const ran = await miras("build", spec, "-o", out, "--sizes", "dk=4,dv=4", "--sizes", "dk=8,dv=8");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("First for dk = 4, dv = 4; dk = 8, dv = 8");
    expect(readdirSync(out).sort()).toEqual(["two.d.miras.ts", "two.d.ts", "two.js", "wgsl"]);
    const types = readFileSync(join(out, "two.d.ts"), "utf8");
    expect(types).toMatch(/class First .*class Second /s);
    expect(readFileSync(join(out, "two.d.miras.ts"), "utf8")).toBe(types);
    const kernels = readdirSync(join(out, "wgsl"));
    for (const start of ["First.dk4.dv4.any", "Second.dk8.dv8.subgroups32"])
      expect(kernels.some((k) => k.startsWith(start))).toBe(true);
    expect(readFileSync(join(out, "wgsl", kernels[0] as string), "utf8")).toContain("@compute");
  });

  it("replaces the kernels of an earlier build, and no other file", async () => {
    const out = scratch("again");
    await miras("build", spec, "-o", out, "--sizes", "dk=8", "--model", "First");
    await miras("build", spec, "-o", out, "--sizes", "dk=4", "--model", "Second");
    await miras("build", spec, "-o", out, "--sizes", "dk=4", "--model", "First");
    const sizes = readdirSync(join(out, "wgsl")).map((k) => k.split(".").slice(0, 2).join("."));
    expect([...new Set(sizes)].sort()).toEqual(["First.dk4", "Second.dk4"]);
  });

  it("takes one model, and settings of it", async () => {
    const out = scratch("one");
    const options = ["--model", "First", "--set", "c=0.25", "--ts", "--sizes", "dk=4,dv=2", "--json"];
    const ran = await miras("build", spec, "-o", out, ...options);
    expect(ran.code).toBe(0);
    const told = JSON.parse(ran.out);
    expect(told.models).toEqual([{ name: "First", sizes: [{ dk: 4, dv: 2 }] }]);
    expect(told.files.slice(0, 2)).toEqual([join(out, "two.ts"), join(out, "two.d.miras.ts")]);
    const source = readFileSync(join(out, "two.ts"), "utf8");
    expect(source).not.toContain("class Second");
    expect(source).toContain("0.25");
    expect(existsSync(join(out, "two.js"))).toBe(false);
  });

  it("gives sizes that nobody asked for their usual values, and equal ones the same", async () => {
    const out = scratch("usual");
    const usual = await miras("build", spec, "-o", out, "--json");
    expect(JSON.parse(usual.out).models[0].sizes).toEqual([{ dk: 64, dv: 64 }]);
    const tied = await miras("build", spec, "-o", out, "--model", "Second", "--sizes", "dk=4", "--json");
    expect(JSON.parse(tied.out).models[0].sizes).toEqual([{ dk: 4, dv: 4 }]);
  });

  it.each([
    [["--sizes", "dk"], /`dk` should be a size and a whole number from 1 on/],
    [["--sizes", "dk=0"], /`dk=0` should be/],
    [["--sizes", "dk=4,dk=5"], /dk is there twice/],
    [["--sizes", "kd=4"], /there is no size kd\n {2}did you mean dk\?/],
    [["--sizes", "dk=4,dv=5"], /Second requires dv = dk, and dv is 5 and dk is 4/],
    [["--model", "Frist"], /has no model Frist\n {2}did you mean First\?/],
    [["--set", "d=1"], /nothing that can be set is named d/],
  ])("refuses %j", async (options, message) => {
    const { code, err, out } = await miras("build", spec, "-o", scratch("refused"), ...options);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
    expect(existsSync(scratch("refused"))).toBe(false);
  });

  it("tells what is wrong with a spec, and with a name that no class can have", async () => {
    const wrong = file("wrong.miras", TWO.replace("l2", "l3"));
    const told = await miras("build", wrong, "-o", scratch("no"));
    expect(told.code).toBe(1);
    expect(told.err).toContain("error[unknown-choice]");
    const named = await miras("build", file("p.miras", TWO.replace("First", "Promise")), "-o", scratch("no"));
    expect(named.code).toBe(2);
    expect(named.err).toContain("a module cannot export a model called Promise");
    const none = await miras("build", file("none.miras", "fn f(x) = x\n"), "-o", scratch("no"));
    expect(none.code).toBe(2);
    const blocked = await miras("build", spec, "-o", join(spec, "below"));
    expect(blocked.code).toBe(2);
    expect(blocked.err).toMatch(/the folder .* cannot be made/);
  });
});

describe("explain --stage ts", () => {
  it("shows the module of a model, without its kernels", async () => {
    const { code, out } = await miras("explain", spec, "--model", "Second", "--stage", "ts");
    expect(code).toBe(0);
    expect(out).toContain("export class Second extends runtime.Memory<Second.Inputs, Second.States>");
    expect(out).not.toContain("@compute");
  });
});
