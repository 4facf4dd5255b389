/** Blocks of a page that show a terminal: each command is run again, on the files that the page gives. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeSafetensors } from "../../runtime/safetensors.ts";
import { miras, tensor } from "../cli/support.ts";
import { blocksOf, root } from "./pages.ts";

/** `file=mine.miras` among the marks of a block. */
const fileOf = (marks: readonly string[]): string | undefined =>
  marks.find((m) => m.startsWith("file="))?.slice("file=".length);

/** `in.safetensors`: one sequence of 8 tokens, one head, keys and values of 4. */
function inputs(): Uint8Array {
  const shape = [1, 8, 1];
  const gate = (value: number) => tensor(shape, () => value);
  return writeSafetensors([
    ["q", tensor([...shape, 4])],
    ["k", tensor([...shape, 4])],
    ["v", tensor([...shape, 4])],
    ["alpha", gate(0.9)],
    ["eta", gate(0.5)],
  ]);
}

/** The page with what its commands print today. A file that it gives twice is the later one from there on. */
export async function rerun(page: string, text: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "miras-docs-"));
  const before = process.cwd();
  symlinkSync(join(root, "specs"), join(folder, "specs"));
  writeFileSync(join(folder, "in.safetensors"), inputs());
  process.chdir(folder);
  try {
    let made = text;
    for (const { language, marks, text: body } of blocksOf(page, text)) {
      const file = fileOf(marks);
      if (file !== undefined) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), body);
      }
      if (language !== "console") continue;
      const [old, now] = [block(body), block(await printed(body))];
      made = made.replace(old, () => now);
    }
    return made;
  } finally {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  }
}

const block = (body: string): string => `\`\`\`console\n${body}\`\`\``;

/** Each `$ npx miras …` of a block, followed by what it prints. */
async function printed(body: string): Promise<string> {
  const parts: string[] = [];
  for (const line of body.split("\n").filter((l) => l.startsWith("$ "))) {
    const [command, ...argv] = line.slice("$ npx ".length).split(" ");
    if (command !== "miras") throw new Error(`no command of miras: ${line}`);
    const { out, err } = await miras(...argv);
    const told = [out, err].map((t) => t.trimEnd()).filter((t) => t !== "");
    parts.push([line, ...told].join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}
