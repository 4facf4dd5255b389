/**
 * Constants for the gates, which a trained layer would predict: a few of each gate's range are tried on
 * pairs of a seed of their own, one gate after the other, and the best are kept.
 */

import type { Rule } from "../../compiler/derive/rule.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import { leaf, type Tensor, tensorsOf } from "../../compiler/math/expr.ts";
import { closure, contains } from "../../compiler/math/interval.ts";
import type { Recaller, Setting } from "./measure.ts";

interface Knob {
  readonly name: string;
  readonly values: readonly number[];
}

/** What keeps is tried near 1, where nothing is forgotten; what scales a step, over two decades. */
const KEEP = [1, 0.99, 0.95, 0.9];
const FRACTIONS = [1, 0.5, 0.25, 0.1, 0.03, 0.01];
const UNBOUNDED = [10, 3, 1, 0.3, 0.1, 0.03];

function knobsOf({ spec, states, reading }: Rule): Knob[] {
  const keeps = tensorsOf(...spec.states.map((s) => s.keep), spec.tokenKeep);
  const retention = spec.choices.find((c) => c.kind === "retention");
  const isKept = (t: Tensor): boolean =>
    keeps.has(t) || retention?.arguments.some((a) => a.shown === t.name) === true;
  // What the output alone depends on changes nothing of what is read.
  const { x } = spec.read;
  const read = tensorsOf(...states.map((s) => s.update), reading(leaf(x, axesFor(x.shape)), "next"));
  const gates = spec.inputs.filter((i) => i.role === "gate").map((i) => i.tensor);
  const knobs = [...gates, ...spec.parameters.map((p) => p.tensor)]
    .filter((t) => read.has(t))
    .map((t) => ({ name: t.name, values: valuesOf(t, isKept(t)), keeps: isKept(t) }));
  // The rates first: what to keep depends on them.
  return [...knobs.filter((k) => !k.keeps), ...knobs.filter((k) => k.keeps)];
}

function valuesOf({ domain }: Tensor, keeps: boolean): number[] {
  const { low, high } = domain;
  const range = closure(domain);
  const kept = keeps && Number.isFinite(high) ? KEEP.filter((x) => contains(range, x)) : [];
  if (kept.length > 0) return kept;
  if (Number.isFinite(low) && Number.isFinite(high)) return FRACTIONS.map((f) => low + f * (high - low));
  if (Number.isFinite(low)) return UNBOUNDED.map((x) => low + x);
  if (Number.isFinite(high)) return UNBOUNDED.map((x) => high - x);
  return [...UNBOUNDED, 0];
}

/** A factor starts where it changes nothing. */
const startOf = ({ values }: Knob): number => (values.includes(1) ? 1 : (values[0] as number));

/** Few draws tell good gates from bad ones, and every setting is tried on each of them. */
const DRAWS = 2;

export interface Chosen {
  readonly setting: Setting;
  /** The numbers of pairs that it was chosen on. */
  readonly pairs: readonly number[];
}

export async function chooseGates(
  rule: Rule,
  recaller: Recaller,
  allPairs: readonly number[],
  seed: number,
  progress: (tried: number, of: number) => void,
): Promise<Chosen> {
  const third = allPairs.length / 3;
  const pairs = [...new Set([allPairs[Math.floor(third)], allPairs[Math.floor(2 * third)]])].filter(
    (n) => n !== undefined,
  );
  const seeds = Array.from({ length: DRAWS }, (_, i) => (seed + i) >>> 0);
  const scores = new Map<string, number>();
  const score = async (setting: Setting): Promise<number> => {
    const key = JSON.stringify([...setting]);
    const known = scores.get(key);
    if (known !== undefined) return known;
    let total = 0;
    for (const n of pairs) total += (await recaller.run(n, seeds, setting)).error;
    const value = Number.isFinite(total) ? total : Infinity;
    scores.set(key, value);
    return value;
  };

  const knobs = knobsOf(rule);
  const first = knobs.reduce((n, k) => n + k.values.length, 0);
  const most = knobs.length > 1 ? first + 2 * knobs.length : first;
  let tried = 0;
  let best = new Map(knobs.map((k) => [k.name, startOf(k)]));
  const improve = async (knob: Knob, values: readonly number[]): Promise<void> => {
    let least = await score(best);
    for (const value of values) {
      progress(++tried, most);
      const setting = new Map(best).set(knob.name, value);
      const error = await score(setting);
      if (error < least) [best, least] = [setting, error];
    }
  };
  for (const knob of knobs) await improve(knob, knob.values);
  // Once more, now that the others are chosen, among the neighbours of each choice.
  for (const knob of knobs.length > 1 ? knobs : []) {
    const at = knob.values.indexOf(best.get(knob.name) as number);
    await improve(
      knob,
      [knob.values[at - 1], knob.values[at + 1]].filter((v) => v !== undefined),
    );
  }
  return { setting: best, pairs };
}
