/** Retentions given as penalties: solved, and compared with what stands beside them in closed form. */
import type { Reporter } from "../check/report.ts";
import type { MemoryState, Penalty, Spec } from "../check/spec.ts";
import { mul, sub, substitute } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { constant, type Expr, isConstant, leaf } from "../math/expr.ts";
import { printExpr } from "../math/print.ts";
import { unicode } from "../math/style.ts";
import { compareAtPoints } from "./compare.ts";
import type { Derivation } from "./derivation.ts";
import { isObstacle } from "./minimum/isolate.ts";
import { type Solved, solvePenalty } from "./minimum/penalty.ts";
import { normalForm } from "./normal-form.ts";

interface Settlement {
  readonly spec: Spec;
  readonly derivations: readonly Derivation[];
}

/** Undefined where a penalty has no closed form, or another one than is given: both have been reported. */
export function settleRetention(spec: Spec, reporter: Reporter): Settlement | undefined {
  const derivations: Derivation[] = [];
  const states: MemoryState[] = [];
  for (const state of spec.states) {
    const { penalty } = state;
    if (!penalty) {
      states.push(state);
      continue;
    }
    const { result, steps } = solvePenalty(penalty, state.linkArgument, state.stepped);
    if (isObstacle(result)) {
      const axes = axesFor(state.shape).filter((a) => result.term.axes.includes(a));
      const term = printExpr(result.term, axes, { style: unicode, labels: spec.labels });
      return reporter.error("not-solved", { term: `\`${term}\`` }, penalty.span, {
        here: result.why,
        fix: { text: "give the retention in closed form: `keep`, `link(A) = …` or `prox(A) = …`", edits: [] },
      });
    }
    const settled = joined(state, penalty, result, spec, reporter);
    if (!settled) return undefined;
    states.push(settled);
    derivations.push({ of: spec.states.length > 1 ? state.name : "the retention", steps });
  }
  return { spec: { ...spec, states }, derivations };
}

/** The state with what its penalty says. */
function joined(
  state: MemoryState,
  penalty: Penalty,
  solved: Solved,
  spec: Spec,
  reporter: Reporter,
): MemoryState | undefined {
  const given: readonly (readonly [string, Expr | undefined, Expr | undefined])[] = [
    ["keep", isConstant(state.keep, 1) ? undefined : state.keep, solved.keep],
    ["link", state.link, solved.link],
    ["prox", state.prox, solved.prox],
  ];
  for (const [what, own, found] of given) {
    if (!own || (what === "keep" && !found)) continue;
    if (found && !differs(own, found, state, spec)) continue;
    const show = (e: Expr): string =>
      printExpr(e, axesFor(state.shape), { style: unicode, labels: spec.labels });
    return reporter.error("penalty-differs", { what }, penalty.span, {
      notes: [`the penalty gives:  ${found ? show(found) : "none"}`, `the retention says:  ${show(own)}`],
    });
  }
  return {
    ...state,
    keep: solved.keep ?? state.keep,
    link: solved.link ?? state.link,
    prox: solved.prox ?? state.prox,
    step: mul(solved.scale, state.step),
    advance: solved.advance ? withKept(solved.advance, state, penalty) : undefined,
  };
}

/** What is over the state before is over what is kept of it. */
const withKept = (e: Expr, { kept }: MemoryState, { previous }: Penalty): Expr =>
  substitute(e, (t, index) => (t === previous ? leaf(kept, index) : undefined));

function differs(a: Expr, b: Expr, { shape }: MemoryState, spec: Spec): boolean {
  if (normalForm(sub(a, b)) === constant(0)) return false;
  return compareAtPoints(spec.equalities, a, b, shape).witness !== undefined;
}
