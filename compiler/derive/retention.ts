/** Penalties, solved: what is kept, the link, the map after the step. */
import type { Reporter } from "../check/report.ts";
import type { Spec } from "../check/spec.ts";
import { textOf } from "../source/span.ts";
import type { Derivation } from "./derivation.ts";

export function settleRetention(
  spec: Spec,
  reporter: Reporter,
): { readonly spec: Spec; readonly derivations: readonly Derivation[] } | undefined {
  for (const { penalty } of spec.states) {
    if (penalty) return reporter.error("not-solved", { term: `\`${textOf(penalty.span)}\`` }, penalty.span);
  }
  return { spec, derivations: [] };
}
