/** Elementwise jobs over the same elements, that read what the other reads or makes, as one. */
import { type Expr, postorder, type Tensor } from "../math/expr.ts";
import type { Job } from "./split.ts";

/** `most` is how many tensors a kernel can bind; `replaces` says which of them share a buffer. */
export function fused(
  jobs: readonly Job[],
  replaces: ReadonlyMap<Tensor, Tensor>,
  most: number,
): readonly Job[] {
  const out: Job[] = [];
  for (const job of jobs) {
    const at = out.findLastIndex((earlier) => canJoin(earlier, job, replaces, most));
    const earlier = out[at];
    if (earlier && canMove(job, out.slice(at + 1), replaces))
      out[at] = { axes: earlier.axes, outputs: [...earlier.outputs, ...job.outputs] };
    else out.push(job);
  }
  return out;
}

const isElementwise = (job: Job): boolean => !job.main && !job.rows && !job.system;

const valuesOf = (...jobs: readonly Job[]): Expr[] => jobs.flatMap((j) => j.outputs.map((o) => o.value));

function leavesOf(job: Job): Map<Tensor, boolean> {
  const { axes } = job;
  const leaves = new Map<Tensor, boolean>();
  for (const e of postorder(valuesOf(job))) {
    if (e.kind !== "leaf") continue;
    const isOwn = e.index.length === axes.length && e.index.every((a, i) => a === axes[i]);
    leaves.set(e.tensor, isOwn && (leaves.get(e.tensor) ?? true));
  }
  return leaves;
}

function canJoin(a: Job, b: Job, replaces: ReadonlyMap<Tensor, Tensor>, most: number): boolean {
  if (!isElementwise(a) || !isElementwise(b)) return false;
  if (a.axes.length !== b.axes.length || a.axes.some((x, i) => x !== b.axes[i])) return false;
  const [before, reads] = [leavesOf(a), leavesOf(b)];
  const made = a.outputs.map((o) => o.tensor);
  // What the other makes must be there: the same element.
  if (made.some((t) => reads.get(t) === false)) return false;
  // What takes a place must not be read at other elements by the other.
  const taken = [...a.outputs, ...b.outputs].map((o) => replaces.get(o.tensor));
  if (taken.some((t) => t && (before.get(t) === false || reads.get(t) === false))) return false;
  const shares = [...reads].some(([t, isOwn]) => isOwn && (made.includes(t) || before.get(t)));
  if (!shares) return false;
  const place = (t: Tensor): Tensor => replaces.get(t) ?? t;
  const bound = [...made, ...b.outputs.map((o) => o.tensor), ...before.keys(), ...reads.keys()].map(place);
  return new Set(bound).size <= most;
}

/** Whether nothing that runs between makes what the job reads, or reads what it writes over. */
function canMove(job: Job, between: readonly Job[], replaces: ReadonlyMap<Tensor, Tensor>): boolean {
  const reads = leavesOf(job);
  const taken = job.outputs.map((o) => replaces.get(o.tensor));
  return between.every((other) => {
    const others = leavesOf(other);
    const makes = other.outputs.some(
      (o) => reads.has(o.tensor) || reads.has(replaces.get(o.tensor) as Tensor),
    );
    return !makes && !taken.some((t) => t && others.has(t));
  });
}
