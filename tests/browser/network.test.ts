/**
 * The built module of a network in a Vite page of headless Chromium: it reads, learns, saves and loads as it does in Node,
 * and as the f64 interpreter says.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { preview, build as viteBuild } from "vite";
import { afterAll, describe, expect, test } from "vitest";
import forVite from "../../cli/plugin/vite.ts";
import { device } from "../gpu/device.ts";
import { builtSmall, SIZES, taskOf, wanted, writeSmall } from "../support/built-network.ts";
import { errorRatio } from "../support/compare.ts";
import { type NetworkTask, type NetworkTold, tryNetwork } from "../support/network-module.ts";
import { browserPath, openAt } from "./page.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "miras-network-"));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  device?.destroy();
});

/** Of logits, by their root mean square; and of each of ten losses, relative to it. */
const LOGITS = 1e-4;
const LOSSES = 1e-3;

const task = taskOf(20);

/** What the page tells of the task: the module is that of the plugin. */
async function inPage(): Promise<NetworkTold> {
  const at = join(folder, "page");
  writeSmall(at);
  writeFileSync(join(at, "index.html"), '<script type="module" src="/main.ts"></script>');
  writeFileSync(
    join(at, "main.ts"),
    `import { requestDevice } from "miras/runtime";
import { tryNetwork } from ${JSON.stringify(join(root, "tests/support/network-module.ts"))};
import * as built from "./small.miras";
globalThis.tried = async (task) => tryNetwork(built, await requestDevice(), task);
`,
  );
  const config = {
    root: at,
    configFile: false as const,
    logLevel: "silent" as const,
    resolve: { alias: { "miras/runtime": join(root, "runtime/index.ts") } },
    build: { target: "es2023" as const },
  };
  await viteBuild({ ...config, plugins: [forVite({ sizes: SIZES })] });
  const server = await preview({ ...config, preview: { port: 0, host: "127.0.0.1" } });
  const opened = await openAt(server.resolvedUrls?.local[0] ?? "");
  try {
    await opened.page.waitForFunction(() => "tried" in globalThis);
    const told = await opened.page.evaluate(
      (t) => (globalThis as unknown as { tried(t: NetworkTask): Promise<NetworkTold> }).tried(t),
      task,
    );
    expect(opened.errors.filter((e) => !e.includes("404"))).toEqual([]);
    return told;
  } finally {
    await opened.close();
    await server.close();
  }
}

function expectRight(told: NetworkTold): void {
  const want = wanted(task, told);
  expect(errorRatio(told.logits, want.logits), `logits on ${told.adapter}`).toBeLessThanOrEqual(LOGITS);
  const [first = Number.NaN] = told.losses;
  for (const loss of [first, told.measured.loss])
    expect(Math.abs(loss / want.loss - 1), `loss on ${told.adapter}`).toBeLessThanOrEqual(LOSSES);
  expect(told.measured).toMatchObject({ correct: want.correct, counted: want.counted });
  expect(told.losses.at(-1)).toBeLessThan(first);
  for (const norm of told.norms) expect(norm).toBeGreaterThan(0);
  // What was loaded goes on as what was saved, weights and moments alike.
  expect(told.more[1]).toBe(told.more[0]);
}

describe.skipIf(browserPath === undefined)("a network in a page", () => {
  test("reads and learns as the interpreter and Node say", { timeout: 300_000 }, async () => {
    const page = await inPage();
    expectRight(page);
    if (!device) return;
    const node = await tryNetwork(await builtSmall(join(folder, "node")), device, task);
    expectRight(node);
    expect(page.start).toEqual(node.start);
    expect(errorRatio(page.logits, Float64Array.from(node.logits))).toBeLessThanOrEqual(LOGITS);
    expect(page.losses).toHaveLength(10);
    for (const [i, loss] of page.losses.entries())
      expect(Math.abs(loss / (node.losses[i] as number) - 1), `step ${i + 1}`).toBeLessThanOrEqual(LOSSES);
  });
});
