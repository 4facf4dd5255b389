/** docs/tasks.md has every task, with its sizes and an example, as they are. `npx vitest run tests/data/docs.test.ts -u` writes them. */
import { join } from "node:path";
import { expect, it } from "vitest";
import type { TaskKind } from "../../runtime/data/kind.ts";
import { taskKinds } from "../../runtime/data/registry.ts";
import { pageText, root, withGenerated } from "../docs/pages.ts";
import { type Sequence, type Sizes, sequencesOf } from "./sources.ts";

/** Sizes in which a sequence fits on a page. */
const EXAMPLES: Readonly<Record<string, Sizes>> = {
  mqar: { V: 1024, T: 64 },
  "mqar-tiny": { T: 24 },
  "mad-in-context-recall": { V: 8, T: 20 },
  "mad-fuzzy-in-context-recall": { T: 28 },
  "mad-noisy-in-context-recall": { V: 24, T: 24, share: 0.5 },
  "mad-selective-copying": { T: 24, n: 5 },
  "mad-compression": { T: 20 },
  "mad-memorization": { V: 64, T: 16 },
  "induction-heads": { validationT: 20 },
  "selective-copying": { T: 24, n: 5 },
  parity: { T: 12, validationT: 20 },
  "s-niah-1": { T: 200 },
};

const PLACES = 24;

function partOf(kind: TaskKind): string {
  const sizes = EXAMPLES[kind.name] ?? {};
  const task = kind.task({ ...sizes, B: 1, validation: 1 }, 0);
  const [sequence] = [...task.validation()].flatMap(sequencesOf);
  const stated = Object.entries(sizes).map(([name, value]) => `${name} = ${value}`);
  const rows = Object.entries(kind.sizes).map(
    ([name, { value, what }]) => `| \`${name}\` | ${value} | ${what} |`,
  );
  return `**\`${kind.name}\`**: ${kind.summary} (${kind.source}).

| size | unless given | what |
| ---- | ------------ | ---- |
${rows.join("\n")}

The first sequence to validate by of seed 0, with ${stated.join(", ")}:

\`\`\`text
${sequence === undefined ? "" : example(sequence, kind)}
\`\`\``;
}

function example({ tokens, targets }: Sequence, { text }: TaskKind): string {
  if (text) {
    const said = targets.map((target) => (target < 0 ? "." : text.decode([target]))).join("");
    return lines(text.decode(tokens).length, 80, (from, to) => [
      `tokens   ${text.decode(tokens).slice(from, to)}`.trimEnd(),
      `targets  ${said.slice(from, to)}`,
    ]);
  }
  const width = Math.max(...tokens.map((token) => `${token}`.length)) + 1;
  const row = (name: string, numbers: readonly number[]): string =>
    `${name.padEnd(7)}${numbers.map((n) => (n < 0 ? "." : `${n}`).padStart(width)).join("")}`;
  return lines(tokens.length, PLACES, (from, to) => [
    row("tokens", tokens.slice(from, to)),
    row("targets", targets.slice(from, to)),
  ]);
}

const lines = (length: number, most: number, of: (from: number, to: number) => readonly string[]): string =>
  Array.from({ length: Math.ceil(length / most) }, (_, n) => of(n * most, (n + 1) * most).join("\n")).join(
    "\n\n",
  );

it("docs/tasks.md is current", async () => {
  const page = taskKinds.reduce(
    (text, kind) => withGenerated(text, kind.name, partOf(kind)),
    pageText("docs/tasks.md"),
  );
  await expect(page).toMatchFileSnapshot(join(root, "docs/tasks.md"));
});
