/** Every command of `miras` in the pages is one that the command line takes. The commands themselves do nothing here. */
import { expect, it, vi } from "vitest";
import { miras } from "../cli/support.ts";
import { blocksOf, pages } from "./pages.ts";

const well = vi.hoisted(() => () => 0);
vi.mock("../../cli/apply.ts", () => ({ apply: well }));
vi.mock("../../cli/build.ts", () => ({ build: well }));
vi.mock("../../cli/check.ts", () => ({ check: well }));
vi.mock("../../cli/explain.ts", () => ({ explain: well }));
vi.mock("../../cli/fmt.ts", () => ({ fmt: well }));
vi.mock("../../cli/fuzz.ts", () => ({ fuzz: well }));
vi.mock("../../cli/generate.ts", () => ({ generate: well }));
vi.mock("../../cli/init.ts", () => ({ init: well }));
vi.mock("../../cli/recall.ts", () => ({ recall: well }));
vi.mock("../../cli/train.ts", () => ({ train: well }));

const commands = [...pages, "docs/errors.md"]
  .flatMap((page) => blocksOf(page))
  .filter((b) => b.language === "sh" || b.language === "console")
  .flatMap(({ page, text }) =>
    text
      .split("\n")
      .map((line) => /^(?:\$ )?(?:npx )?miras (.*?)(?:\s+#.*)?$/.exec(line)?.[1])
      .flatMap((words) => (words === undefined ? [] : [{ page, words }])),
  );

it("there are some", () => expect(commands.length).toBeGreaterThan(5));

it.each(commands)("$page: miras $words", async ({ words }) => {
  expect(await miras(...words.split(/\s+/))).toMatchObject({ code: 0, err: "" });
});

it.each(["chekc specs/gla.miras", "explain --fast specs/gla.miras", "recall"])(
  "miras %s is not one",
  async (words) => {
    expect((await miras(...words.split(" "))).code).toBe(2);
  },
);
