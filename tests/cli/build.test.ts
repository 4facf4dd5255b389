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
    expect(named.err).toContain("a module cannot export a class called Promise");
    const none = await miras("build", file("none.miras", "fn f(x) = x\n"), "-o", scratch("no"));
    expect(none.code).toBe(2);
    expect(none.err).toContain("has no model and no network");
    const blocked = await miras("build", spec, "-o", join(spec, "below"));
    expect(blocked.code).toBe(2);
    expect(blocked.err).toMatch(/the folder .* cannot be made/);
  });
});

const NETWORK = `${TWO}
network Small {
  vocabulary 5
  width      4
  heads      1
  layers     2
  block      First, swiglu(expand: 1)
}
network Other {
  vocabulary 5
  width      4
  heads      1
  block      Second
}
`;

describe("build of networks", () => {
  const nets = file("nets.miras", NETWORK);
  const alone = file(
    "alone.miras",
    NETWORK.replace(TWO, 'import First from "two.miras"\nimport Second from "two.miras"\n'),
  );

  it("writes a class for each network beside those of models, and the kernels of each once", async () => {
    const out = scratch("nets");
    const sizes = ["--sizes", "B=2,T=3,dk=4", "--sizes", "B=1,T=5,dk=4"];
    const ran = await miras("build", nets, "-o", out, ...sizes, "--json");
    expect([ran.code, ran.err]).toEqual([0, ""]);
    const { models, networks, files } = JSON.parse(ran.out);
    const built = [
      { B: 2, T: 3 },
      { B: 1, T: 5 },
    ];
    expect(networks).toEqual(["Small", "Other"].map((name) => ({ name, sizes: built })));
    // Choices that differ in sizes of networks alone are one to a model.
    expect(models).toMatchObject([{ name: "First", sizes: [{ dk: 4, dv: 64 }] }, { name: "Second" }]);
    const kernels = files
      .filter((f: string) => f.includes("Small."))
      .map((f: string) => readFileSync(f, "utf8"));
    expect(kernels.length).toBeGreaterThan(10);
    expect(new Set(kernels).size).toBe(kernels.length);
    const js = readFileSync(join(out, "nets.js"), "utf8");
    expect(js.match(/^export class \w+/gm)).toEqual(
      ["First", "Second", "Small", "Other"].map((name) => `export class ${name}`),
    );
    expect(readFileSync(join(out, "nets.d.ts"), "utf8")).toMatch(
      /B: 2;\s+readonly T: 3;\s+} \| \{\s+readonly B: 1/,
    );
  });

  it("takes a file of networks alone, and one network of it", async () => {
    const all = await miras("build", alone, "-o", scratch("alone"), "--sizes", "B=2,T=3");
    expect(all.code).toBe(0);
    expect(all.out).toMatch(
      /kB gzipped, and \d+ kernels in .*\n {2}Small for B = 2, T = 3\n {2}Other for B = 2, T = 3\n$/,
    );
    const one = await miras("build", alone, "-o", scratch("one-net"), "--model", "Other", "--json");
    expect(JSON.parse(one.out)).toMatchObject({
      models: [],
      networks: [{ name: "Other", sizes: [{ B: 1, T: 64 }] }],
    });
    const model = await miras("build", nets, "-o", scratch("one-model"), "--model", "First", "--json");
    expect(JSON.parse(model.out)).toMatchObject({ models: [{ name: "First" }], networks: [] });
  });

  it.each([
    [["--sizes", "dk=4"], /there is no size dk\n {2}the sizes of Small: B, T\n {2}the sizes of Other: B, T/],
    [["--sizes", "b=4"], /there is no size b\n {2}did you mean B\?/],
    [["--model", "Smal"], /has no model and no network Smal\n {2}did you mean Small\?/],
    [["--set", "c=1"], /--set changes models, and the file has networks\n/],
  ])("refuses %j", async (options, message) => {
    const { code, err, out } = await miras("build", alone, "-o", scratch("refused-net"), ...options);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
    expect(existsSync(scratch("refused-net"))).toBe(false);
  });

  it("says which memory keeps a network from being trained", async () => {
    const imported = 'import SigmoidMatrix from "sigmoid_matrix.miras"\n';
    const text = NETWORK.replace(TWO, imported).replace("First,", "SigmoidMatrix,");
    file("sigmoid_matrix.miras", readFileSync("specs/variants/sigmoid_matrix.miras", "utf8"));
    const path = file("sigmoid.miras", text.slice(0, text.indexOf("network Other")));
    const { code, err } = await miras("build", path, "-o", scratch("sigmoid"));
    expect(code).toBe(2);
    expect(err).toContain("Small cannot be trained: SigmoidMatrix has no parallel form");
  });
});

describe("explain --stage ts", () => {
  it("shows the networks of a file, and its model where that is asked for", async () => {
    const path = "specs/nets/attention_tiny.miras";
    const { code, out } = await miras("explain", path, "--stage", "ts");
    expect(code).toBe(0);
    expect(out).toContain("export class AttentionTiny extends runtime.Network");
    expect(out).not.toContain("@compute");
    const model = await miras("explain", path, "--model", "RotaryAttention", "--stage", "ts");
    expect(model.out).toContain("export class RotaryAttention extends runtime.Memory");
  });

  it("shows the module of a model, without its kernels", async () => {
    const { code, out } = await miras("explain", spec, "--model", "Second", "--stage", "ts");
    expect(code).toBe(0);
    expect(out).toContain("export class Second extends runtime.Memory<Second.Inputs, Second.States>");
    expect(out).not.toContain("@compute");
  });
});
