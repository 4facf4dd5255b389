/** `miras explain`: the page, what it derives, and the codes of diagnostics. */

import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { gradientChain, readChain, type Step, shorten } from "../../cli/explain/chain.ts";
import { layOut } from "../../cli/explain/layout.ts";
import { Names } from "../../cli/explain/names.ts";
import { pageOf } from "../../cli/explain/page.ts";
import { elements } from "../../compiler/derive/interpret.ts";
import { sample, uniform } from "../../compiler/derive/sample.ts";
import { substitute } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { leaf, type Tensor, tensorsOf } from "../../compiler/math/expr.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { errorRatio } from "../support/compare.ts";
import { compileText, modelOf, specModel } from "../support/specs.ts";
import { file, miras } from "./support.ts";

const OWN = `bias logcosh(y, v) = sum(log(cosh(y - v)))

model LogCosh {
  memory     matrix
  bias       logcosh
  retention  decay(alpha)
  algorithm  gd(beta)
  gate alpha in (0, 1)
  gate beta in (0, 1)
  expect W' = alpha * W - beta * outer(tanh(W @ k - v), k)
}
`;

/** Models that are unlike those of specs/, so that the page is not made for these alone. */
const OTHERS = `memory deep {
  require dv = dk
  state W1 [dv, 2 * dk] = learned
  state W2 [2 * dk, 3 * dk] = learned
  state W3 [3 * dk, dk] = learned
  read(x [dk]) = rmsnorm(W1 @ silu(W2 @ max(W3 @ x, 0)))
}

memory gated {
  require dv = dk
  state U [2 * dk, dk] = learned
  state V [2 * dk, dk] = learned
  state D [dv, 2 * dk] = learned
  read(x [dk]) = x + D @ (silu(U @ x) * (V @ x))
}

retention soft(alpha: real in [0, 1]) {
  keep alpha
  link(A) = softmax(A, dk)
}

model Deep {
  memory deep
  bias lp(p: 3)
  retention decay(alpha)
  algorithm gd(beta, at: kept)
  gate alpha in (0, 1)
  gate beta in (0, 1)
}

model SwiGlu {
  memory gated
  bias huber(delta: 0.5)
  retention none
  algorithm momentum(eta: 0.9, theta: beta)
  gate beta in (0, 1)
}

model Memora {
  memory mlp
  bias l2
  retention soft(alpha)
  algorithm gd(beta)
  gate alpha in (0, 1)
  gate beta in (0, 1)
}

model Simplex {
  memory matrix
  bias lp(p: 3)
  retention soft(alpha)
  algorithm gd(beta, at: kept)
  gate alpha in (0, 1)
  gate beta in (0, 1)
}

model Kda {
  memory matrix
  bias l2
  retention decay(alpha)
  algorithm gd(beta, at: kept)
  gate alpha [dk] in (0, 1)
  gate beta in (0, 1)
}
`;

function others(): readonly Model[] {
  const { models, diagnostics } = compileText(OTHERS);
  expect(diagnostics.all.map((d) => d.message)).toEqual([]);
  return models;
}

const plain = pc.createColors(false);
const pageText = (model: Model): string => layOut(pageOf(model), plain);
const widest = (text: string): number => Math.max(...text.split("\n").map((line) => [...line].length));

