/** The kernel that gives each lane whole elements: what is elementwise, and any reduction as a loop. */
import type { Value } from "../kernel/block.ts";
import { leaf } from "../math/expr.ts";
import type { DenseKernel, Frame } from "./frame.ts";
import { Scope, usesIn } from "./scope.ts";
import { count, partsOf } from "./space.ts";
import type { Job } from "./split.ts";
import { inTurns } from "./turns.ts";

/** Workgroups that keep any adapter busy. */
const ENOUGH_GROUPS = 64;
/** Lanes of a workgroup on an adapter with wide subgroups. */
const WIDE_LANES = 64;

export function elementsKernel(name: string, { axes, outputs }: Job, frame: Frame): DenseKernel {
  const { sizes, target } = frame;
  const lanes = target.narrow ? target.lanes : WIDE_LANES;
  for (const { tensor } of outputs) frame.written.add(tensor);

  const element = frame.name("element");
  const scope = new Scope(frame, usesIn(outputs.map((o) => o.value)));
  for (const [axis, spot] of partsOf(element, axes, sizes)) scope.bind(axis, spot);
  // All values before all stores: an output may lie where an input does.
  const values = outputs.map(({ tensor, value }): Value => {
    scope.statements.push({
      kind: "comment",
      text: `${frame.plain(tensor)}[${axes.map((a) => a.dim.key).join(", ")}]`,
    });
    if (outputs.length === 1) return scope.value(value);
    const made = scope.named(value, frame.plain(tensor));
    // Others may be made from it.
    scope.know(leaf(tensor, axes), made);
    return made;
  });
  for (const [i, { tensor }] of outputs.entries())
    scope.statements.push({
      kind: "store",
      buffer: frame.writes(tensor),
      index: scope.place(leaf(tensor, axes)),
      value: values[i] as Value,
    });

  const all = { of: element, total: count(axes, sizes), side: lanes, enough: ENOUGH_GROUPS };
  const { groups, loop } = inTurns(frame, all, scope.statements);
  return frame.kernel(name, { lanes, subgroups: false }, groups, [loop]);
}
