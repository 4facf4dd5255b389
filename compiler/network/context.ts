/** What the parts of the checker of networks share. */
import type * as ast from "../../grammar/ast.ts";
import type { Overrides } from "../check/context.ts";
import type { Elaborator } from "../check/elaborate.ts";
import type { Reporter } from "../check/report.ts";
import type { Scope } from "../check/value.ts";
import type { Rule } from "../derive/rule.ts";

/** A model that a block can name. */
export interface KnownModel {
  readonly name: string;
  readonly definitions: readonly ast.Definition[];
  /** Undefined where it is in error, which has been reported. */
  readonly compile: (overrides?: Overrides) => Rule | undefined;
}

export interface NetworkContext {
  readonly reporter: Reporter;
  readonly models: ReadonlyMap<string, KnownModel>;
  readonly elaborator: Elaborator;
  /** The network's own sizes, as numbers. */
  readonly scope: Scope;
}

/** Tokens are compared as 32-bit floating-point numbers, which are exact up to here. */
export const LARGEST = 2 ** 24;

/** A whole number from 1 on; reports anything else. */
export function wholeNumber(
  { elaborator, scope, reporter }: NetworkContext,
  e: ast.Expr,
  what: string,
  most = LARGEST,
): number | undefined {
  const fail = (is: string): undefined =>
    reporter.error("bad-setting", { what, wants: `a whole number from 1 to ${most}`, is }, e.span);
  const value = elaborator.number(e, scope, () => fail("not a number"));
  if (value === undefined) return undefined;
  return Number.isSafeInteger(value) && value >= 1 && value <= most ? value : fail(String(value));
}
