/** Where miras itself is installed, and which version it is. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { InternalError } from "../compiler/source/diagnostic.ts";

interface Package {
  readonly root: string;
  readonly version: string;
}

/** Walks up to our package.json: this file runs as `cli/package.ts` and as `dist/cli/package.js`. */
function find(): Package {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, "package.json");
    if (existsSync(path)) {
      const { name, version } = JSON.parse(readFileSync(path, "utf8")) as { name?: string; version?: string };
      if (name === "miras") return { root: folder, version: version ?? "0" };
    }
    if (dirname(folder) === folder)
      throw new InternalError("the package.json of miras is not above its code");
  }
}

export const { root, version } = find();
