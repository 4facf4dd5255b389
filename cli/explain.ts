/** `miras explain`: what a spec means, or what a diagnostic means. */
import { existsSync } from "node:fs";
import { explanations } from "../compiler/messages/index.ts";
import { closest } from "../compiler/source/suggest.ts";
import { modelToExplain } from "./compile.ts";
import { EXIT, UsageError } from "./errors.ts";
import { asJson } from "./explain/json.ts";
import { layOut } from "./explain/layout.ts";
import { pageOf } from "./explain/page.ts";
import { type Stage, stageText } from "./explain/stages.ts";
import { asTex } from "./explain/tex.ts";
import type { Io } from "./io.ts";
import { wrap } from "./words.ts";

export interface ExplainOptions {
  readonly model?: string;
  readonly stage?: Stage;
  readonly tex?: boolean;
  readonly json?: boolean;
}

export function explain(what: string, options: ExplainOptions, io: Io): number {
  if (isCode(what)) {
    explainCode(what, options, io);
    return EXIT.well;
  }
  const { model, isRefuted } = modelToExplain(what, options.model, io);
  if (options.stage) io.out(stageText(model, options.stage));
  else if (options.json) io.out(`${JSON.stringify(asJson(model), undefined, 2)}\n`);
  else if (options.tex) io.out(asTex(pageOf(model)));
  else io.out(layOut(pageOf(model), io.outColors));
  return isRefuted ? EXIT.fails : EXIT.well;
}

/** A file has a dot or a slash in its path, as a rule; a code has neither. */
const isCode = (what: string): boolean => !/[./\\]/.test(what) && !existsSync(what);

function explainCode(code: string, options: ExplainOptions, io: Io): void {
  const codes = [...explanations.keys()];
  const explanation = explanations.get(code);
  if (explanation === undefined) {
    const near = closest(code, codes);
    throw new UsageError(`there is no file and no diagnostic called ${code}`, [
      near ? `did you mean ${near}?` : `the diagnostics: ${codes.join(", ")}`,
    ]);
  }
  if (options.json) io.out(`${JSON.stringify({ code, explanation }, undefined, 2)}\n`);
  else io.out(`${io.outColors.bold(code)}\n\n${wrap(explanation, Math.min(io.columns ?? 88, 88))}\n`);
}
