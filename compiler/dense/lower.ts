/** Lowers the dense half of a network, values in index notation over named tensors, to kernels. */

import type { Definition } from "../form/steps.ts";
import type { Target } from "../kernel/target.ts";
import { elements, type Sizes } from "../math/axis.ts";
import { postorder, type Tensor, tensorsOf } from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { elementsKernel } from "./elements.ts";
import { type DenseKernel, Frame } from "./frame.ts";
import { fused } from "./fuse.ts";
import { inlined } from "./inline.ts";
import { narrowProduct } from "./narrow-product.ts";
import { productOf } from "./product.ts";
import { rowsKernel } from "./rows-kernel.ts";
import { type Job, Splitter } from "./split.ts";
import { systemKernel } from "./system-kernel.ts";
import { withSystemsApart } from "./systems.ts";
import { tiledProduct } from "./tiled-product.ts";
import { Work } from "./work.ts";

export type { DenseKernel } from "./frame.ts";

/**
 * Lowers definitions, in order. `kept` are the tensors that must lie in memory afterwards; others may be computed where
 * they are used. A tensor of `replaces` (new → old) takes the place of another, of which it reads nothing but its own
 * element: the two are one buffer. Names begin with `name`. Every binding holds one tensor, f32, row-major; those
 * that no definition names are temporaries. All sizes must be known.
 */
export function lowerDense(
  name: string,
  definitions: readonly Definition[],
  kept: ReadonlySet<Tensor>,
  sizes: Sizes,
  target: Target,
  replaces: ReadonlyMap<Tensor, Tensor> = new Map(),
): readonly DenseKernel[] {
  const work = new Work(sizes);
  const left = inlined(withSystemsApart(name, definitions), { kept, replaces }, work);
  checkOrder(left, replaces);
  const splitter = new Splitter(name, work, target);
  splitter.define(left);
  for (const job of splitter.jobs) checkElements(job, replaces);
  const jobs = fused(splitter.jobs, replaces, target.storageBuffers).filter((job) =>
    job.outputs.some((o) => elements(o.tensor.shape, sizes) > 0),
  );
  return jobs.map((job, i) =>
    lowerJob(`${name} ${i}: ${titleOf(job)}`, job, new Frame(sizes, target, replaces)),
  );
}

const titleOf = ({ outputs }: Job): string => outputs.map((o) => o.tensor.name).join(", ");

function lowerJob(name: string, job: Job, frame: Frame): DenseKernel {
  if (job.rows) return rowsKernel(name, job, job.rows, frame);
  if (job.system) return systemKernel(name, job, job.system, frame);
  const product = job.main && productOf(job.main, job.axes, frame.sizes);
  if (!product) return elementsKernel(name, job, frame);
  return (frame.target.narrow ? narrowProduct : tiledProduct)(name, job, product, frame);
}

/** What is replaced is not read any more afterwards. */
function checkOrder(definitions: readonly Definition[], replaces: ReadonlyMap<Tensor, Tensor>): void {
  for (const [i, d] of definitions.entries()) {
    const old = replaces.get(d.tensor);
    if (!old) continue;
    const isRead = definitions.slice(i + 1).some((later) => tensorsOf(later.value).has(old));
    if (isRead) throw new InternalError(`${old.name} is read after ${d.tensor.name} has taken its place`);
  }
}

/** A kernel that writes over a tensor reads of it, for each element, that element alone. */
function checkElements({ axes, outputs }: Job, replaces: ReadonlyMap<Tensor, Tensor>): void {
  const old = new Set(outputs.map((o) => replaces.get(o.tensor)));
  for (const x of postorder(outputs.map((o) => o.value))) {
    if (x.kind !== "leaf" || !old.has(x.tensor)) continue;
    if (x.index.some((a, i) => a !== axes[i]))
      throw new InternalError(`${x.tensor.name} is replaced by a value that reads other elements of it`);
  }
}
