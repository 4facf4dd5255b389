/** Options that commands share, and the values that options take. */
import { InvalidArgumentError, Option } from "commander";

export const FILE = "a .miras file";

export const deviceOption = (): Option =>
  new Option("--device <device>", "where to run (default: an adapter if there is one)").choices([
    "webgpu",
    "interpreter",
  ]);

export const examples = (...lines: readonly string[]): string =>
  `\n${lines.length > 1 ? "Examples" : "Example"}:\n${lines.map((line) => `  ${line}`).join("\n")}`;

export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function numberIn(text: string, test: (x: number) => boolean, wants: string): number {
  const x = text.trim() === "" ? Number.NaN : Number(text);
  if (!test(x)) throw new InvalidArgumentError(`It should be ${wants}.`);
  return x;
}

export const wholeFrom = (least: number) => (text: string) =>
  numberIn(text, (x) => Number.isSafeInteger(x) && x >= least, `a whole number from ${least} on`);

export const numberFrom = (least: number) => (text: string) =>
  numberIn(text, (x) => Number.isFinite(x) && x >= least, `a number from ${least} on`);

export const numberAbove = (bound: number) => (text: string) =>
  numberIn(text, (x) => Number.isFinite(x) && x > bound, `a number above ${bound}`);

/** In (0, 1]. */
export const share = (text: string): number => numberIn(text, (x) => x > 0 && x <= 1, "a number in (0, 1]");

/** In [0, 1). */
export const fraction = (text: string): number =>
  numberIn(text, (x) => x >= 0 && x < 1, "a number in [0, 1)");

export const listOfWhole = (text: string): number[] =>
  [...new Set(text.split(",").map(wholeFrom(1)))].sort((a, b) => a - b);
