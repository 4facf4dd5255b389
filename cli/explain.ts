/** `miras explain`: what a spec or a network means, or what a diagnostic means. */
import { existsSync } from "node:fs";
import { modelToExplain, networksToExplain } from "./compile.ts";
import { EXIT } from "./errors.ts";
import { codeJson, codeText, lessonOf } from "./explain/code.ts";
import { asJson } from "./explain/json.ts";
import { layOut } from "./explain/layout.ts";
import { networkJson, networkText } from "./explain/network.ts";
import { pageOf } from "./explain/page.ts";
import { type Stage, stageText } from "./explain/stages.ts";
import { asTex } from "./explain/tex.ts";
import type { Io } from "./io.ts";

export interface ExplainOptions {
  readonly model?: string;
  readonly stage?: Stage | "ts";
  readonly tex?: boolean;
  readonly json?: boolean;
}

export async function explain(what: string, options: ExplainOptions, io: Io): Promise<number> {
  if (isCode(what)) {
    const lesson = lessonOf(what);
    io.out(options.json ? `${JSON.stringify(codeJson(lesson), undefined, 2)}\n` : codeText(lesson, io));
    return EXIT.well;
  }
  const isOfNetworks = (!options.stage || options.stage === "ts") && !options.tex;
  const networks = isOfNetworks ? networksToExplain(what, options.model, io) : [];
  const [first, ...others] = networks;
  if (first && options.stage === "ts") {
    io.out((await import("./build/shown.ts")).shownNetworks([first, ...others]));
    return EXIT.well;
  }
  if (first) {
    io.out(
      options.json
        ? `${JSON.stringify(networks.map(networkJson), undefined, 2)}\n`
        : networks.map((n) => networkText(n, io.outColors)).join("\n"),
    );
    return EXIT.well;
  }
  const { model, isRefuted } = modelToExplain(what, options.model, io);
  // Loaded when it is asked for: writing TypeScript takes a while to load.
  if (options.stage === "ts") io.out((await import("./build/shown.ts")).shownModule(model));
  else if (options.stage) io.out(stageText(model, options.stage));
  else if (options.json) io.out(`${JSON.stringify(asJson(model), undefined, 2)}\n`);
  else if (options.tex) io.out(asTex(pageOf(model)));
  else io.out(layOut(pageOf(model), io.outColors));
  return isRefuted ? EXIT.fails : EXIT.well;
}

/** A file has a dot or a slash in its path, as a rule; a code has neither. */
const isCode = (what: string): boolean => !/[./\\]/.test(what) && !existsSync(what);
