/** From a file on disk to its models, with everything that is wrong told in one way. */
import { axesFor } from "../compiler/math/axis.ts";
import { printExpr } from "../compiler/math/print.ts";
import { unicode } from "../compiler/math/style.ts";
import { messages } from "../compiler/messages/index.ts";
import { type Compilation, compile, type Model } from "../compiler/pipeline.ts";
import type { Overrides } from "../compiler/check/model.ts";
import type { Diagnostic } from "../compiler/source/diagnostic.ts";
import { renderDiagnostics } from "../compiler/source/render.ts";
import { closest } from "../compiler/source/suggest.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { SpecError, UsageError } from "./errors.ts";
import { readSource } from "./files.ts";
import type { Io } from "./io.ts";
import { prelude } from "./prelude.ts";

export interface Compiled extends Compilation {
  readonly file: SourceFile;
}

export function compileFile(path: string, overrides?: Overrides): Compiled {
  const file = readSource(path);
  const compilation = compile(file, prelude(), overrides);
  for (const model of compilation.models) {
    for (const { expectation, proof } of model.proofs) {
      if (proof.verdict !== "refuted") continue;
      const reported = compilation.diagnostics.all.some(
        (d) => d.code === "expect-fails" && d.labels[0].span === expectation.span,
      );
      if (!reported) compilation.diagnostics.report(refutation(model, expectation, proof));
    }
  }
  return { ...compilation, file };
}

type ProofOf = Model["proofs"][number];
type Refuted = Extract<ProofOf["proof"], { verdict: "refuted" }>;

/** A difference longer than this is a wall of text, and its beginning says as much. */
const LONGEST = 160;

function refutation({ spec }: Model, { target, span }: ProofOf["expectation"], proof: Refuted): Diagnostic {
  const { index, derived, expected } = proof.witness;
  const name = target.name.replace(/'$/, "");
  const shown = printExpr(proof.difference, axesFor(target.shape), { style: unicode, labels: spec.labels });
  const place = index.length > 0 ? `${target.name}[${index.join(", ")}]` : target.name;
  const number = (x: number): string => String(Number(x.toPrecision(6)));
  return {
    severity: "error",
    code: "expect-fails",
    message: messages["expect-fails"].text({ target: name }),
    labels: [{ span, text: "this is not what the model does" }],
    notes: [
      `derived − expected = ${shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown}`,
      `at a random point ${place} is ${number(derived)}, and this rule gives ${number(expected)}`,
      `\`miras explain ${span.file.path}\` prints the derived rule`,
    ],
  };
}

/** The file's models; where it is in error, says so on stderr and gives up. */
export function modelsOf(path: string, io: Io, overrides?: Overrides): readonly Model[] {
  const { models, diagnostics } = compileFile(path, overrides);
  if (diagnostics.all.length > 0) {
    io.err(`${renderDiagnostics(diagnostics.all, { color: io.errColors.isColorSupported })}\n`);
  }
  if (diagnostics.hasErrors) throw new SpecError(`${path} is in error`);
  return models;
}

/** The one model of a file that is meant; where it is in error, says so on stderr and gives up. */
export function modelOf(path: string, name: string | undefined, io: Io, overrides?: Overrides): Model {
  return chosen(modelsOf(path, io, overrides), path, name);
}

/** The model of that name; without a name, the only one there is. */
export function chosen(models: readonly Model[], path: string, name: string | undefined): Model {
  const names = models.map((m) => m.spec.name);
  if (name !== undefined) {
    const found = models.find((m) => m.spec.name === name);
    if (found) return found;
    const near = closest(name, names);
    throw new UsageError(`${path} has no model ${name}`, [
      near ? `did you mean ${near}?` : `its models: ${names.join(", ") || "none"}`,
    ]);
  }
  const [only, ...others] = models;
  if (!only) throw new UsageError(messages["no-model"].text({ path }), ["only a model can be explained or run"]);
  if (others.length > 0) {
    throw new UsageError(`${path} has ${names.length} models: ${names.join(", ")}`, ["choose one: --model NAME"]);
  }
  return only;
}
