/** Whether a network can be trained, and what training and reading it takes. */
import type { Rule } from "../derive/rule.ts";
import { isObstacle } from "../form/planes.ts";
import type { TileForm } from "../form/tile-form.ts";
import { tileForm } from "../form/tiles.ts";
import type { Target } from "../kernel/target.ts";
import { programOf } from "../network/build.ts";
import { lossOf } from "../network/loss.ts";
import { type Network, sizesOf } from "../network/network.ts";
import { type DecodingPlan, decodingPlan } from "./decoding.ts";
import type { Hyperparameters } from "./optimizer.ts";
import { type Layout, layoutOf, type Storage, type TrainingPlan, trainingPlan } from "./training.ts";

export interface Training {
  readonly layout: Layout;
  /** For `B` sequences of `T` tokens. */
  readonly plan: (shape: { readonly B: number; readonly T: number }) => TrainingPlan;
  /** For one sequence, token by token, which may become so long. */
  readonly decoding: (length: number) => DecodingPlan;
}

/** The memory that keeps its network from being trained: it has no parallel form. */
export interface Untrainable {
  readonly sequential: string;
}

export function trainingOf(
  network: Network,
  target: Target,
  hyperparameters: Hyperparameters,
  storage: Storage = "f32",
): Training | Untrainable {
  const forms = new Map<Rule, TileForm>();
  for (const part of network.parts) {
    if (part.kind !== "memory") continue;
    const form = tileForm(part.rule);
    if (isObstacle(form)) return { sequential: part.name };
    forms.set(part.rule, form);
  }
  const program = programOf(network);
  const loss = lossOf(program);
  return {
    layout: layoutOf(program, sizesOf(network, 1, 1)),
    plan: ({ B, T }) =>
      trainingPlan(
        program,
        loss,
        (rule) => forms.get(rule) as TileForm,
        sizesOf(network, B, T),
        target,
        hyperparameters,
        storage,
      ),
    decoding: (length) => decodingPlan(program, { ...sizesOf(network, 1, 1), tokens: length }, target),
  };
}
