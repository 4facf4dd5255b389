/** What a property is, and what is known of a case when it is tried. */
import type { Result } from "../../compiler/derive/interpret.ts";
import type { Model } from "../../compiler/pipeline.ts";
import type { Backend } from "../backend.ts";
import type { Case } from "./case.ts";

export interface Trial {
  readonly model: Model;
  readonly case: Case;
  /** What the interpreter of the rule makes of it: finite throughout. */
  readonly result: Result;
  readonly backend: Backend;
}

export interface Property {
  readonly name: string;
  /** In one sentence. */
  readonly meaning: string;
  /** What stands on the two sides of the comparison. */
  readonly sides: readonly [left: string, right: string];
  applies(model: Model, backend: Backend): boolean;
  check(trial: Trial): Violation | undefined | Promise<Violation | undefined>;
}

/** How a property fails. */
export interface Violation {
  /** The quantity that differs. */
  readonly what: string;
  /** Its element that differs most. */
  readonly where: readonly number[];
  readonly left: number;
  readonly right: number;
  readonly error: number;
  readonly bound: number;
}
