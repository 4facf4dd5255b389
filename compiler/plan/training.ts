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
  GRADIENT,
  type Hyperparameters,
  LEARNED,
  MOMENTS,
  NORM,
  NUMBERS,
  optimizer,
  TOTAL,
} from "./optimizer.ts";
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
  /** The optimizer pulls so many towards zero; they come first. */
  readonly shrinking: number;
}

export interface TrainingPlan {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, number>;
  readonly temporary: ReadonlySet<string>;
  /** Those of them that lie in memory as f16. */
  readonly halves: ReadonlySet<string>;
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

/** How the values that the backward pass needs again lie in memory. */
export type Storage = "f32" | "f16";

/** `formOf` gives the tile form of each memory's rule: a network whose memories have none cannot be trained. */
export function trainingPlan(
  program: Program,
  loss: Loss,
  formOf: (rule: Rule) => TileForm,
  sizes: Sizes,
  target: Target,
  hyperparameters: Hyperparameters,
  storage: Storage,
): TrainingPlan {
  const seen = [program.tokens, loss.targets, loss.loss, loss.correct, loss.counted, program.logits];
  const plan = new PlanBuilder(storage === "f16" ? roundable(program, seen, sizes) : new Set());
  const learned = shrinkingFirst(program);
  const layout = layoutOf(program, sizes);
  const steps = [...program.steps, ...loss.steps];
  const adjoint = networkAdjoint(
    steps,
    loss,
    learned.map((l) => l.tensor),
  );
  const bars = learned.map((l) => adjoint.of.get(l.tensor)?.name ?? `d ${l.tensor.name}`);

  for (const t of seen) plan.tensor(t.name, elements(t.shape, sizes));
  for (const [i, { tensor }] of learned.entries())
    for (const name of [tensor.name, bars[i] as string]) plan.tensor(name, elements(tensor.shape, sizes));
  for (const name of [LEARNED, GRADIENT, TOTAL, ...MOMENTS]) plan.tensor(name, layout.length);
  for (const name of [NORM, ...NUMBERS]) plan.tensor(name, 1);

  const forwards = segmentsOf(steps);
  const backwards = segmentsOf(adjoint.steps);
  const kept = readElsewhere([...forwards, ...backwards], [...seen, ...adjoint.of.values()]);
  const lowering = new Lowering(plan, formOf, kept, sizes, target);
  lowering.run("forwards", forwards);
  lowering.run("backwards", backwards);
  optimize(plan, layout, hyperparameters, target);

  const group = (tensors: readonly string[]) => ({ tensors, apart: true }) as const;
  const { tensors, temporary, halves, fixed, sequences } = plan;
  const sequence = (name: string): readonly Dispatch[] => sequences.get(name) ?? [];
  return {
    name: program.name,
    tensors,
    temporary,
    halves,
    fixed,
    groups: new Map([
      [LEARNED, group(learned.map((l) => l.tensor.name))],
      [GRADIENT, group(bars)],
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

/**
 * The vectors of a network, one a token or a head. Not what lies in an interval, since a gate may be so near an end of it that
 * rounding would put it there; nor adjoints, many of which are too small for f16.
 */
function roundable({ steps }: Program, seen: readonly Tensor[], sizes: Sizes): Set<string> {
  const numbers = ["B", "T", "H"].reduce((n, size) => n * (sizes[size] as number), 1);
  const made = steps.map((step) => (step.kind === "definition" ? step.tensor : step.output));
  const vectors = made.filter(
    ({ shape, domain }) =>
      elements(shape, sizes) > numbers && domain.low === -Infinity && domain.high === Infinity,
  );
  return new Set(vectors.filter((t) => !seen.includes(t)).map((t) => t.name));
}

/** Segments as kernels. */
class Lowering {
  readonly #plan: PlanBuilder;
  readonly #formOf: (rule: Rule) => TileForm;
  readonly #kept: ReadonlySet<Tensor>;
  readonly #sizes: Sizes;
  readonly #target: Target;
  readonly #planners = new Map<Rule, MemoryPlanner>();

  constructor(
    plan: PlanBuilder,
    formOf: (rule: Rule) => TileForm,
    kept: ReadonlySet<Tensor>,
    sizes: Sizes,
    target: Target,
  ) {
    this.#plan = plan;
    this.#formOf = formOf;
    this.#kept = kept;
    this.#sizes = sizes;
    this.#target = target;
  }

  run(sequence: string, segments: readonly Segment[]): void {
    for (const [i, segment] of segments.entries()) {
      if (Array.isArray(segment))
        this.#kernels(
          sequence,
          lowerSteps(`${sequence}.${i}`, segment, this.#kept, this.#sizes, this.#target),
        );
      else if (segment.kind === "memory") {
        for (const [state, from] of segment.states)
          this.#kernels(sequence, this.#spread(segment, state, from));
        this.#plannerOf(segment).forwards(sequence, segment);
      } else this.#plannerOf(segment.call).backwards(sequence, segment);
    }
  }

  #kernels(sequence: string, kernels: readonly DenseKernel[]): void {
    this.#plan.run(sequence, kernels, this.#sizes, nameOf(this.#plan, this.#sizes));
  }

  #plannerOf({ rule }: MemoryCall): MemoryPlanner {
    let found = this.#planners.get(rule);
    if (!found) {
      found = new MemoryPlanner(this.#plan, this.#formOf(rule), this.#sizes, this.#target);
      this.#planners.set(rule, found);
    }
    return found;
  }

  /** Every sequence starts with what is learned of a state. */
  #spread(call: MemoryCall, state: string, from: Tensor): readonly DenseKernel[] {
    const [B, one] = [dim([], this.#sizes.B as number), dim([], elements(from.shape, this.#sizes))];
    const tensor: Tensor = { name: stateName(call, state, 0), shape: [B, one], domain: from.domain };
    this.#plan.tensor(tensor.name, elements(tensor.shape, {}));
    const [, i] = axesFor(tensor.shape) as [Axis, Axis];
    const value = leaf({ ...from, shape: [one] }, [i]);
    const definition = { kind: "definition", tensor, value } as const;
    return lowerDense(`start.${state}`, [definition], new Set([tensor]), {}, this.#target);
  }
}

function optimize(plan: PlanBuilder, layout: Layout, hyperparameters: Hyperparameters, target: Target): void {
  const { take, add, update } = optimizer(layout.length, layout.shrinking, hyperparameters, target);
  const own = (t: Tensor): string => t.name.replace(/, next$/, "");
  const known = (t: Tensor): string | undefined => (plan.tensors.has(own(t)) ? own(t) : undefined);
  plan.run("take", take, {}, known);
  plan.run("add", add, {}, known);
  plan.run("update", update, {}, known);
}

/** In the order in which it lies. */
export const shrinkingFirst = ({ learned }: Program): Learned[] =>
  [...learned].sort((a, b) => Number(b.shrinks) - Number(a.shrinks));

export function layoutOf(program: Program, sizes: Sizes): Layout {
  let length = 0;
  let shrinking = 0;
  const weights = shrinkingFirst(program).map(({ tensor, start, shrinks }): Weight => {
    const offset = length;
    length += Math.ceil(elements(tensor.shape, sizes) / ALIGNED) * ALIGNED;
    if (shrinks) shrinking = length;
    return { name: tensor.name, shape: tensor.shape.map((d) => extentOf(d, sizes)), start, offset };
  });
  return { weights, length, shrinking };
}
