/** The plugin in bundlers: what an import of a spec becomes, what a wrong spec says, and what a change does. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build as esbuild } from "esbuild";
import { createServer, preview, build as viteBuild } from "vite";
import { afterAll, describe, expect, test } from "vitest";
import forEsbuild from "../../cli/plugin/esbuild.ts";
import type { MirasOptions } from "../../cli/plugin/plugin.ts";
import forVite from "../../cli/plugin/vite.ts";
import { preludePaths } from "../../cli/prelude.ts";
import { browserPath, openAt } from "../browser/page.ts";

const root = resolve(import.meta.dirname, "../..");
const base = mkdtempSync(join(tmpdir(), "miras-plugin-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const runtime = join(root, "runtime/index.ts");

const SPEC = `model Mine {
  memory     matrix
  bias       l2
  retention  decay(alpha)
  algorithm  gd(eta)

  gate alpha in (0, 1)
  gate eta   in (0, 1)
}
`;
const WRONG = SPEC.replace("l2", "l3");

const NETWORK = `import Mine from "model.miras"
network Net {
  vocabulary 5
  width      4
  heads      1
  block      Mine
}
`;

const MAIN = `import { requestDevice } from "miras/runtime";
import { Mine } from "./mine.miras";

const memory = await Mine.create(await requestDevice(), { H: 1, dk: 4, dv: 4 });
const one = (n) => new Float32Array(n).fill(1);
const { y } = await memory.forward({ q: one(4), k: one(4), v: one(4), alpha: one(1), eta: one(1) });
document.body.textContent = [...y].join(" ");
`;

/** A folder with a page and a spec. */
function project(name: string, spec: string): string {
  const folder = join(base, name);
  mkdirSync(folder);
  writeFileSync(
    join(folder, "index.html"),
    '<!doctype html><body><script type="module" src="/main.js"></script>',
  );
  writeFileSync(join(folder, "main.js"), MAIN);
  writeFileSync(join(folder, "mine.miras"), spec);
  return folder;
}

const viteConfig = (folder: string, options: MirasOptions = { sizes: { dk: 4, dv: 4 } }) => ({
  root: folder,
  configFile: false as const,
  logLevel: "silent" as const,
  resolve: { alias: { "miras/runtime": runtime } },
  build: { target: "es2023" as const },
  plugins: [forVite(options)],
});

