/** What a kernel is made for: the facts of an adapter that lowering chooses by. */

export interface Target {
  /** Invocations of a workgroup. With subgroups a workgroup is exactly one subgroup. */
  readonly lanes: number;
  /** Whether lanes exchange values by subgroup operations; otherwise through workgroup memory. */
  readonly subgroups: boolean;
  /** Rows of a tiled dimension that a lane holds, at most. */
  readonly rows: number;
  /** Workgroups that share the rows of one tile, at most. */
  readonly sharers: number;
  /**
   * Whether lanes are those of a processor's core, which exchange values by subgroup operations. Arrays that a lane has lie in memory there, so that an index into them may
   * be any; and an access to memory takes as long for one lane as for another, even where all of them read the same.
   */
  readonly narrow: boolean;
  /** Numbers of state that a lane may keep in registers; larger states stay in storage memory. */
  readonly registers: number;
  /** Storage buffers that one kernel may bind. */
  readonly storageBuffers: number;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes: number;
}

/** Facts of an adapter; the WebGPU defaults hold where nothing else is known. */
export interface AdapterFacts {
  /** Lanes of a subgroup, if all subgroups have the same number. */
  readonly subgroupSize: number | undefined;
  readonly storageBuffers: number;
  readonly workgroupBytes: number;
}

export const DEFAULT_FACTS: AdapterFacts = {
  subgroupSize: undefined,
  storageBuffers: 8,
  workgroupBytes: 16384,
};

/**
 * Narrow subgroups belong to processors that run them one after the other: there four rows a lane need a quarter of
 * the exchanges for each product, and every workgroup takes time of its own. Wide ones belong to GPUs, which want more
 * workgroups instead.
 */
export function targetFor(facts: AdapterFacts): Target {
  const { subgroupSize, storageBuffers, workgroupBytes } = facts;
  const subgroups = subgroupSize !== undefined && subgroupSize >= 4;
  const narrow = subgroups && subgroupSize <= 8;
  return {
    lanes: subgroups ? subgroupSize : 32,
    subgroups,
    rows: narrow ? 4 : 1,
    sharers: narrow ? 2 : 64,
    narrow,
    registers: 512,
    storageBuffers,
    workgroupBytes,
  };
}
