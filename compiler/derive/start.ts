/**
 * Whether a state can start where it is told to. A link of negative degree, such as A over the square of a norm of A,
 * blows up near zero; a state that is kept by factors alone never leaves zero.
 */
import type { Reporter } from "../check/report.ts";
import type { MemoryState, Spec } from "../check/spec.ts";
import { axesFor, elements, type Sizes } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import { type Tensor, tensorsOf } from "../math/expr.ts";
import { includes, point, showInterval } from "../math/interval.ts";
import { sample, uniform } from "./sample.ts";

/** How much larger than at a distance of 1 what is read near zero may be. */
const LARGEST_GAIN = 10;
/** Distances from zero at which the link is tried. */
const DISTANCES = [1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8];

/** Reports each state that starts at zero where it must not. */
export function checkStarts(spec: Spec, reporter: Reporter): boolean {
  return spec.states.filter((s) => s.initial === "zeros").every((s) => checkStart(s, spec, reporter));
}

function checkStart(state: MemoryState, spec: Spec, reporter: Reporter): boolean {
  const retention = spec.choices.find((c) => c.kind === "retention");
  const memory = spec.choices.find((c) => c.kind === "memory");
  if (!retention || !memory) return true;
  const others = [{ span: memory.span, text: `\`${state.name}\` starts at zeros here` }];
  const learned = { text: `choose a memory whose states start as \`learned\``, edits: [] };
  if (state.link) {
    const gain = gainNearZero(state, spec);
    if (gain <= LARGEST_GAIN) return true;
    reporter.error("link-at-zero", { state: state.name }, retention.span, {
      here: Number.isFinite(gain)
        ? `near zero it reads back ${Number(gain.toPrecision(2))} times what it does at a distance of 1`
        : "at zero it has no value",
      others,
      fix: learned,
    });
    return false;
  }
  const { penalty } = state;
  if (!penalty || includes(penalty.w.domain, point(0))) return true;
  reporter.error("start-outside", { state: state.name }, retention.span, {
    here: `what it keeps is ${showInterval(penalty.w.domain)}`,
    others,
    fix: learned,
  });
  return false;
}

/** The largest norm of the link within a distance of 1 from zero, over that at 1; infinite where it has none. */
function gainNearZero(state: MemoryState, spec: Spec): number {
  const link = state.link as NonNullable<MemoryState["link"]>;
  const sizes: Sizes = { dk: 3, dv: spec.equalities.pairs.length > 0 ? 3 : 4, tokens: 5 };
  const evaluate = evaluator([{ expr: link, axes: axesFor(state.shape) }], sizes);
  const random = uniform(1);
  const environment = new Map<Tensor, Float64Array>();
  for (const t of tensorsOf(link))
    environment.set(
      t,
      Float64Array.from({ length: elements(t.shape, sizes) }, () => sample(t.domain, random)),
    );
  const direction = Float64Array.from({ length: elements(state.shape, sizes) }, () => 2 * random() - 1);
  const norm = (distance: number): number => {
    environment.set(
      state.linkArgument,
      direction.map((x) => x * distance),
    );
    return Math.hypot(...(evaluate(environment)[0] as Float64Array));
  };
  const values = [0, ...DISTANCES].map(norm);
  const largest = Math.max(...values);
  return !values.every(Number.isFinite) ? Infinity : largest === 0 ? 0 : largest / norm(1);
}
