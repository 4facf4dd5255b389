/** What TypeScript 7 says of a program that uses the package, in a folder of its own. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

function tsc(...argv: readonly string[]): string {
  const { stdout, stderr } = spawnSync(join(root, "node_modules/.bin/tsc"), argv, { encoding: "utf8" });
  return stdout + stderr;
}

/** Writes the declarations of the package into a folder, as users have them. Throws with what TypeScript says. */
export function writeDeclarations(folder: string): void {
  const options = ["--emitDeclarationOnly", "--sourceMap", "false", "--outDir", folder];
  const said = tsc("-p", join(root, "tsconfig.build.json"), ...options);
  if (said !== "") throw new Error(said);
  inPackage(folder);
}

/** A package of ES modules, which finds the packages that this one has. */
function inPackage(folder: string): void {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const modules = join(folder, "node_modules");
  if (!existsSync(modules)) symlinkSync(join(root, "node_modules"), modules);
}

export interface ProgramOptions {
  /** Where `writeDeclarations` wrote. */
  readonly declarations: string;
  /** Whether it imports packages; their declarations are taken as they are. */
  readonly packages?: boolean;
}

/** Under strict settings, with no other types of WebGPU than TypeScript's own. Writes the files into the folder. */
export function typeErrors(
  folder: string,
  files: Readonly<Record<string, string>>,
  { declarations, packages = false }: ProgramOptions,
): string {
  inPackage(folder);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const compilerOptions = {
    target: "es2023",
    lib: ["es2023", "dom"],
    module: "nodenext",
    types: [],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
    noUnusedLocals: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    erasableSyntaxOnly: true,
    allowArbitraryExtensions: true,
    allowImportingTsExtensions: true,
    skipLibCheck: packages,
    noEmit: true,
    paths: {
      "miras/runtime": [join(declarations, "runtime/index.d.ts")],
      "miras/runtime/node": [join(declarations, "runtime/node/adapter.d.ts")],
      "miras/vite": [join(declarations, "cli/plugin/vite.d.ts")],
    },
  };
  const config = { compilerOptions, files: Object.keys(files).filter((f) => f.endsWith(".ts")) };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  return tsc("-p", folder);
}
