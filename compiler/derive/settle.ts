/**
 * What a spec leaves to be derived before there is a rule: penalties and objectives are solved, and every
 * `read(…)` becomes an expression over what is carried.
 */
import type { Reporter } from "../check/report.ts";
import type { Expectation, Spec } from "../check/spec.ts";
import { at, substitute } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import type { Expr } from "../math/expr.ts";
import type { Derivation } from "./derivation.ts";
import type { Found, Reading } from "./found.ts";
import { linked } from "./linked.ts";
import { optimumOf } from "./optimum.ts";
import { stepProximally } from "./proximal-step.ts";
import { readKept } from "./regression.ts";
import { settleRetention } from "./retention.ts";
import { checkStarts } from "./start.ts";

/** A spec whose states say all that they keep, with how that was found. */
export interface Settled {
  readonly spec: Spec;
  readonly reading: Reading;
  readonly derivations: readonly Derivation[];
}

/** Undefined where something has no closed form, which has been reported. */
export function settle(spec: Spec, reporter: Reporter): Settled | undefined {
  const retained = settleRetention(spec, reporter);
  const found = retained && derive(retained.spec, reporter);
  if (!found || !checkStarts(found.spec, reporter)) return undefined;
  const put = (e: Expr): Expr =>
    substitute(e, (t, index) => {
      const read = spec.reads.find((r) => r.tensor === t);
      return read && at(found.reading(read.x, read.when), axesFor(spec.read.shape), index);
    });
  const expectations = spec.expectations.map((e): Expectation => ({ ...e, value: put(e.value) }));
  return {
    spec: {
      ...found.spec,
      algorithmStates: [...spec.algorithmStates, ...found.carried],
      output: put(spec.output),
      expectations,
    },
    reading: found.reading,
    derivations: [...retained.derivations, ...(found.derivation ? [found.derivation] : [])],
  };
}

function derive(spec: Spec, reporter: Reporter): Found | undefined {
  switch (spec.algorithm.kind) {
    case "step":
      return { spec, reading: readingOf(spec), carried: [], derivation: undefined };
    case "proximal": {
      const stepped = stepProximally(spec, spec.algorithm, reporter);
      return stepped && { ...stepped, reading: readingOf(stepped.spec), carried: [] };
    }
    case "overall":
      return optimumOf(spec, spec.algorithm, reporter);
    case "regression":
      return readKept(spec, spec.algorithm, reporter);
  }
}

/** `read` of the states as they are carried. */
const readingOf =
  ({ read, states }: Spec): Reading =>
  (x, when) =>
    substitute(read.body, (t, index) => {
      if (t === read.x) return at(x, axesFor(read.x.shape), index);
      const state = states.find((s) => s.read === t);
      return state && at(linked(state, state[when]), axesFor(state.shape), index);
    });
