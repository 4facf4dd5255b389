/** What `miras fuzz` has found, each as the smallest spec that showed it. */
import { describe, expect, it } from "vitest";
import type { Case } from "../../cli/fuzz/case.ts";
import { apart } from "../../cli/fuzz/compare.ts";
import { whereNotFinite } from "../../cli/fuzz/not-finite.ts";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import { file, miras } from "../cli/support.ts";
import { compileText, modelOf } from "../support/specs.ts";

const codes = (text: string): string[] => compileText(text).diagnostics.all.map((d) => d.code);

async function findings(text: string, runs = 60): Promise<string[]> {
  const { out } = await miras(
    ...["fuzz", file("found.miras", text), "--runs", String(runs), "--seed", "1"],
    ...["--device", "interpreter", "--json"],
  );
  return JSON.parse(out).findings.map((f: { property: string; what: string }) => `${f.property}: ${f.what}`);
}

const penalised = (penalty: string, gates = ""): string => `
memory holds { state W [dv, dk] = learned
  read(x [dk]) = W @ x }
retention keeps${gates === "" ? "" : "(a: real > 0)"} { minimize ${penalty} }
model M { memory holds
  bias dot
  retention keeps
  algorithm gd(0.5)
  ${gates} }`;

describe("mended", () => {
  it.each([
    "max(0.3 * e, -0.7 * e) + max(abs(e) - 0.2, 0)",
    "abs(e) + max(0.3 * e, -0.7 * e)",
    "max(e, -0.5 * e) + max(0.3 * e, -0.7 * e)",
  ])("an implicit step of a loss with two kinks at one place: %s", async (loss) => {
    const text = `bias wants(y, v) { let e = y - v
  loss sum(${loss}) }
model M { memory matrix
  bias wants
  retention none
  algorithm implicit(0.5) }`;
    expect(await findings(text)).toEqual([]);
  });

  it("an implicit step of a loss that is not convex, which may have several minima", () => {
    const step = (loss: string): string => `bias wants(y, v) = sum(${loss})
model M { memory matrix
  bias wants
  retention none
  algorithm implicit(0.5) }`;
    expect(codes(step("min((y - v)^2, 1) + (y - v)^2 / 4"))).toEqual(["not-solved"]);
    expect(codes(step("max((y - v)^2, 1) + (y - v)^2 / 4"))).toEqual([]);
  });

  it("a price of its own for each element of a sum that is held fixed", async () => {
    const text = `memory holds { state W [dv, dk] = zeros
  read(x [dk]) = W @ x }
retention keeps(a: real > 0) { minimize sum((W * log(W / prev) - W + prev) / 0.5) + sum(a * W) over simplex(last) }
model M { memory holds
  bias dot
  retention keeps(g)
  algorithm gd(0.5)
  gate g [dk] > 0 }`;
    expect(await findings(text)).toEqual([]);
  });

  it("a product that is too large before it is multiplied by 0", () => {
    const model = modelOf(`bias wants(y, v) = sum((y - v)^2)^2 / 2
model M { memory matrix
  bias wants
  retention none
  algorithm gd(0.5, window: 2) }`);
    const sizes = { dk: 2, dv: 1 };
    const tokens = new Map([
      ["q", Float64Array.of(1, 0)],
      ["k", Float64Array.of(1, 0)],
      ["v", Float64Array.of(0)],
    ]);
    const zeros = model.rule.states.map((s) => [s.name, new Float64Array(elements(s.shape, sizes))] as const);
    const states = new Map(zeros).set("W", Float64Array.of(1e150, 0));
    const run = { tokens, params: new Map(), states };
    const tried = { extents: { B: 1, T: 1, H: 1, sizes }, run } as unknown as Case;
    expect(whereNotFinite(model, tried)).toBe("overflow");
  });

  it("the inverse of sinh far below zero, where a sum cancelled", () => {
    const { rule } = modelOf(penalised("sum(cosh(W))"));
    const tokens = new Map([
      ["q", Float64Array.of(1)],
      ["k", Float64Array.of(0)],
      ["v", Float64Array.of(0)],
    ]);
    const states = new Map([["W", Float64Array.of(-1e9)]]);
    const extents = { B: 1, T: 1, H: 1, sizes: { dk: 1, dv: 1 } };
    const { y } = interpret(rule, extents, { tokens, parameters: new Map(), states });
    expect(y[0]).toBeCloseTo(-Math.asinh(1e9), 10);
  });

  it("a norm over a box, whose minimum is not the free one cut off", () => {
    expect(codes(penalised("sum(abs(W)^3)^(2 / 3) / 2 over box(-1, 1)"))).toEqual(["not-solved"]);
    expect(codes(penalised("sum(abs(W)^3) over box(-1, 1)"))).toEqual([]);
  });

  it("an entropy that is weighed along its simplex, whose minimum is no softmax", () => {
    const entropy = "sum(a * W * log(W)) over simplex(last)";
    const relative = "sum(W * log(W / prev) - W + prev) + sum(a * W * log(W)) over simplex(last)";
    for (const penalty of [entropy, relative]) {
      expect(codes(penalised(penalty, "gate a [dk] > 0"))).toEqual(["not-solved"]);
      expect(codes(penalised(penalty, "gate a [dv] > 0"))).toEqual([]);
    }
  });

  it("a squared distance relative to the state before, on a simplex: held to what is not negative by sorting", () => {
    expect(codes(penalised("sum((W - prev)^2 / prev) over simplex(last)"))).toEqual(["not-solved"]);
  });

  const windowed = (retention: string, algorithm: string, bias = "l2"): string => `
retention scaled(a: real > 0) { link(A) = A / a }
bias wants(y, v, a: real > 0) = sum((y - v)^2 / a)
model M { memory matrix
  bias ${bias}
  retention ${retention}
  algorithm ${algorithm}
  gate a > 0 }`;

  it("a window over a loss that divides by a gate: its empty slots hold 0, which no gate is", async () => {
    expect(await findings(windowed("none", "gd(0.1, window: 2)", "wants(a)"))).toEqual([]);
  });

  it("a window behind a link that divides by a gate: the same", async () => {
    expect(await findings(windowed("scaled(a)", "gd(0.1, window: 2)"))).toEqual([]);
  });

  it("a window takes each gradient at one memory, what is kept now, and not what was kept then", () => {
    const { rule } = modelOf(`model M { memory matrix
  bias l2
  retention decay(alpha)
  algorithm gd(0.1, window: 2, at: kept)
  gate alpha in (0, 1) }`);
    const one = (x: number, y: number): Float64Array => Float64Array.of(x, y);
    const { states } = interpret(
      rule,
      { B: 1, T: 2, H: 1, sizes: { dk: 1, dv: 1 } },
      {
        tokens: new Map([
          ["q", one(1, 1)],
          ["k", one(1, 1)],
          ["v", one(0, 0)],
          ["alpha", one(1, 0.5)],
        ]),
        parameters: new Map(),
        states: new Map([["W", Float64Array.of(1)]]),
      },
    );
    // After the first token 1 − 0.1; of that half is kept, and both gradients are taken there.
    expect(states.get("W")?.[0]).toBeCloseTo(0.45 - 0.1 * 0.45 - 0.1 * 0.45, 12);
  });

  it("a model so chaotic that rounding leaves no digit of it", () => {
    const extents = [1];
    const compared = [{ what: "W", got: Float64Array.of(3.6e7), want: Float64Array.of(1.9e6), extents }];
    const by = (rounding: number) => apart(compared, 1e-10, () => rounding);
    expect(by(4.9)).toBe(undefined);
    expect(by(1e-3)).toMatchObject({ what: "W", where: [0], bound: 1e-3 });
  });
});
