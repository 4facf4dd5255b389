/** The kernels of a model for each kind of adapter that a built module may meet. */
import type { AdapterKernels } from "../../compiler/emit/ts/description.ts";
import { DEFAULT_FACTS, targetFor } from "../../compiler/kernel/target.ts";
import type { Sizes } from "../../compiler/math/axis.ts";
import { compileDecoder, type Model, schedules } from "../../compiler/pipeline.ts";

/**
 * Lanes of a subgroup: 4 and 8 are processors that run software adapters, 32 most GPUs, 64 those of AMD; 0 runs on any adapter,
 * those with subgroups of several sizes too. All keep to the limits that every adapter has.
 */
export const LANES = [0, 4, 8, 32, 64] as const;

/** What a forward run is taken to be where the quickest way for an adapter is chosen. */
const USUAL_RUN = { B: 1, T: 1024, H: 4 } as const;

export const kernelsFor = ({ rule }: Model, sizes: Sizes): AdapterKernels[] =>
  LANES.map((lanes) => {
    const target = targetFor({ ...DEFAULT_FACTS, subgroupSize: lanes === 0 ? undefined : lanes });
    // A module compiles its kernels once, and runs them often.
    const ways = schedules(rule, sizes, target, USUAL_RUN);
    const [quickest] = ways.sort((a, b) => a.nanoseconds.run - b.nanoseconds.run);
    return {
      lanes,
      forward: (quickest as (typeof ways)[number]).code,
      step: compileDecoder(rule, sizes, target),
    };
  });
