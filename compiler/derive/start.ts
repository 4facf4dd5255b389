/**
 * Whether a state can start where it is told to. A link of negative degree, such as A over the square of a norm of A,
 * blows up near zero; a state that is kept by factors alone never leaves zero.
 */
import type { Reporter } from "../check/report.ts";
import type { MemoryState, Spec } from "../check/spec.ts";
import { includes, point, showInterval } from "../math/interval.ts";
import { type LinkProfile, linkProfile } from "./near-zero.ts";

/** How much larger than at a distance of 1 what is read near zero may be. */
const LARGEST_GAIN = 10;
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
    const { atZero, largest } = linkProfile(state, spec) as LinkProfile;
    const hasValue = !Number.isNaN(atZero);
    if (hasValue && largest.gain <= LARGEST_GAIN) return true;
    reporter.error("link-at-zero", { state: state.name }, retention.span, {
      here: hasValue
        ? `near zero it reads back ${Number(largest.gain.toPrecision(2))} times what it does at a distance of 1`
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
