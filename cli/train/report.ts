/** How a run ended, for people and as JSON. */
import type { Breakdown, Cause, SickTensor, StepRecord } from "../../runtime/training/divergence.ts";
import type { Colors, Io } from "../io.ts";
import type { Ended } from "./session.ts";
import { duration, figure, rate, share } from "./words.ts";

export const resumeCommand = (path: string): string => `miras train --resume ${path}`;

export interface Told {
  readonly network: string;
  readonly task: string;
  readonly steps: number;
  readonly untilAccuracy?: number | undefined;
}

/** The result, for stdout. */
export function asText(ended: Ended, told: Told, io: Io): string {
  const { outcome, folder, tokens, seconds, tokensPerSecond } = ended;
  const { validation, best, step, kind } = outcome;
  const speed = Number.isFinite(tokensPerSecond) ? `, ${rate(tokensPerSecond)} tokens/s` : "";
  const measured = (name: string, of: typeof validation): string[] =>
    of === null
      ? []
      : [
          `  ${name.padEnd(12)}loss ${figure(of.loss)}, accuracy ${share(of.accuracy)}, after step ${of.step}`,
        ];
  const next: Record<typeof kind, string[]> = {
    finished: [`  generate    miras generate ${folder.path} --prompt …`],
    reached: [`  generate    miras generate ${folder.path} --prompt …`],
    interrupted: [`  go on       ${resumeCommand(folder.path)}`],
    broken: [],
  };
  return `${[
    `${heading(kind, io.outColors)} ${told.network} on ${told.task}: ${step} of ${told.steps} steps, ${rate(tokens)} tokens in ${duration(seconds)}${speed}`,
    ...measured("validation", validation),
    ...(best?.step === validation?.step ? [] : measured("best", best)),
    ...(isMissed(ended, told)
      ? [`  the accuracy asked for, ${share(told.untilAccuracy as number)}, was not reached`]
      : []),
    `  run         ${folder.path}`,
    ...next[kind],
  ].join("\n")}\n`;
}

function heading(kind: Ended["outcome"]["kind"], c: Colors): string {
  if (kind === "broken") return c.red("broken");
  return kind === "interrupted" ? c.yellow("interrupted") : c.green(kind);
}

/** Whether the run came to its end without the accuracy that was asked for. */
export const isMissed = ({ outcome }: Ended, { untilAccuracy }: Pick<Told, "untilAccuracy">): boolean =>
  untilAccuracy !== undefined && outcome.kind === "finished";

/** The same as an object; what is not finite is text in it. */
export const asObject = ({ outcome, folder, tokens, seconds, tokensPerSecond }: Ended) => ({
  outcome: outcome.kind,
  run: folder.path,
  step: outcome.step,
  tokens,
  seconds,
  tokensPerSecond,
  validation: outcome.validation,
  best: outcome.best,
  ...(outcome.kind === "broken" && { breakdown: outcome.breakdown }),
});

export const json = (value: unknown): string =>
  `${JSON.stringify(value, (_, x) => (typeof x === "number" && !Number.isFinite(x) ? String(x) : x), 2)}\n`;

const CAUSES: Record<Cause, string> = {
  loss: "the loss is not finite",
  gradient: "the gradient is not finite",
  validation: "the loss of the validation is not finite",
  weights: "there are weights that are not finite",
  diverged: "the loss is far above where it began, and stays there",
};

export const causeOf = ({ cause, step }: Breakdown): string => `step ${step}: ${CAUSES[cause]}`;

/** What went wrong, where, and what to do: the lines after the first. */
export function breakdownNotes(breakdown: Breakdown, path: string): string[] {
  const { records, firstLoss, weights, moments, tensors, grown, since } = breakdown;
  const whole = weights.length === 0;
  return [
    ...records.map(recordText),
    ...(firstLoss === null ? [] : [`the loss of the first step was ${figure(firstLoss)}`]),
    whole
      ? `all ${tensors} tensors of weights are finite: it was in this step that numbers became too large`
      : `weights that are not finite: ${listed(weights, tensors)}`,
    ...(moments.length === 0 ? [] : [`of the optimizer: ${listed(moments)}`]),
    ...(grown.length === 0
      ? []
      : [
          `grown most since step ${since}: ${grown
            .map(({ name, before, now }) => `${name} (RMS ${figure(before)} to ${figure(now)})`)
            .join(", ")}`,
        ]),
    "a lower --lr, a longer --warmup or a smaller --clip may help; --sweep lr=… tries several rates",
    since === 0
      ? `no checkpoint had been written to ${path}`
      : `the last checkpoint in ${path} is that of step ${since}, before this`,
  ];
}

const recordText = ({ step, loss, gradientNorm, learningRate }: StepRecord): string =>
  `step ${step}: loss ${figure(loss)}, gradient ${figure(gradientNorm)}, learning rate ${figure(learningRate)}`;

const MOST_LISTED = 6;

/** `table [7, 7] (2 of 49, the first at [0, 4])` */
function listed(tensors: readonly SickTensor[], of?: number): string {
  const names = tensors.slice(0, MOST_LISTED).map(({ name, shape, notFinite, first }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return `${name} [${shape.join(", ")}] (${notFinite} of ${size}, the first at [${placeOf(first, shape).join(", ")}])`;
  });
  const more = tensors.length - names.length;
  const all = of === undefined ? "" : `${tensors.length} of ${of} tensors: `;
  return `${all}${names.join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}

function placeOf(index: number, shape: readonly number[]): number[] {
  let rest = index;
  const place: number[] = [];
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return place;
}