describe("the page", () => {
  it("shows the rule as the paper has it", async () => {
    const { code, out } = await miras("explain", "specs/gated_deltanet.miras");
    expect(code).toBe(0);
    expect(out).toContain("W' = α W (I − β k kᵀ) + β v kᵀ");
    expect(out).toMatch(/expected\n.*proved symbolically/);
    expect(out).toContain("dℓ/dy   = y − v   already simple");
  });

  it("tells prev from kept", () => {
    const prev = specModel("gated_deltanet").spec.definition.span.file.text.replace(", at: kept", "");
    const [model] = compileText(prev.replace(/expect.*/, "")).models;
    expect(pageText(model as Model)).toContain("W' = W (α I − β k kᵀ) + β v kᵀ");
  });

  it("marks defaults", async () => {
    const { out } = await miras("explain", "specs/titans.miras");
    expect(out).toContain("mlp(expand: 4 (default), act: gelu (default))");
    expect(out).toContain("at: prev (default)");
  });

  it("differentiates a loss of one's own", async () => {
    const path = file("logcosh.miras", OWN);
    const { code, out } = await miras("explain", path);
    expect(code).toBe(0);
    expect(out).toMatch(
      /dℓ\/dy {3}= .*cosh\(y − v\) {3}as differentiated\n +=\s+tanh\(y − v\) {3}simplified/,
    );
    expect(out).toContain("W' = α W − β tanh(W k − v) kᵀ");
    expect((await miras("check", path)).out).toContain("W' proved symbolically");
  });

  it("says how the tokens of a tile are computed together", async () => {
    const { out } = await miras("explain", "specs/deltanet.miras", "--json");
    const { parallel } = JSON.parse(out);
    expect(parallel.class).toBe("triangular");
    expect(parallel.told).toContainEqual({
      left: "Wₜ",
      right: ["W₀ − Σ[s ≤ t](βₛ uₛ kₛᵀ)"],
      tex: "W_{t} = {W}^{(0)} - \\sum_{s \\le t}\\left(\\beta_{s}\\, u_{s}\\, k_{s}^{\\top}\\right)",
    });
  });

  it("says what keeps a model from that, and what would not", () => {
    const text = pageText(others().find((m) => m.spec.name === "Simplex") as Model);
    expect(text).toContain("parallel form: sequential");
    expect(text).toContain("reads every element of A");
    expect(text).toContain("W = softmax(A");
    expect(text).toContain("With a `chunk`");
  });

  it("fits a terminal, for the models of specs/ and for others", () => {
    const all = [...["titans", "yaad", "gla", "deltanet"].map(specModel), ...others()];
    for (const model of all) expect(widest(pageText(model)), model.spec.name).toBeLessThanOrEqual(100);
  });

  it("writes W for what a link makes of the accumulator", () => {
    const text = pageText(others().find((m) => m.spec.name === "Simplex") as Model);
    expect(text).toContain("kept   = α A");
    expect(text).toContain("A'     = kept − step");
    expect(text).toMatch(/W' {5}= softmax/);
  });

  it("says the same as TeX and as JSON", async () => {
    const tex = (await miras("explain", "specs/gated_deltanet.miras", "--tex")).out;
    expect(tex).toMatch(/^% GatedDeltaNet.*\n\\begin\{align\*\}\n/);
    expect(tex).toContain(
      "W' &= \\alpha\\, W\\, \\left(I - \\beta\\, k\\, k^{\\top}\\right) + \\beta\\, v\\, k^{\\top}",
    );
    const page = JSON.parse((await miras("explain", "specs/gated_deltanet.miras", "--json")).out);
    expect(page).toMatchObject({
      model: "GatedDeltaNet",
      gradientAt: "kept",
      chunk: null,
      choices: {
        retention: { name: "decay", arguments: [{ name: "alpha", value: "alpha", origin: "given" }] },
      },
      states: [{ name: "W", role: "memory", shape: ["dv", "dk"], initial: "zeros" }],
      alreadySimple: true,
      expectations: [{ verdict: "symbolic" }],
    });
    expect(page.rule.at(-1)).toMatchObject({
      left: "W'",
      right: ["α W (I − β k kᵀ) + β v kᵀ"],
      note: "as a map of the state",
    });
  });

  it("has stages", async () => {
    expect((await miras("explain", "specs/gla.miras", "--stage", "ast")).out).toContain("model GLA {");
    expect((await miras("explain", "specs/gla.miras", "--stage", "spec")).out).toContain(
      "W  [dv, dk]  zeros",
    );
    expect((await miras("explain", "specs/gla.miras", "--stage", "rule")).out).toContain(
      "W'  = W Diag(α) + v kᵀ",
    );
    expect((await miras("explain", "specs/variants/robust_matrix.miras", "--stage", "kernel")).out).toContain(
      "in registers: 512 numbers a lane",
    );
    expect((await miras("explain", "specs/gla.miras", "--stage", "soup")).code).toBe(2);
  });
});

/** Every tensor that is read and not defined gets random numbers; then the steps are computed in order. */
function compute(steps: readonly Step[], dk: number): Map<string, Float64Array> {
  const sizes = { dk, dv: dk };
  const random = uniform(7);
  const values = new Map<Tensor, Float64Array>();
  const named = new Map<string, Float64Array>();
  const byName = new Map<string, Tensor>();
  for (const { tensor, expr } of steps) {
    for (const t of tensorsOf(expr)) {
      const known = byName.get(t.name) ?? t;
      byName.set(t.name, known);
      const data =
        named.get(t.name) ??
        Float64Array.from({ length: elements(t.shape, sizes) }, () => sample(t.domain, random));
      named.set(t.name, data);
      values.set(t, data);
    }
    const [made] = evaluator([{ expr, axes: axesFor(tensor.shape) }], sizes)(values) as [Float64Array];
    named.set(tensor.name, made);
    byName.set(tensor.name, tensor);
    values.set(tensor, made);
  }
  return named;
}

describe("the steps", () => {
  const models = (): readonly Model[] => [specModel("titans"), specModel("yaad"), ...others()];

  it("compute the gradient that the rule has", () => {
    for (const { spec, rule } of models()) {
      const names = new Names(spec);
      const k = spec.inputs.find((i) => i.tensor.name === "k")?.tensor as Tensor;
      const chain = readChain(spec, { x: k, state: (s) => s }, names);
      const y: Step = { tensor: { ...spec.bias.y, shape: spec.read.shape }, expr: chain.y, call: undefined };
      const steps = shorten([...chain.steps, y, ...gradientChain(rule, chain)], spec, {
        length: () => 50,
        short: 8,
        long: 84,
        name: (value, shape) => names.part(value, shape),
      });
      const got = compute(steps, 3);
      for (const { state, shown } of rule.gradients) {
        const whole = substitute(shown, (t, index) =>
          t.name === spec.bias.y.name ? leaf(y.tensor, index) : undefined,
        );
        const all = tensorsOf(whole);
        const values = new Map([...all].map((t) => [t, got.get(t.name) as Float64Array]));
        const [want] = evaluator([{ expr: whole, axes: axesFor(state.shape) }], { dk: 3, dv: 3 })(values) as [
          Float64Array,
        ];
        expect(
          errorRatio(got.get(`grad.${state.name}`) ?? [], want),
          `${spec.name} ${state.name}`,
        ).toBeLessThan(1e-10);
      }
    }
  });
});

describe("the codes of diagnostics", () => {
  it("are explained", async () => {
    const { code, out } = await miras("explain", "shape-mismatch");
    expect(code).toBe(0);
    expect(out).toContain("Shapes are lists of named dimensions.");
    expect(widest(out)).toBeLessThanOrEqual(88);
  });

  it("are suggested", async () => {
    const { code, err } = await miras("explain", "shape-mismach");
    expect(code).toBe(2);
    expect(err).toContain("did you mean shape-mismatch?");
  });
});

it("refuses a spec in error, and takes the first model unless another is meant", async () => {
  const broken = await miras("explain", file("broken.miras", "model A { memory matrx }\n"));
  expect(broken).toMatchObject({ code: 1, out: "", err: expect.stringContaining("error[") });
  const two = await miras("explain", file("two.miras", OTHERS));
  expect(two).toMatchObject({ code: 0, err: "" });
  expect((await miras("explain", file("two.miras", OTHERS), "--model", "Kda")).code).toBe(0);
  expect((await miras("explain", file("none.miras", "fn f(x) = x\n"))).err).toContain("defines no model");
});

it("explains a model whose expected rule is wrong, and fails", async () => {
  const wrong = file("wrong.miras", OWN.replace("W - beta", "W + beta"));
  const { code, out, err } = await miras("explain", wrong);
  expect(code).toBe(1);
  expect(err).toContain("error[expect-fails]");
  expect(out).toMatch(/expected\n.* refuted\n/);
});

it("explains the smallest of models", () => {
  expect(pageText(modelOf(OWN))).toContain("LogCosh");
});
