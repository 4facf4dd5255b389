/** The programs of docs/build.md: they are well typed, they build, and they do what the page says. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build as esbuild } from "esbuild";
import { preview, build as viteBuild } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import forVite from "../../cli/plugin/vite.ts";
import { browserPath, openAt } from "../browser/page.ts";
import { miras } from "../cli/support.ts";
import { device } from "../gpu/device.ts";
import { typeErrors, writeDeclarations } from "../support/typescript.ts";
import { blocksOf } from "./pages.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "miras-build-page-"));
const declarations = mkdtempSync(join(tmpdir(), "miras-build-types-"));

const files = Object.fromEntries(
  blocksOf("docs/build.md").flatMap(({ marks, text }) => {
    const file = marks.find((m) => m.startsWith("file="))?.slice("file=".length);
    return file === undefined ? [] : [[file, text]];
  }),
);

beforeAll(async () => {
  mkdirSync(join(folder, "memory"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, "index.html"), '<script type="module" src="/main.ts"></script>');
  await miras("build", "specs/gated_deltanet.miras", "-o", join(folder, "memory"), "--sizes", "dk=64,dv=64");
  const network = ["-o", join(folder, "network"), "--sizes", "B=4,T=32"];
  await miras("build", "specs/nets/deltanet_tiny.miras", ...network);
  writeDeclarations(declarations);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(declarations, { recursive: true, force: true });
  device?.destroy();
});

const config = {
  root: folder,
  configFile: false as const,
  logLevel: "silent" as const,
  resolve: { alias: { "miras/runtime": join(root, "runtime/index.ts") } },
  build: { target: "es2023" as const },
};

test("the page builds, and says what the page of the manual says", async () => {
  await viteBuild({ ...config, plugins: [forVite({ sizes: { dk: 64, dv: 64 } })] });
  if (browserPath === undefined) return;
  const server = await preview({ ...config, preview: { port: 0, host: "127.0.0.1" } });
  const opened = await openAt(server.resolvedUrls?.local[0] ?? "");
  try {
    await opened.page.waitForFunction(() => document.body.textContent?.trim() !== "");
    expect((await opened.page.textContent("body"))?.trim()).toBe("The last of the value is 63.");
  } finally {
    await opened.close();
    await server.close();
  }
});

test("the programs are well typed", () => {
  expect(typeErrors(folder, files, { declarations, packages: true })).toBe("");
});

/** What a program of the page prints in Node. */
async function printed(name: string): Promise<string> {
  const { outputFiles } = await esbuild({
    entryPoints: [join(folder, `${name}.ts`)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    external: ["webgpu"],
    alias: {
      "miras/runtime/node": join(root, "runtime/node/adapter.ts"),
      "miras/runtime": join(root, "runtime/index.ts"),
    },
  });
  writeFileSync(join(folder, `${name}.mjs`), outputFiles[0]?.contents ?? "");
  return spawnSync(process.execPath, [`${name}.mjs`], { cwd: folder, encoding: "utf8" }).stdout;
}

test.skipIf(!device)("the program for Node runs", async () => {
  expect(await printed("node")).toBe("y has 25600 numbers, W has 16384\n");
});

test.skipIf(!device)("the network learns to count", { timeout: 240_000 }, async () => {
  const [ten, twenty, after] = (await printed("learn")).split("\n");
  const nats = (line = ""): number => Number(/^step \d+: ([\d.]+) nats$/.exec(line)?.[1]);
  expect(nats(twenty)).toBeLessThan(nats(ten));
  expect(after).toBe("after 52 comes 53");
});
