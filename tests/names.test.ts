/**
 * The compiler knows operations, not models: the name of no model, memory, bias, retention or algorithm of specs/
 * stands in compiler/, in code, comments or file names.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { Diagnostics } from "../compiler/source/diagnostic.ts";
import { parse } from "../grammar/parse.ts";

const root = join(import.meta.dirname, "..");

/** The files of a folder and of those below it, from the root. */
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`);

/** Names that are words of English or of mathematics wherever the compiler uses them, each with what it means there. */
const WORDS: Readonly<Record<string, string>> = {
  dot: "the product of two vectors, a function of an example in an explanation",
  matrix: "a tensor with rows and columns",
  mirror: "the mirror map, in a comment",
  none: "the absence of a thing",
  omega: "the Greek letter",
};

/** `GatedDeltaNet`, `gated_deltanet` and `gated-deltanet` are one name. */
const plain = (name: string): string => name.replace(/[_-]/g, "").toLowerCase();

/** The parts of an identifier: `leakyDecayOf` and `leaky_decay_of` have three. */
const parts = (identifier: string): string[] =>
  identifier
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .split(/[_-]+/)
    .filter((part) => part !== "");

/** Every run of parts side by side, as plain names. */
function runs(identifier: string): Set<string> {
  const all = parts(identifier);
  return new Set(
    all.flatMap((_, from) => all.slice(from).map((_, n) => plain(all.slice(from, from + n + 1).join("")))),
  );
}

interface Use {
  readonly name: string;
  /** `compiler/x.ts:12` */
  readonly place: string;
}

/** Where a text uses one of the names, in any spelling. */
function usesIn(path: string, text: string, names: ReadonlySet<string>): Use[] {
  const used = (line: string, place: string): Use[] =>
    [...line.matchAll(/[\p{L}\p{N}]+(?:[_-]+[\p{L}\p{N}]+)*/gu)].flatMap(([identifier]) =>
      [...runs(identifier)].filter((run) => names.has(run)).map((name) => ({ name, place })),
    );
  return [
    ...used(path.replace(/\.ts$/, ""), path),
    ...text.split("\n").flatMap((line, i) => used(line, `${path}:${i + 1}`)),
  ];
}

const names = new Set(
  filesIn("specs", ".miras").flatMap((path) => {
    const file = { path, text: readFileSync(join(root, path), "utf8") };
    const defined = parse(file, new Diagnostics()).definitions.filter((d) => d.kind !== "fn");
    const own = path.includes("prelude") ? [] : [basename(path, ".miras")];
    return [...own, ...defined.map((d) => d.name.text)].map(plain);
  }),
);

const uses = filesIn("compiler", ".ts").flatMap((path) =>
  usesIn(path, readFileSync(join(root, path), "utf8"), names),
);

it("no name of specs/ stands in compiler/", () => {
  const stray = uses.filter(({ name }) => !(name in WORDS));
  expect(stray.map(({ name, place }) => `${place}: ${name}`)).toEqual([]);
});

it("every word that is allowed is a name of specs/, and is used", () => {
  const idle = Object.keys(WORDS).filter((word) => !names.has(word) || !uses.some((u) => u.name === word));
  expect(idle).toEqual([]);
});

describe("a name is found", () => {
  const found = (text: string): string[] =>
    usesIn("compiler/x.ts", text, new Set(["gateddeltanet", "kl", "rwkv7"])).map((u) => u.place);

  it.each([
    "GatedDeltaNet",
    "gated_deltanet",
    "the gated-deltanet rule",
    "isGatedDeltaNetRule",
    "GATED_DELTANET",
  ])("in `%s`", (text) => expect(found(`\n${text}`)).toEqual(["compiler/x.ts:2"]));
  it.each(["solveKl()", "KL", "`kl`", "RWKV7", "rwkv_7"])("in `%s`", (text) =>
    expect(found(text)).toEqual(["compiler/x.ts:1"]),
  );
  it.each(["weekly", "klondike", "deltanet", "backlog"])("not in `%s`", (text) =>
    expect(found(text)).toEqual([]),
  );
});
