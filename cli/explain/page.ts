/** What the explanation of a model says, before it is laid out as text, TeX or JSON. */
import type { Spec } from "../../compiler/check/spec.ts";
import type { Obstacle } from "../../compiler/form/planes.ts";
import type { TileForm } from "../../compiler/form/tile-form.ts";
import { tileForm } from "../../compiler/form/tiles.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { textOf } from "../../compiler/source/span.ts";
import { choices, tensors } from "./choices.ts";
import { gradientSections } from "./gradient.ts";
import { links } from "./links.ts";
import { objective } from "./objective.ts";
import { ruleInOnePiece } from "./one-piece.ts";
import { parallelForm } from "./parallel.ts";
import { type Fact, fact, type Section } from "./rows.ts";
import { solved } from "./solved.ts";
import { updateRows, updateTitle } from "./update.ts";
import { Writer } from "./writer.ts";

export interface Page {
  readonly name: string;
  readonly path: string;
  readonly spec: Spec;
  /** How tokens can be computed together, or what is in the way. */
  readonly form: TileForm | Obstacle;
  readonly sections: readonly Section[];
}

export function pageOf(model: Model): Page {
  const { spec } = model;
  const writer = new Writer(model);
  const form = tileForm(model.rule);
  const sections: Section[] = [
    { key: "choices", title: "choices", rows: choices(spec) },
    { key: "tensors", title: "tensors", rows: tensors(spec) },
    { key: "objective", title: "objective", rows: objective(model.rule) },
    ...gradientSections(writer),
    ...solved(model.rule),
    {
      key: "link",
      title: "the link, near zero and far from it",
      rows: spec.states.flatMap((s) => links(s, spec)),
    },
    { key: "update", title: updateTitle(writer), rows: updateRows(writer) },
    { key: "rule", title: "the rule in one piece", rows: ruleInOnePiece(writer) },
    parallelForm(model.rule, form, writer.written()),
    { key: "kinks", title: "where it is not smooth", rows: model.rule.kinks.map((k) => fact("", k)) },
    { key: "expected", title: "expected", rows: model.proofs.map(expected) },
  ];
  const { path } = spec.definition.span.file;
  return { name: spec.name, path, spec, form, sections: sections.filter((s) => s.rows.length > 0) };
}

function expected({ expectation, proof }: Model["proofs"][number]): Fact {
  const text = textOf(expectation.span)
    .replace(/^expect\s+/, "")
    .replace(/\s+/g, " ");
  if (proof.verdict === "symbolic") return fact("", text, "proved symbolically");
  if (proof.verdict === "numeric") {
    const error = proof.largest.toExponential(1);
    return fact("", text, `proved numerically: ${proof.points} random points in f64, largest error ${error}`);
  }
  return fact("", text, "refuted");
}
