import { readdirSync } from "node:fs";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const modules = readdirSync("runtime", { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts"));

/** The files that `runtime/module` brings along when it runs: imports of types are gone by then. */
async function bundled(module: string, platform: "browser" | "node"): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [`runtime/${module}`],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform,
    logLevel: "silent",
    ...(platform === "node" && { packages: "external" }),
  });
  return Object.keys(metafile.inputs);
}

describe("the runtime stands alone", () => {
  const inNode = modules.filter((module) => module.startsWith("node/"));
  const anywhere = modules.filter((module) => !module.startsWith("node/"));

  it.each(anywhere)("%s bundles for a browser, without packages and without the compiler", async (module) => {
    expect((await bundled(module, "browser")).filter((path) => !path.startsWith("runtime/"))).toEqual([]);
  });

  it.each(inNode)("%s takes nothing but types from the compiler", async (module) => {
    expect((await bundled(module, "node")).filter((path) => !path.startsWith("runtime/"))).toEqual([]);
  });
});
