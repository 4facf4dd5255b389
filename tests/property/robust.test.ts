/** No text makes the compiler throw or hang; every rejection says why; what is accepted runs. */
import { readdirSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import { programOf } from "../../compiler/network/build.ts";
import { compileText, prelude, specFile, specNames } from "../support/specs.ts";

const RUNS = Number(process.env.MIRAS_FUZZ_RUNS ?? 150);
/** Far more than any of these takes, on however slow a machine: what takes longer hangs. */
const LONGEST_MS = 30_000;

let longest = 0;
let slowest = "";
let programs = 0;
afterAll(() => {
  console.log(`${programs} programs, each in at most ${longest.toFixed(0)} ms`);
  if (longest > 1000) console.log(`the slowest:\n${slowest}`);
});

async function survive(text: string): Promise<void> {
  programs++;
  // What was built for one program can be collected before the next.
  await setImmediate();
  const started = performance.now();
  const { models, networks, ast, diagnostics } = compileText(text);
  const took = performance.now() - started;
  if (took > longest) [longest, slowest] = [took, text];
  expect(took, `took ${took.toFixed(0)} ms`).toBeLessThan(LONGEST_MS);
  const written = ast.definitions.filter((d) => d.kind === "model").length;
  if (models.length < written) expect(diagnostics.hasErrors, "rejected without a word").toBe(true);
  const meant = ast.definitions.filter((d) => d.kind === "network").length;
  if (networks.length < meant) expect(diagnostics.hasErrors, "rejected without a word").toBe(true);
  for (const d of diagnostics.all) expect(d.message).not.toBe("");
  if (diagnostics.hasErrors) return;
  for (const network of networks) expect(programOf(network).steps.length).toBeGreaterThan(1);
  for (const { rule, spec } of models) {
    const sizes = { dk: 2, dv: spec.equalities.required.length > 0 ? 2 : 3, tokens: 2 };
    const ones = (n: number): Float64Array => new Float64Array(n).fill(0.5);
    interpret(
      rule,
      { B: 1, T: 2, H: 1, sizes },
      {
        tokens: new Map(
          spec.inputs.map(({ tensor: t, each }) => [
            t.name,
            ones(2 * (each === "step" ? spec.steps : 1) * elements(t.shape, sizes)),
          ]),
        ),
        parameters: new Map(spec.parameters.map(({ tensor: t }) => [t.name, ones(elements(t.shape, sizes))])),
        states: new Map(rule.states.map((s) => [s.name, ones(elements(s.shape, sizes))])),
      },
    );
  }
}

/** A network with its own model and one of another file, and every item. */
const NETWORK = `import Titans from "specs/titans.miras"

model Rotary {
  memory     pairs
  bias       l2
  retention  none
  algorithm  nonparametric(dk ^ (-1/2))
  input q, k = project |> conv(3) |> rope
  gate  g in (0, 1) = sigmoid(project)
  output = norm(read(q)) * g * silu(project)
}

network Net {
  vocabulary 16
  width      8
  heads      2
  layers     2
  block      Rotary(window: 4), swiglu(expand: 2), Titans(chunk: 4), feedforward(hidden: 2 * width, act: relu)
  embeddings untied
  norm       none
}
`;

const texts = [...specNames.map((n) => specFile(n).text), ...prelude.map((f) => f.text), NETWORK, NETWORK];
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

/** Random expressions over some names, many of them well-shaped. */
const expressions = (...names: readonly string[]): fc.Arbitrary<string> =>
  fc.letrec<{ e: string }>((tie) => ({
    e: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom(...names, "1", "2", "0.5"),
      fc
        .tuple(fc.constantFrom("+", "-", "*", "/", "@"), tie("e"), tie("e"))
        .map(([op, a, b]) => `(${a} ${op} ${b})`),
      fc.tuple(tie("e"), fc.constantFrom("2", "3", "0.5", "-1")).map(([a, n]) => `(${a})^${n}`),
      fc
        .tuple(
          fc.constantFrom(
            "sum",
            "abs",
            "exp",
            "tanh",
            "sign",
            "maxOver",
            "sqrt",
            "log",
            "transpose",
            "sigmoid",
          ),
          tie("e"),
        )
        .map(([f, a]) => `${f}(${a})`),
      fc
        .tuple(fc.constantFrom("outer", "max", "min"), tie("e"), tie("e"))
        .map(([f, a, b]) => `${f}(${a}, ${b})`),
      fc.tuple(tie("e"), tie("e"), tie("e")).map(([a, b, c]) => `where(${a} < ${b}, ${c}, ${a})`),
      fc
        .constantFrom(...words.filter((w) => /^\p{L}{3,}$/u.test(w)))
        .chain((f) => tie("e").map((a) => `${f}(${a})`)),
    ),
  })).e;

