/** Random specs are specs: each compiles, or is refused for a reason that is foreseen. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { REFUSALS } from "../../cli/fuzz/subject.ts";
import { textOfVariant } from "../../cli/fuzz/variant-text.ts";
import { variants } from "../../cli/fuzz/variants.ts";
import { compileText } from "../support/specs.ts";

it("they compile, and few are refused", () => {
  let refused = 0;
  const texts = fc.sample(variants, { seed: 1, numRuns: 120 }).map(textOfVariant);
  for (const text of texts) {
    const codes = compileText(text)
      .diagnostics.all.filter((d) => d.severity === "error")
      .map((d) => d.code);
    expect(
      codes.filter((code) => !REFUSALS.has(code)),
      text,
    ).toEqual([]);
    if (codes.length > 0) refused++;
  }
  expect(refused).toBeLessThan(40);
  // All of the language, and not one corner of it.
  for (const word of [
    "chunk",
    "window:",
    "steps:",
    "error: p",
    "at: kept",
    "link(A)",
    "prox(A)",
    "minimize",
    "over simplex",
    "past(",
    "state R like",
    "require",
    "[dv]",
    "where(",
  ])
    expect(texts.filter((t) => t.includes(word)).length, word).toBeGreaterThan(0);
});
