/** Every diagnostic is taught by a program that has it and one that does not; `-u` writes docs/errors.md. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { heading, type Lesson, lessonOf } from "../../cli/explain/code.ts";
import { explanations } from "../../compiler/messages/index.ts";
import { miras } from "../cli/support.ts";
import { compileText } from "../support/specs.ts";

const docs = join(import.meta.dirname, "../../docs");
const codes = [...explanations.keys()];

describe.each(codes)("%s", (code) => {
  it("has a wrong program, which gives it first, and a right one, which is clean", () => {
    const { told, wrong, right } = lessonOf(code);
    expect(told[0]?.code).toBe(code);
    expect(compileText(right.text).diagnostics.all).toEqual([]);
    for (const { text } of [wrong, right]) {
      expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(15);
    }
  });
});

it("no program is left over", () => {
  const wanted = codes.flatMap((code) => [`${code}.right.miras`, `${code}.wrong.miras`]);
  expect(readdirSync(join(docs, "errors")).sort()).toEqual(wanted.sort());
});

it("`explain` shows the programs and what the compiler says", async () => {
  const { code, out } = await miras("explain", "broadcast-union");
  expect(code).toBe(0);
  expect(out).toMatch(/^broadcast-union\n\nElementwise/);
  expect(out).toMatch(/\nwrong\n\n {2}model .*\nerror\[broadcast-union\]: .*\nright\n\n {2}model /s);
  const json = JSON.parse((await miras("explain", "broadcast-union", "--json")).out);
  expect(json).toMatchObject({
    code: "broadcast-union",
    wrong: { times: 1, diagnostics: [{ code: "broadcast-union", line: 9 }] },
    right: { text: expect.stringContaining("outer(v, k)") },
  });
});

it("an unknown code gives the nearest one and the list", async () => {
  const { code, err } = await miras("explain", "shape-mismach");
  expect(code).toBe(2);
  expect(err).toContain("did you mean shape-mismatch?");
  for (const each of codes) expect(err).toContain(each);
});

const section = (lesson: Lesson): string => `## ${lesson.code}

${lesson.explanation}

${heading(lesson).replace(/^w/, "W")}:

\`\`\`miras
${lesson.wrong.text.trimEnd()}
\`\`\`

Right:

\`\`\`miras
${lesson.right.text.trimEnd()}
\`\`\`
`;

it("docs/errors.md is current", async () => {
  const page = `# Diagnostics

What each diagnostic of \`miras check\` means, with a program that has it and one that does not.
\`miras explain CODE\` shows the same, and what the compiler says of the wrong program.

${codes.map((code) => `- [${code}](#${code})`).join("\n")}

${codes.map((code) => section(lessonOf(code))).join("\n")}`;
  await expect(page).toMatchFileSnapshot(join(docs, "errors.md"));
});
