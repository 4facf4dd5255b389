/** The page for tools: what the text says, with every formula in Unicode and in TeX. */

import type { Step } from "../../compiler/derive/derivation.ts";
import { at } from "../../compiler/math/algebra.ts";
import { axesFor, type Dim } from "../../compiler/math/axis.ts";
import type { Expr, Tensor } from "../../compiler/math/expr.ts";
import { showInterval } from "../../compiler/math/interval.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { textOf } from "../../compiler/source/span.ts";
import { proofJson } from "../check.ts";
import { type Mode, show, showName } from "./notation.ts";
import { type Page, pageOf } from "./page.ts";
import { classOf } from "./parallel.ts";
import { type Equation, rightSide, type Section, type Words } from "./rows.ts";
import { leftTex, rightTex } from "./tex.ts";

const shape = (dims: readonly Dim[]): string[] => dims.map((d) => d.key);

const tensor = (t: Tensor) => ({ name: t.name, shape: shape(t.shape), range: showInterval(t.domain) });

export function asJson(model: Model) {
  const { spec, rule, proofs } = model;
  const page = pageOf(model);
  const formulas = (key: string) =>
    page.sections
      .filter((s: Section) => s.key === key)
      .flatMap((s) => s.rows.filter((r) => r.kind === "equation").map((r) => formula(r, page)));
  const role = (wanted: "input" | "gate") =>
    spec.inputs.filter((i) => i.role === wanted).map((i) => tensor(i.tensor));
  return {
    model: spec.name,
    file: page.path,
    choices: Object.fromEntries(
      spec.choices.map((c) => [
        c.kind,
        {
          name: c.name,
          arguments: c.arguments.map((a) => ({ name: a.name, value: a.shown, origin: a.origin })),
        },
      ]),
    ),
    gradientAt: spec.point,
    chunk: spec.chunk ?? null,
    defaults: spec.defaults,
    inputs: role("input"),
    gates: role("gate"),
    params: spec.parameters.map((p) => tensor(p.tensor)),
    states: rule.states.map((s) => ({
      name: s.name,
      role: s.role,
      shape: shape(s.shape),
      initial: s.initial,
    })),
    equalSizes: spec.equalities.required,
    objective: formulas("objective"),
    alreadySimple: rule.error.raw === rule.error.simple,
    read: formulas("read"),
    gradient: formulas("gradient"),
    solved: rule.derivations.map(({ of, steps }) => ({
      of,
      steps: steps.map((s) => ({ say: s.say, ...derived(s, page) })),
    })),
    update: formulas("update"),
    rule: formulas("rule"),
    parallel: {
      class: classOf(page.form),
      told: page.sections
        .filter((s) => s.key === "parallel")
        .flatMap((s) => s.rows.flatMap((r) => (r.kind === "fact" ? [] : [told(r, page)]))),
    },
    kinks: rule.kinks,
    expectations: proofs.map((p) => ({ text: textOf(p.expectation.span), ...proofJson(p) })),
  };
}

function derived({ left, right, axes }: Step, { spec }: Page) {
  const shape = axes.map((a) => a.dim);
  const text = (e: Expr, mode: Mode): string => show(at(e, axes, axesFor(shape)), shape, spec, mode);
  const sides = [left, right].filter((e) => e !== undefined);
  if (sides.length === 0) return {};
  return {
    equation: sides.map((e) => text(e, "unicode")).join(" = "),
    tex: sides.map((e) => text(e, "tex")).join(" = "),
  };
}

const told = (row: Equation | Words, page: Page) =>
  row.kind === "words" ? { say: row.text } : formula(row, page);

function formula(row: Equation, page: Page) {
  return {
    left: typeof row.left === "string" ? showName(row.left, "unicode") : row.left.unicode,
    right: rightSide(row, page.spec, "unicode"),
    tex: `${leftTex(row)} = ${rightTex(row, page)}`,
    ...(row.note === undefined ? {} : { note: row.note }),
  };
}
