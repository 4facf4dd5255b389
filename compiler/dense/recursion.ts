/**
 * The kernel of a recursion: what it reads of itself along other axes than the recursion's decides who runs along it.
 * An invocation does where elements side by side do not see one another, and else a workgroup, whose lanes wait.
 */
import type { Recursion } from "../form/steps.ts";
import { barrier, named, type Stmt, type Value } from "../kernel/block.ts";
import type { Target } from "../kernel/target.ts";
import { type Axis, axesFor, extentOf, type Sizes } from "../math/axis.ts";
import { type Expr, type Leaf, leaf, postorder, type Tensor } from "../math/expr.ts";
import { type DenseKernel, Frame } from "./frame.ts";
import { Scope, usesIn } from "./scope.ts";
import { count, partsOf } from "./space.ts";

/** One kernel for a recursion. What it reads must lie in memory, and so does all that it makes. */
export function lowerRecursion(
  name: string,
  recursion: Recursion,
  sizes: Sizes,
  target: Target,
): DenseKernel {
  const frame = new Frame(sizes, target, new Map());
  const made = recursion.definitions.map(
    ({ tensor, value }): Made => ({
      tensor,
      axes: axesFor(tensor.shape),
      value,
    }),
  );
  for (const { tensor } of made) frame.written.add(tensor);
  for (const { tensor } of made) frame.writes(tensor);
  const outer = sharedAxes(recursion.axis, made);
  const restOf = (axes: readonly Axis[]): Axis[] =>
    axes.filter((a) => a !== recursion.axis && !outer.includes(a));
  const alone = made.every((d) => restOf(d.axes).length === 0);
  const lanes = target.narrow ? target.lanes : 64;
  const total = count(outer, sizes);
  const length = extentOf(recursion.axis.dim, sizes);

  const unit = frame.name(alone ? "row" : "part");
  const scope = new Scope(frame, usesIn(made.map((d) => d.value)));
  const outside = scope.inner(partsOf(unit, outer, sizes));
  const turn = frame.name("turn");
  const at = frame.name("at");
  const along = outside.inner([[recursion.axis, { kind: "index", index: named(at) }]]);
  along.statements.push({
    kind: "index",
    name: at,
    value: recursion.backwards ? { kind: "difference", from: length - 1, less: named(turn) } : named(turn),
  });
  const store = (into: Scope, { tensor, axes, value }: Made): Value => {
    const held = into.named(value, tensor.name);
    into.statements.push({
      kind: "store",
      buffer: frame.writes(tensor),
      index: into.place(leaf(tensor, axes)),
      value: held,
    });
    return held;
  };
  for (const d of made) {
    along.statements.push({
      kind: "comment",
      text: `${d.tensor.name}[${d.axes.map((a) => a.dim.key).join(", ")}]`,
    });
    if (alone) {
      along.know(leaf(d.tensor, d.axes), store(along, d));
      continue;
    }
    const rest = restOf(d.axes);
    const elements = count(rest, sizes);
    const element = frame.name("element");
    const inner = along.inner(partsOf(element, rest, sizes));
    store(inner, d);
    along.statements.push(
      { kind: "loop", name: element, from: named("lane"), to: elements, step: lanes, body: inner.statements },
      barrier("storage"),
    );
  }
  const loop: Stmt = {
    kind: "loop",
    name: turn,
    from: 0,
    to: length,
    step: "rolled",
    body: along.statements,
  };
  const run = [...outside.statements, loop];
  const body: Stmt[] = alone
    ? [
        {
          kind: "index",
          name: unit,
          value: {
            kind: "sum",
            terms: [{ kind: "product", factors: [named("group"), lanes] }, named("lane")],
          },
        },
        { kind: "when", all: [{ index: named(unit), bound: total }], body: run },
      ]
    : [{ kind: "index", name: unit, value: named("group") }, ...run];
  return frame.kernel(name, { lanes, subgroups: false }, alone ? Math.ceil(total / lanes) : total, [
    ...scope.statements,
    ...body,
  ]);
}

interface Made {
  readonly tensor: Tensor;
  readonly axes: readonly Axis[];
  readonly value: Expr;
}

/** The axes that all definitions have, and along which what they read of one another is in the same place. */
function sharedAxes(along: Axis, made: readonly Made[]): Axis[] {
  const own = new Map(made.map((d) => [d.tensor, d.axes]));
  const reads = postorder(made.map((d) => d.value)).filter(
    (e): e is Leaf => e.kind === "leaf" && own.has(e.tensor),
  );
  return (made[0]?.axes ?? []).filter(
    (a) =>
      a !== along &&
      made.every((d) => d.axes.includes(a)) &&
      reads.every((l) => l.index[(own.get(l.tensor) as readonly Axis[]).indexOf(a)] === a),
  );
}
