/** A step to the minimum of one token's loss near what was kept. */
import type { Reporter } from "../check/report.ts";
import type { Algorithm, Spec } from "../check/spec.ts";
import { textOf } from "../source/span.ts";
import type { Derivation } from "./derivation.ts";

type Implicit = Extract<Algorithm, { kind: "implicit" }>;

export function stepImplicitly(
  _spec: Spec,
  { span }: Implicit,
  reporter: Reporter,
): { readonly spec: Spec; readonly derivation: Derivation } | undefined {
  return reporter.error("not-solved", { term: `\`${textOf(span)}\`` }, span);
}
