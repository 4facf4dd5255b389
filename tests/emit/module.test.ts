/** What is built of a spec: word for word for some of them, and as TypeScript sees it. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shownModule, shownNetworks } from "../../cli/build/shown.ts";
import { miras } from "../cli/support.ts";
import { builtSmall, SMALL } from "../support/built-network.ts";
import { networkOf } from "../support/networks.ts";
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

test("the module of a network", async () => {
  const shown = shownNetworks([networkOf(SMALL, "specs/small.miras")]);
  expect(shown.match(/\b(from|import)\b ?["(].*/g)).toEqual(['from "miras/runtime";']);
  await expect(shown).toMatchFileSnapshot(join(import.meta.dirname, "golden", "network.ts.txt"));
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

const USE_NETWORK = (
  from: string,
) => `import { type Batch, type Device, Network, requestDevice } from "miras/runtime";
import { Small } from "${from}";

const device: Device = await requestDevice();
const network: Network = await Small.create(device, { B: 2, T: 19 });
const small = await Small.create(device, { B: 2, T: 19 }, { seed: 3 });
const batch: Batch = { B: 2, T: 19, tokens: new Int32Array(38), targets: new Int32Array(38) };
const logits: Float32Array = await small.forward(batch.tokens);
await network.forward([0, 1, 2]);
const { loss, correct, counted, gradientNorm } = await small.step(batch, { learningRate: 1e-3 });
const measured = await small.measure(batch);
const bytes: Uint8Array = await small.save();
await small.load(bytes);
const width: 12 = Small.parameters.embedding[1];
const vocabulary: 11 = Small.vocabulary;
const name: Small.Parameter = "layers.0.DeltaNet.q.project";
const shape: readonly [2, 6, 12] = Small.parameters[name];
small.destroy();
export const all = [logits, loss, correct, counted, gradientNorm, measured.loss, width, vocabulary, shape];
`;

/** Each line is an error. */
const MISUSE_NETWORK = `import type { Device } from "miras/runtime";
import { Small } from "./small.js";
declare const device: Device;
export const network = await Small.create(device, { B: 2, T: 20 });
network.forward("tokens");
network.step({ tokens: [1], targets: [1] });
network.measure({ tokens: [1] });
network.load("path");
export const name: Small.Parameter = "layers.2.DeltaNet.q.project";
export const shape: readonly [11, 13] = Small.parameters.embedding;
new Small(device);
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

  test("so are networks", async () => {
    const networks = join(folder, "networks");
    await builtSmall(networks);
    const files = {
      "module.ts": USE_NETWORK("./small.js"),
      "spec.ts": USE_NETWORK("./small.miras"),
      "misuse.ts": MISUSE_NETWORK,
    };
    const said = typeErrors(networks, files, { declarations });
    expect([
      ...new Set([...said.matchAll(/(\w+\.ts)\((\d+),/g)].map(([, f, line]) => `${f} ${line}`)),
    ]).toEqual([4, 5, 6, 7, 8, 9, 10, 11].map((line) => `misuse.ts ${line}`));
    const source = await miras(
      "build",
      join(networks, "small.miras"),
      "-o",
      join(networks, "source"),
      "--ts",
    );
    expect(source.code).toBe(0);
    const all = { "source.ts": 'export * from "./source/small.ts";\n' };
    expect(typeErrors(networks, all, { declarations })).toBe("");
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
