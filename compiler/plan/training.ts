/** How a network is trained: its loss, the gradient of that, and the optimizer, as sequences of kernels. */
import { type DenseKernel, lowerDense } from "../dense/lower.ts";
import { lowerSteps } from "../dense/steps.ts";
import type { Rule } from "../derive/rule.ts";
import type { TileForm } from "../form/tile-form.ts";
import type { Target } from "../kernel/target.ts";
import { type Axis, axesFor, dim, elements, extentOf, type Sizes } from "../math/axis.ts";
import { leaf, type Tensor } from "../math/expr.ts";
import { networkAdjoint } from "../network/adjoint.ts";
import type { Loss } from "../network/loss.ts";
import type { Learned, MemoryCall, Program, Start } from "../network/program.ts";
import { MemoryPlanner, stateName } from "./memory.ts";
import {
  GRADIENT, type Hyperparameters, LEARNED, MOMENTS, NORM, NUMBERS, optimizer, TOTAL,
} from "./optimizer.ts"; // biome-ignore format: a list
import { type Dispatch, PlanBuilder } from "./plan.ts";
import { nameOf, readElsewhere, type Segment, segmentsOf } from "./segments.ts";

/** A part of what is learned, in the order in which it lies. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly start: Start;
  /** The number that it starts at, among all of them. */
  readonly offset: number;
}

/** Where everything that is learned lies in one vector. */
export interface Layout {
  readonly weights: readonly Weight[];
  /** Numbers of the vector, with what lies between. */
  readonly length: number;
  /** Weight decay applies to so many, which come first. */
  readonly decaying: number;
}

export interface TrainingPlan {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, number>;
  readonly temporary: ReadonlySet<string>;
  readonly fixed: ReadonlyMap<string, readonly number[]>;
  readonly groups: ReadonlyMap<string, { readonly tensors: readonly string[]; readonly apart: true }>;
  /** `forwards` gives the loss and the logits, `backwards` its gradient; the others are the optimizer's. */
  readonly sequences: Readonly<
    Record<"forwards" | "backwards" | "take" | "add" | "update", readonly Dispatch[]>
  >;
  /** The names of what goes in and comes out. */
  readonly io: Readonly<Record<"tokens" | "targets" | "loss" | "correct" | "counted" | "logits", string>>;
}

/** Tensors in one buffer begin at multiples of this many numbers. */
export const ALIGNED = 64;

