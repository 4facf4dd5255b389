/** No text makes the compiler throw or hang; every rejection says why; what is accepted runs. */
import { readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import { compileText, prelude, specFile, specNames } from "../support/specs.ts";

const RUNS = Number(process.env.MIRAS_FUZZ_RUNS ?? 150);
const LONGEST_MS = 1000;

function survive(text: string): void {
  const started = performance.now();
  const { models, ast, diagnostics } = compileText(text);
  const took = performance.now() - started;
  expect(took, `took ${took.toFixed(0)} ms`).toBeLessThan(LONGEST_MS);
  const written = ast.definitions.filter((d) => d.kind === "model").length;
  if (models.length < written) expect(diagnostics.hasErrors, "rejected without a word").toBe(true);
  for (const d of diagnostics.all) expect(d.message).not.toBe("");
  if (diagnostics.hasErrors) return;
  for (const { rule, spec } of models) {
    const sizes = { dk: 2, dv: spec.equalities.pairs.length > 0 ? 2 : 3 };
    const ones = (n: number): Float64Array => new Float64Array(n).fill(0.5);
    interpret(
      rule,
      { B: 1, T: 2, H: 1, sizes },
      {
        tokens: new Map(spec.inputs.map(({ tensor: t }) => [t.name, ones(2 * elements(t.shape, sizes))])),
        parameters: new Map(spec.parameters.map(({ tensor: t }) => [t.name, ones(elements(t.shape, sizes))])),
        states: new Map(rule.states.map((s) => [s.name, ones(elements(s.shape, sizes))])),
      },
    );
  }
}

const texts = [...specNames.map((n) => specFile(n).text), ...prelude.map((f) => f.text)];
const words = [...new Set(texts.join(" ").match(/[\p{L}_][\p{L}\p{N}_]*|\d+|[^\s\p{L}\p{N}]/gu) ?? [])];
const PIECES = /\s+|[\p{L}_][\p{L}\p{N}_]*|\d+(?:\.\d+)?|[^\s]/gu;

const mutated = fc
  .tuple(
    fc.constantFrom(...texts),
    fc.array(
      fc.record({
        way: fc.constantFrom("delete", "double", "swap", "replace"),
        where: fc.double({ min: 0, max: 0.999, noNaN: true }),
        word: fc.constantFrom(...words),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([text, edits]) => {
    const pieces = text.match(PIECES) ?? [];
    for (const { way, where, word } of edits) {
      const i = Math.floor(where * pieces.length);
      const piece = pieces[i] ?? "";
      if (way === "delete") pieces.splice(i, 1);
      else if (way === "double") pieces.splice(i, 0, piece, " ");
      else if (way === "replace") pieces[i] = word;
      else [pieces[i], pieces[i + 1]] = [pieces[i + 1] ?? "", piece];
    }
    return pieces.join("");
  });

describe("the compiler survives", () => {
  test("random text", { timeout: 600_000 }, () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), survive), { numRuns: RUNS });
  });

  test("random words of the language", { timeout: 600_000 }, () => {
    const soup = fc.array(fc.constantFrom(...words), { maxLength: 80 }).map((ws) => ws.join(" "));
    fc.assert(fc.property(soup, survive), { numRuns: RUNS });
  });

  test("mutated specs", { timeout: 600_000 }, () => {
    fc.assert(fc.property(mutated, survive), { numRuns: 2 * RUNS });
  });

  test("short programs that mean a great deal", { timeout: 60_000 }, () => {
    const lines = (n: number, line: (i: number) => string): string =>
      Array.from({ length: n }, (_, i) => line(i)).join("\n");
    const model = (items: string, bias = "l2"): string =>
      `model M {\nmemory matrix\nbias ${bias}\nretention none\nalgorithm gd(beta)\ngate beta in (0, 1)\n${items}\n}\n`;
    const twice = lines(40, (i) => `fn f${i + 1}(x) = f${i}(x) * sin(f${i}(x)) + f${i}(x)`);
    const apart = lines(30, (i) => `fn f${i + 1}(x) = sin(f${i}(x + 1)) * f${i}(cos(x))`);
    const chain = lines(40, (i) => `let a${i + 1} = sin(a${i}) * cos(a${i}) + a${i}`);
    const sums = "(beta + sum(k) + sum(v) + head)^4";
    const products = lines(8, (i) => `@ (I - ${i + 1} * outer(k, k))`).replaceAll("\n", " ");
    for (const text of [
      `fn f0(x) = x\n${twice}\n${model("output = read(q) * f40(beta)")}`,
      `fn f0(x) = x\n${apart}\n${model("output = read(q) * f30(beta)")}`,
      model(`let a0 = beta\n${chain}\nexpect W' = W * a40`),
      model(`expect W' = W * ${Array(6).fill(sums).join(" * ")}`),
      model(`expect W' = W ${products}`),
      `bias deep(y, v) {\nlet a0 = y - v\n${chain}\nloss sum(a40)\ngrad y\n}\n${model("", "deep")}`,
      model("output = read(q) * 1e38 * 1e38 * 1e38").replace("matrix", "mlp(expand: 4096)"),
    ]) {
      survive(text);
    }
  });

  test("its own specs and bad programs", () => {
    for (const text of texts) survive(text);
    expect(readdirSync(new URL("../errors/check", import.meta.url)).length).toBeGreaterThan(25);
  });
});