describe("vite", () => {
  test("builds a page, writes the types beside the spec, and the page runs", async () => {
    const folder = project("page", SPEC);
    await viteBuild(viteConfig(folder));
    const types = readFileSync(join(folder, "mine.d.miras.ts"), "utf8");
    expect(types).toContain("export declare class Mine");
    expect(types).toMatch(/readonly dk: 4;\s+readonly dv: 4;/);
    if (browserPath === undefined) return;
    const server = await preview({ ...viteConfig(folder), preview: { port: 0, host: "127.0.0.1" } });
    try {
      const { page, errors, close } = await openAt(server.resolvedUrls?.local[0] ?? "");
      try {
        await page.waitForFunction(() => document.body.textContent !== "" || false, undefined, {
          timeout: 60_000,
        });
        // From an empty memory W becomes v kᵀ, and is read at k: v times ‖k‖² = 4.
        expect(await page.textContent("body")).toBe("4 4 4 4");
        expect(errors.filter((e) => !e.includes("404"))).toEqual([]);
      } finally {
        await close();
      }
    } finally {
      await server.close();
    }
  });

  test("leaves out what nobody imports", async () => {
    const folder = project(
      "shaken",
      `${NETWORK.replace("Mine", "Third").replace("block      Mine", "block Third")}${SPEC}${SPEC.replaceAll("Mine", "Other")}`,
    );
    writeFileSync(join(folder, "model.miras"), SPEC.replaceAll("Mine", "Third"));
    await viteBuild(viteConfig(folder, { sizes: { dk: 4, dv: 4, B: 1, T: 3 } }));
    const assets = join(folder, "dist", "assets");
    const text = readdirSync(assets).map((name) => readFileSync(join(assets, name), "utf8"));
    expect(text.join("")).toMatch(/name: ?["`']Mine["`']/);
    expect(text.join("")).not.toMatch(/name: ?["`'](Other|Net)["`']/);
    expect(text.join("")).not.toMatch(/gradient, added up/);
  });

  test("writes no types where that is not wanted", async () => {
    const folder = project("untyped", SPEC);
    await viteBuild(viteConfig(folder, { sizes: [{ dk: 4, dv: 4 }], types: false }));
    expect(existsSync(join(folder, "mine.d.miras.ts"))).toBe(false);
  });

  test("an error of the spec is one of the build, at its place", async () => {
    const folder = project("wrong", WRONG);
    const error = await viteBuild(viteConfig(folder)).then(
      () => undefined,
      (e) => e,
    );
    const [told] = error.errors ?? [error];
    expect(told.message).toMatch(/error\[unknown-choice\].*l3/s);
    expect(told.loc ?? {}).toMatchObject({ file: join(folder, "mine.miras"), line: 3, column: 13 });
    expect(told.id).toBe(join(folder, "mine.miras"));
  });

  test("a file of networks alone is a module too, and one with nothing to build is an error", async () => {
    const folder = project("network", NETWORK);
    writeFileSync(join(folder, "model.miras"), SPEC);
    writeFileSync(join(folder, "main.js"), 'import { Net } from "./mine.miras";\nconsole.log(Net);\n');
    await viteBuild(viteConfig(folder, { sizes: { B: 2, T: 3 } }));
    const types = readFileSync(join(folder, "mine.d.miras.ts"), "utf8");
    expect(types).toMatch(
      /export declare class Net extends runtime.Network .*readonly B: 2;\s+readonly T: 3;/s,
    );
    const nothing = project("nothing", "fn f(x) = x\n");
    await expect(viteBuild(viteConfig(nothing))).rejects.toThrow(/has no model and no network/);
  });

  test("sizes that cannot be are an error", async () => {
    const folder = project("sizes", SPEC);
    await expect(viteBuild(viteConfig(folder, { sizes: { dx: 4 } }))).rejects.toThrow(/there is no size dx/);
    await expect(viteBuild(viteConfig(folder, { sizes: { dk: 0 } }))).rejects.toThrow(/dk is 0/);
  });

  test("serves a spec again when it changes, and says so to the page", async () => {
    const folder = project("served", SPEC);
    const server = await createServer({
      ...viteConfig(folder),
      server: { middlewareMode: true, ws: false, watch: { usePolling: true, interval: 50 } },
      optimizeDeps: { noDiscovery: true },
    });
    try {
      const path = join(folder, "mine.miras");
      const other = join(folder, "other.miras");
      writeFileSync(other, SPEC.replaceAll("Mine", "Other"));
      writeFileSync(path, `import Other from "other.miras"\n\n${SPEC}`);
      await server.transformRequest("/main.js");
      const before = await server.transformRequest("/mine.miras");
      expect(before?.code).toContain("class Mine");
      const [module] = server.moduleGraph.getModulesByFile(path) ?? [];
      expect(module?.importers.size).toBe(1);
      const updates: unknown[] = [];
      const { hot } = server.environments.client;
      const send = hot.send.bind(hot);
      hot.send = ((...args: Parameters<typeof hot.send>) => {
        updates.push(args[0]);
        send(...args);
      }) as typeof hot.send;
      writeFileSync(path, SPEC.replaceAll("Mine", "Yours"));
      await expect.poll(() => updates.length, { timeout: 30_000 }).toBeGreaterThan(0);
      expect((await server.transformRequest("/mine.miras"))?.code).toContain("class Yours");
      // What the spec imports is watched, and what every spec is made of.
      const watched = Object.entries(server.watcher.getWatched()).flatMap(([at, names]) =>
        names.map((n) => join(at, n)),
      );
      for (const watchedFor of [other, ...preludePaths()]) expect(watched).toContain(watchedFor);
    } finally {
      await server.close();
    }
  });
});

test("esbuild bundles a spec, and points at an error in one", async () => {
  const bundle = (folder: string) =>
    esbuild({
      entryPoints: [join(folder, "main.js")],
      bundle: true,
      write: false,
      format: "esm",
      logLevel: "silent",
      alias: { "miras/runtime": runtime },
      plugins: [forEsbuild({ sizes: { dk: 4, dv: 4 }, types: false })],
    });
  const { outputFiles } = await bundle(project("esbuild", SPEC));
  expect(outputFiles[0]?.text).toMatch(/class _?Mine/);
  const wrong = project("esbuild-wrong", WRONG);
  const { errors } = await bundle(wrong).catch((e) => e);
  expect(errors).toHaveLength(1);
  expect(errors[0].text).toMatch(/error\[unknown-choice\]/);
  expect(errors[0].location).toMatchObject({ line: 3, column: 13 });
});
