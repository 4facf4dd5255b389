/** What a module says of its networks: from their programs to a plain description. */
import { basename } from "node:path";
import pc from "picocolors";
import type {
  DispatchDescription,
  NetworkDescription,
  PlanDescription,
} from "../../compiler/emit/ts/network-description.ts";
import { DEFAULT_FACTS, targetFor } from "../../compiler/kernel/target.ts";
import { programOf } from "../../compiler/network/build.ts";
import { type Network, sizesOf } from "../../compiler/network/network.ts";
import { BETAS, GRADIENT, LEARNED, MOMENTS, NORM, NUMBERS, TOTAL } from "../../compiler/plan/optimizer.ts";
import { trainingOf } from "../../compiler/plan/trainable.ts";
import { layoutOf, type TrainingPlan } from "../../compiler/plan/training.ts";
import { meaningOf } from "../../runtime/program/pipelines.ts";
import { UsageError } from "../errors.ts";
import { networkText } from "../explain/network.ts";
import { DEFAULTS } from "../train/settings.ts";
import { untrainableText } from "../train/untrainable.ts";
import type { BatchSizes } from "./sizes.ts";

/** Fewer than a memory has: training takes hundreds of kernels. Other adapters run those for 0. */
const LANES = [0, 8, 32] as const;

/** With the plans for these sizes, or without any for a page that only shows the module. */
export function describedNetwork(
  network: Network,
  builds: readonly BatchSizes[],
  withPlans = true,
): NetworkDescription {
  const { name, sizes } = network;
  const same = new Kernels();
  return {
    name,
    about: aboutOf(network),
    vocabulary: sizes.vocabulary,
    layout: layoutOf(programOf(network), sizesOf(network, 1, 1)),
    betas: BETAS,
    builds: builds.map((size) => ({ sizes: size, plans: withPlans ? plansOf(network, size, same) : [] })),
  };
}

/** Throws UsageError where the network cannot be trained. */
function plansOf(network: Network, { B, T }: BatchSizes, same: Kernels) {
  const { clip, weightDecay } = DEFAULTS;
  return LANES.map((lanes) => {
    const target = targetFor({ ...DEFAULT_FACTS, subgroupSize: lanes === 0 ? undefined : lanes });
    const training = trainingOf(network, target, { clip, shrinkage: weightDecay });
    if ("sequential" in training) throw new UsageError(untrainableText(network.name, training));
    return { lanes, plan: planOf(training.plan({ B, T }), same) };
  });
}

function planOf(plan: TrainingPlan, same: Kernels): PlanDescription {
  const { tensors, temporary, fixed, groups, io } = plan;
  const dispatches = (list: TrainingPlan["sequences"]["take"]): DispatchDescription[] =>
    list.map(({ code, groups: workgroups, bound }) => ({
      code: same.of(code),
      groups: workgroups,
      bound: code.block.bindings.map((b) => bound[b.name] as string),
    }));
  const sequences = Object.fromEntries(Object.entries(plan.sequences).map(([n, s]) => [n, dispatches(s)]));
  const named = [LEARNED, GRADIENT, TOTAL, ...MOMENTS, NORM, ...NUMBERS];
  return { tensors, temporary, fixed, groups, sequences, io, named };
}

/** Of kernels that differ in names alone, the first: the layers of a network do, and its adapters often. */
class Kernels {
  readonly #first = new Map<string, DispatchDescription["code"]>();
  readonly #known = new Map<string, DispatchDescription["code"]>();

  of(code: DispatchDescription["code"]): DispatchDescription["code"] {
    const known = this.#known.get(code.wgsl);
    if (known) return known;
    const meaning = meaningOf(code);
    const first = this.#first.get(meaning) ?? code;
    this.#first.set(meaning, first);
    this.#known.set(code.wgsl, first);
    return first;
  }
}

/** What `miras explain` says of it, under the name of its file alone. */
function aboutOf(network: Network): string {
  const { span } = network;
  const file = { ...span.file, path: basename(span.file.path) };
  return networkText({ ...network, span: { ...span, file } }, pc.createColors(false));
}
