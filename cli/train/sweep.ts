/** `--sweep lr=…`: the same run at several learning rates, side by side. */
import { join } from "node:path";
import type { SourceFile } from "../../compiler/source/span.ts";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { Context } from "./context.ts";
import { asObject, causeOf } from "./report.ts";
import { nextFree, RunFolder } from "./run-folder.ts";
import type { Ended } from "./session.ts";
import type { Settings } from "./settings.ts";
import { defaultPath, startRun } from "./start.ts";
import { figure, share } from "./words.ts";

export interface Swept {
  readonly learningRate: number;
  readonly ended: Ended;
}

/**
 * Trains at each rate, from the same weights and on the same batches, until the signal comes. Each run has a folder of
 * its own, in that of the sweep; `ended` is told of it.
 */
export async function sweepRuns(
  rates: readonly number[],
  file: SourceFile,
  settings: Settings,
  context: Context,
  ended: (swept: Swept) => void,
): Promise<void> {
  const { options, io, signal } = context;
  let base = options.out;
  for (const [i, lr] of rates.entries()) {
    if (signal.aborted) break;
    io.err(`learning rate ${lr}, ${i + 1} of ${rates.length}\n`);
    const run = await startRun(file, { ...settings, lr }, context, async (config, contents) => {
      base ??= await nextFree(defaultPath(config));
      return RunFolder.create(join(base, `lr-${lr}`), contents);
    });
    ended({ learningRate: lr, ended: run.ended });
  }
}

/** The rates of `lr=1e-3,3e-3,1e-2`, in order. */
export function ratesOf(sweep: string): number[] {
  const [, list] = /^lr=(.+)$/.exec(sweep) ?? [];
  const rates = [...new Set((list ?? "").split(",").map(Number))].sort((a, b) => a - b);
  if (list === undefined || !rates.every((rate) => Number.isFinite(rate) && rate > 0))
    throw new UsageError(`--sweep ${sweep} should list learning rates, such as --sweep lr=1e-3,3e-3,1e-2`);
  return rates;
}

/** The one with the least validation loss. */
export function bestOf(swept: readonly Swept[]): Swept | undefined {
  const loss = ({ ended }: Swept): number => ended.outcome.best?.loss ?? Number.POSITIVE_INFINITY;
  const whole = swept.filter((each) => each.ended.outcome.kind !== "broken" && Number.isFinite(loss(each)));
  return whole.sort((a, b) => loss(a) - loss(b))[0];
}

export function sweepText(swept: readonly Swept[], io: Io): string {
  const c = io.outColors;
  const best = bestOf(swept);
  const rows = swept.map(({ learningRate, ended: { outcome } }) => {
    if (outcome.kind === "broken")
      return { cells: [String(learningRate)], note: `broke down at ${causeOf(outcome.breakdown)}` };
    const at = outcome.best;
    return {
      cells: [
        String(learningRate),
        at ? figure(at.loss) : "–",
        at ? share(at.accuracy) : "–",
        at ? String(at.step) : "–",
      ],
      note: `${learningRate === best?.learningRate ? c.green("best") : ""}${outcome.kind === "interrupted" ? "interrupted" : ""}`,
    };
  });
  const head = ["learning rate", "validation loss", "accuracy", "after step"];
  const line = (cells: readonly string[], note = ""): string =>
    `  ${cells.map((cell, i) => cell.padStart(head[i]?.length ?? 0)).join("  ")}  ${note}`.trimEnd();
  const edge = swept.length > 1 && best ? edgeNote(swept, best) : undefined;
  return `${[
    c.dim(line(head)),
    ...rows.map(({ cells, note }) => line(cells, note)),
    ...(edge === undefined ? [] : ["", edge]),
  ].join("\n")}\n`;
}

/** A best rate at the end of what was tried says little. */
function edgeNote(swept: readonly Swept[], best: Swept): string | undefined {
  if (best === swept.at(-1)) return "the best rate is the largest one tried: larger ones may be better";
  if (best === swept[0]) return "the best rate is the smallest one tried: smaller ones may be better";
  return undefined;
}

export const sweepObject = (swept: readonly Swept[]) => ({
  sweep: "lr",
  best: bestOf(swept)?.learningRate ?? null,
  runs: swept.map(({ learningRate, ended }) => ({ learningRate, ...asObject(ended) })),
});
