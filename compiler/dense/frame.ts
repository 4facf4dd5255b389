/** What a kernel binds, what its parts are called, and the block that it becomes. */
import { type Binding, type Block, type Index, named, plus, type Stmt, times } from "../kernel/block.ts";
import { identifiers } from "../kernel/identifiers.ts";
import type { Target } from "../kernel/target.ts";
import type { Sizes } from "../math/axis.ts";
import type { Tensor } from "../math/expr.ts";

/** A kernel of a program of tensors, and its number of workgroups. Each binding holds one tensor. */
export interface DenseKernel {
  readonly block: Block;
  readonly groups: readonly [number, number, number];
}

/** The field of the uniform buffer that says which workgroup a dispatch begins with, so that long ones can be cut. */
const FIRST_GROUP = "first_group";

/** Workgroups along one dimension: the least that WebGPU allows for. */
const MOST_GROUPS = 65535;

export class Frame {
  readonly sizes: Sizes;
  readonly target: Target;
  readonly #names = identifiers();
  readonly #bindings = new Map<Tensor, { name: string; access: Binding["access"] }>();
  readonly #replaces: ReadonlyMap<Tensor, Tensor>;
  readonly workgroup: { name: string; length: number }[] = [];

  constructor(sizes: Sizes, target: Target, replaces: ReadonlyMap<Tensor, Tensor>) {
    this.sizes = sizes;
    this.target = target;
    // From what is replaced to what takes its place.
    this.#replaces = new Map([...replaces].map(([made, old]) => [old, made]));
  }

  name(hint: string, suffix = ""): string {
    return this.#names(hint, suffix);
  }

  /** A tensor's name without numbers that only count, such as that of a layer: kernels of all layers have one text. */
  plain({ name }: Tensor): string {
    return name.replaceAll(/(?<=^|[._/])\d+[._/]|[._/]\d+$/g, "") || name;
  }

  /** The buffer of a tensor that is read. */
  reads(t: Tensor): string {
    return this.#bind(this.#inPlace(t), "read");
  }

  writes(t: Tensor): string {
    return this.#bind(t, "read_write");
  }

  /** In a kernel that writes what takes a tensor's place, the two are one buffer. */
  #inPlace(t: Tensor): Tensor {
    const made = this.#replaces.get(t);
    return made && this.written.has(made) ? made : t;
  }

  /** What the kernel writes: to be known before anything is read. */
  readonly written = new Set<Tensor>();

  #bind(t: Tensor, access: Binding["access"]): string {
    const found = this.#bindings.get(t);
    if (found) {
      if (access === "read_write") found.access = access;
      return found.name;
    }
    const made = { name: this.#names(this.plain(t), "in_memory"), access };
    this.#bindings.set(t, made);
    return made.name;
  }

  /**
   * A block of `count` workgroups, which `group` counts; lanes are those of a subgroup, where subgroups are used. A dispatch
   * may begin at any of them: see `FIRST_GROUP`.
   */
  kernel(
    name: string,
    { lanes, subgroups }: { readonly lanes: number; readonly subgroups: boolean },
    count: number,
    body: readonly Stmt[],
  ): DenseKernel {
    const across = Math.max(1, Math.min(count, MOST_GROUPS));
    const groups = [across, Math.max(1, Math.ceil(count / across)), 1] as const;
    const own: Index =
      groups[1] === 1
        ? named("workgroup.x")
        : plus(times(named("workgroup.y"), across), named("workgroup.x"));
    const group = plus(named(`run.${FIRST_GROUP}`), own);
    const counted: Stmt[] = [{ kind: "index", name: "group", value: group }, ...body];
    return {
      groups,
      block: {
        name,
        lanes,
        subgroups,
        tiles: across,
        bindings: [...this.#bindings].map(([t, b]) => ({ ...b, holds: [t] })),
        bases: [FIRST_GROUP],
        workgroup: this.workgroup,
        planar: [],
        state: { stride: 0, slots: [] },
        scratchStride: 0,
        steps: 1,
        passes: 1,
        quantum: 1,
        body: counted,
      },
    };
  }
}
