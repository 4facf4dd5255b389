/** The spec that a run keeps is the one that it was made with, wherever the run is. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileFile } from "../../cli/compile.ts";
import { readSource } from "../../cli/files.ts";
import { specChanges, specFiles } from "../../cli/train/spec-files.ts";
import { scratch } from "./support.ts";

const nets = readdirSync("specs/nets").filter((name) => name.endsWith(".miras"));

it("there are some", () => expect(nets.length).toBeGreaterThan(5));

describe.each(nets)("%s", (name) => {
  it("compiles to the same from the folder of a run", () => {
    const path = join("specs/nets", name);
    const { spec, imports } = specFiles(readSource(path));
    const run = scratch(name);
    mkdirSync(join(run, "imports"), { recursive: true });
    writeFileSync(join(run, "spec.miras"), spec);
    for (const [file, text] of imports) writeFileSync(join(run, "imports", file), text);
    const [then, now] = [compileFile(path), compileFile(join(run, "spec.miras"))];
    expect(now.diagnostics.all).toEqual([]);
    const told = ({ networks }: typeof now) => networks.map((n) => [n.name, n.sizes, n.parts.length]);
    expect(told(now)).toEqual(told(then));
    expect(specChanges(path, specFiles(readSource(path)), { spec, imports })).toEqual([]);
    // What a run keeps can start another run.
    expect(specFiles(readSource(join(run, "spec.miras")))).toEqual({ spec, imports });
  });
});