const written = fc
  .record({
    read: fc.oneof(fc.constant("W @ x"), expressions("W", "x", "W @ x")),
    loss: fc.oneof(
      fc.constant("sum((y - v)^2)"),
      expressions("y", "v", "(y - v)").map((e) => `sum(${e})`),
    ),
    keep: fc.oneof(fc.constant("a"), expressions("a", "(1 - a)")),
    link: fc.option(expressions("A", "a", "A")),
    step: fc.oneof(
      fc.constant("r * grad"),
      expressions("r", "grad", "S", "S'").map((e) => `r * ${e}`),
    ),
    output: fc.option(expressions("read(q)", "read(prev, q)", "q", "k", "read(k)", "beta")),
    expectation: fc.option(expressions("W", "outer(v, k)", "grad", "alpha", "beta", "I")),
  })
  .map(
    (p) => `memory own { state W [dv, dk]
  read(x [dk]) = ${p.read} }
bias mine(y, v) { loss ${p.loss} }
retention kept(a: real in [0, 1]) { keep ${p.keep}
${p.link ? `  link(A) = ${p.link}` : ""} }
algorithm steps(r) { state S like W = zeros
  S' = S + grad
  step ${p.step} }
model M { memory own
  bias mine
  retention kept(alpha)
  algorithm steps(beta)
  gate alpha in (0, 1)
  gate beta > 0
${p.output ? `  output = ${p.output}` : ""}
${p.expectation ? `  expect W' = ${p.expectation}` : ""} }
`,
  );

const minimised = fc
  .record({
    penalty: fc.oneof(
      fc.constantFrom("W^2", "abs(W)", "W * log(W)", "(W - prev)^2", "W * log(W / prev)", "abs(W)^3", "W^4"),
      expressions("W", "prev", "a"),
    ),
    more: fc.option(fc.oneof(fc.constantFrom("abs(W)", "W^2"), expressions("W", "prev", "a"))),
    over: fc.option(
      fc.constantFrom(
        "simplex(last)",
        "simplex(dk, 2)",
        "box(0, 1)",
        "box(-1, a)",
        "positive",
        "simplex(x)",
        "W",
      ),
    ),
    keep: fc.option(expressions("a", "1")),
    start: fc.constantFrom("zeros", "learned"),
    objective: fc.oneof(
      fc.constantFrom(
        "sum((W - kept)^2) / 2 + loss",
        "past(loss) + sum(W^2)",
        "past(r * loss) + r * sum(W^2) / 2",
      ),
      expressions("W", "kept", "loss", "past(loss)", "r"),
    ),
    learns: fc.constantFrom("minimises", "steps", "pairs"),
    loss: fc.oneof(
      fc.constantFrom("(y - v)^2 / 2", "abs(y - v)", "max(y - v, 0.5 * (v - y))"),
      expressions("y", "v", "(y - v)"),
    ),
    weight: fc.oneof(fc.constant("exp(dot(x, k))"), expressions("x", "k", "dot(x, k)", "r")),
    modifiers: fc.constantFrom("", ", at: kept", ", window: 3", ", steps: n", ", error: q"),
  })
  .map(
    (p) => `memory own { state W [dv, dk] = ${p.start}
  read(x [dk]) = W @ x }
memory window(n: size) { window n }
bias mine(y, v) { loss sum(${p.loss}) }
retention penalised(a: real in (0, 1)) {
${p.keep ? `  keep ${p.keep}` : ""}
  minimize sum(${p.penalty})${p.more ? ` + a * sum(${p.more})` : ""}${p.over ? ` over ${p.over}` : ""} }
algorithm minimises(r) { minimize ${p.objective} }
algorithm reads(r) { minimize past(${p.weight} * loss) over y }
algorithm steps(r) { step r * grad }
model M {
  memory ${p.learns === "pairs" ? "window(3)" : "own"}
  bias mine
  retention ${p.learns === "steps" ? "penalised(alpha)" : "none"}
  algorithm ${p.learns === "steps" ? `steps(beta${p.modifiers})` : p.learns === "pairs" ? "reads(beta)" : "minimises(beta)"}
  const n = 2
${p.modifiers === ", steps: n" ? "  input k [n, dk] = project" : ""}
  gate alpha in (0, 1)
  gate beta > 0 }
`,
  );

describe("the compiler survives", () => {
  test("random penalties, objectives and modifiers", { timeout: 600_000 }, async () => {
    await fc.assert(fc.asyncProperty(minimised, survive), { numRuns: 2 * RUNS });
  });

  test("random text", { timeout: 600_000 }, async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: "binary", maxLength: 300 }), survive), {
      numRuns: RUNS,
    });
  });

  test("random words of the language", { timeout: 600_000 }, async () => {
    const soup = fc.array(fc.constantFrom(...words), { maxLength: 80 }).map((ws) => ws.join(" "));
    await fc.assert(fc.asyncProperty(soup, survive), { numRuns: RUNS });
  });

  test("mutated specs", { timeout: 600_000 }, async () => {
    await fc.assert(fc.asyncProperty(mutated, survive), { numRuns: 2 * RUNS });
  });

  test("definitions with random expressions", { timeout: 600_000 }, async () => {
    await fc.assert(fc.asyncProperty(written, survive), { numRuns: 2 * RUNS });
  });

  test("short programs that mean a great deal", { timeout: 60_000 }, async () => {
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
      await survive(text);
    }
  });

  test("its own specs and bad programs", async () => {
    for (const text of texts) await survive(text);
    expect(readdirSync(new URL("../errors/check", import.meta.url)).length).toBeGreaterThan(25);
  });
});