/** `formOf` gives the tile form of each memory's rule: a network whose memories have none cannot be trained. */
export function trainingPlan(
  program: Program,
  loss: Loss,
  formOf: (rule: Rule) => TileForm,
  sizes: Sizes,
  target: Target,
  hyperparameters: Hyperparameters,
): TrainingPlan {
  const plan = new PlanBuilder();
  const ordered = decayingFirst(program);
  const { length, decaying } = layoutOf(program, sizes);
  const steps = [...program.steps, ...loss.steps];
  const adjoint = networkAdjoint(
    steps,
    loss,
    ordered.map((l) => l.tensor),
  );
  const barOf = (l: Learned): string => adjoint.of.get(l.tensor)?.name ?? `d ${l.tensor.name}`;

  for (const t of [program.tokens, loss.targets, loss.loss, loss.correct, loss.counted, program.logits])
    plan.tensor(t.name, elements(t.shape, sizes));
  for (const l of ordered) {
    const count = elements(l.tensor.shape, sizes);
    plan.tensor(l.tensor.name, count);
    plan.tensor(barOf(l), count);
  }
  for (const name of [LEARNED, GRADIENT, TOTAL, ...MOMENTS]) plan.tensor(name, length);
  for (const name of [NORM, ...NUMBERS]) plan.tensor(name, 1);

  const planners = new Map<Rule, MemoryPlanner>();
  const plannerOf = ({ rule }: MemoryCall): MemoryPlanner => {
    let found = planners.get(rule);
    if (!found) {
      found = new MemoryPlanner(plan, formOf(rule), sizes, target);
      planners.set(rule, found);
    }
    return found;
  };

  const forwards = segmentsOf(steps);
  const backwards = segmentsOf(adjoint.steps);
  const wanted = [loss.loss, loss.correct, loss.counted, program.logits, ...adjoint.of.values()];
  const kept = readElsewhere([...forwards, ...backwards], wanted);
  const lower = (sequence: string, segments: readonly Segment[]): void => {
    for (const [i, segment] of segments.entries()) {
      if (Array.isArray(segment)) {
        const name = `${sequence}.${i}`;
        plan.run(sequence, lowerSteps(name, segment, kept, sizes, target), sizes, nameOf(plan, sizes));
      } else if (segment.kind === "memory") {
        for (const [state, from] of segment.states)
          plan.run(sequence, spread(plan, segment, state, from, sizes, target), sizes, nameOf(plan, sizes));
        plannerOf(segment).forwards(sequence, segment);
      } else plannerOf(segment.call).backwards(sequence, segment);
    }
  };
  lower("forwards", forwards);
  lower("backwards", backwards);

  const { take, add, update } = optimizer(length, decaying, hyperparameters, target);
  const own = (t: Tensor): string => t.name.replace(/, next$/, "");
  plan.run("take", take, {}, own);
  plan.run("add", add, {}, own);
  plan.run("update", update, {}, (t) => (plan.tensors.has(own(t)) ? own(t) : undefined));

  const group = (tensors: readonly string[]) => ({ tensors, apart: true }) as const;
  const sequence = (name: string): readonly Dispatch[] => plan.sequences.get(name) ?? [];
  return {
    name: program.name,
    tensors: plan.tensors,
    temporary: plan.temporary,
    fixed: plan.fixed,
    groups: new Map([
      [LEARNED, group(ordered.map((l) => l.tensor.name))],
      [GRADIENT, group(ordered.map(barOf))],
    ]),
    sequences: {
      forwards: sequence("forwards"),
      backwards: sequence("backwards"),
      take: sequence("take"),
      add: sequence("add"),
      update: sequence("update"),
    },
    io: {
      tokens: program.tokens.name,
      targets: loss.targets.name,
      loss: loss.loss.name,
      correct: loss.correct.name,
      counted: loss.counted.name,
      logits: program.logits.name,
    },
  };
}

/** In the order in which it lies. */
export const decayingFirst = ({ learned }: Program): Learned[] =>
  [...learned].sort((a, b) => Number(b.decays) - Number(a.decays));

export function layoutOf(program: Program, sizes: Sizes): Layout {
  let length = 0;
  let decaying = 0;
  const weights = decayingFirst(program).map(({ tensor, start, decays }): Weight => {
    const offset = length;
    length += Math.ceil(elements(tensor.shape, sizes) / ALIGNED) * ALIGNED;
    if (decays) decaying = length;
    return { name: tensor.name, shape: tensor.shape.map((d) => extentOf(d, sizes)), start, offset };
  });
  return { weights, length, decaying };
}

/** Every sequence starts with what is learned of a state. */
function spread(
  plan: PlanBuilder,
  call: MemoryCall,
  state: string,
  from: Tensor,
  sizes: Sizes,
  target: Target,
): readonly DenseKernel[] {
  const [B, one] = [dim([], sizes.B as number), dim([], elements(from.shape, sizes))];
  const flat: Tensor = { ...from, shape: [one] };
  const name = stateName(call, state, 0);
  const tensor: Tensor = { name, shape: [B, one], domain: from.domain };
  plan.tensor(name, elements(tensor.shape, {}));
  const [, i] = axesFor(tensor.shape) as [Axis, Axis];
  const value = leaf(flat, [i]);
  return lowerDense(`start.${state}`, [{ kind: "definition", tensor, value }], new Set([tensor]), {}, target);
}
