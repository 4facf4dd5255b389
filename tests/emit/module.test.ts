/** What is built of a spec: word for word for three of them, and as TypeScript sees it. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shownModule } from "../../cli/build/shown.ts";
import { miras } from "../cli/support.ts";
import { specModel } from "../support/specs.ts";
import { typeErrors, writeDeclarations } from "../support/typescript.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "miras-emit-"));
const declarations = join(folder, "types");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// A plain one, one with params and several steps a token among them, and one that learns where it starts.
test.each(["gated_deltanet", "deltaproduct", "mesanet", "titans"])("the module of %s", async (name) => {
  const shown = shownModule(specModel(name));
  expect(shown.match(/\b(from|import)\b ?["(].*/g)).toEqual(['from "miras/runtime";']);
  const golden = join(import.meta.dirname, "golden", `${name}.ts.txt`);
  await expect(shown).toMatchFileSnapshot(golden);
});

const USE = (from: string) => `import { requestDevice } from "miras/runtime";
import { GatedDeltaNet } from "${from}";

const memory = await GatedDeltaNet.create(await requestDevice(), { H: 4, dk: 64, dv: 64 });
const gate: GatedDeltaNet.Gate = "alpha";
const numbers = (n: number) => new Float32Array(n);
const inputs: GatedDeltaNet.Inputs = {
  q: numbers(256), k: numbers(256), v: numbers(256), alpha: numbers(4), beta: numbers(4),
};
const { y, states } = await memory.forward(inputs);
const more: Float32Array = await memory.step(inputs);
await memory.init({ W: states.W });
await memory.load(await memory.save());
export const all = [y[0], more[0], (await memory.states()).W.length, gate];
`;

/** Each line is an error. */
const MISUSE = `import type { Device } from "miras/runtime";
import { GatedDeltaNet } from "./gated_deltanet.js";
declare const device: Device;
declare const some: Float32Array;
export const memory = await GatedDeltaNet.create(device, { H: 4, dk: 32, dv: 64 });
memory.forward({ q: some, k: some, v: some, alpha: some });
export const gate: GatedDeltaNet.Gate = "gamma";
memory.step({ q: some, k: some, v: some, alpha: some, beta: [1] });
memory.init({ S: some });
`;

describe("to TypeScript", () => {
  beforeAll(() => {
    writeDeclarations(declarations);
  });

  const built = join(folder, "built");

  test("a module is well typed, and an import of the spec itself is", async () => {
    const { code, err } = await miras("build", "specs/gated_deltanet.miras", "-o", built);
    expect([code, err]).toEqual([0, ""]);
    const files = { "module.ts": USE("./gated_deltanet.js"), "spec.ts": USE("./gated_deltanet.miras") };
    expect(typeErrors(built, files, { declarations })).toBe("");
    const lines = [
      ...typeErrors(built, { "misuse.ts": MISUSE }, { declarations }).matchAll(/misuse\.ts\((\d+),/g),
    ];
    expect(lines.map(([, line]) => Number(line))).toEqual([5, 6, 7, 8, 9]);
  });

  test("its source is well typed", { timeout: 240_000 }, async () => {
    const sources = join(folder, "sources");
    const specs = ["yaad", "mesanet", "deltaproduct", "lightning_attention"];
    for (const name of specs) {
      const { code, err } = await miras(
        "build",
        `specs/${name}.miras`,
        "-o",
        sources,
        "--ts",
        "--sizes",
        "dk=8",
      );
      expect([code, err]).toEqual([0, ""]);
    }
    expect(readdirSync(sources)).not.toContain("yaad.js");
    const all = specs.map((name) => `export * from "./${name}.ts";\n`).join("");
    expect(typeErrors(sources, { "all.ts": all }, { declarations })).toBe("");
  });
});

test("the runtime is small", async () => {
  const { outputFiles } = await build({
    entryPoints: [join(root, "runtime/index.ts")],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  const bytes = gzipSync(outputFiles[0]?.contents ?? "").length;
  expect(bytes).toBeLessThan(60_000);
});
