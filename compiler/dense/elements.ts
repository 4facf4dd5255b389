/** The kernel that gives each lane whole elements: what is elementwise, and any reduction as a loop. */
import { named, plus, type Stmt, times, type Value } from "../kernel/block.ts";
import { leaf } from "../math/expr.ts";
import type { DenseKernel, Frame } from "./frame.ts";
import { Scope, usesIn } from "./scope.ts";
import { count, partsOf } from "./space.ts";
import type { Job } from "./split.ts";

/** Workgroups that keep any adapter busy; beyond them each takes more turns. */
const ENOUGH_GROUPS = 64;
const MOST_TURNS = 64;
/** Lanes of a workgroup on an adapter with wide subgroups. */
const WIDE_LANES = 64;

export function elementsKernel(name: string, { axes, outputs }: Job, frame: Frame): DenseKernel {
  const { sizes, target } = frame;
  const lanes = target.spills ? target.lanes : WIDE_LANES;
  const total = count(axes, sizes);
  const turns = Math.min(MOST_TURNS, Math.max(1, Math.ceil(total / (lanes * ENOUGH_GROUPS))));
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

  const turn = frame.name("turn");
  const position = plus(times(plus(times(named("group"), turns), named(turn)), lanes), named("lane"));
  const body: Stmt[] = [
    {
      kind: "loop",
      name: turn,
      from: 0,
      to: turns,
      step: "rolled",
      body: [
        { kind: "index", name: element, value: position },
        { kind: "when", all: [{ index: named(element), bound: total }], body: scope.statements },
      ],
    },
  ];
  return frame.kernel(name, { lanes, subgroups: false }, Math.ceil(total / (lanes * turns)), body);
}
