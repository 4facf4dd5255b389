/** The stages below the forms: the block program of a kernel, and the kernel's text. */
import type { Block, Stmt } from "../../compiler/kernel/block.ts";
import { DEFAULT_FACTS, targetFor } from "../../compiler/kernel/target.ts";
import { compileKernel, type Kernel, type Model } from "../../compiler/pipeline.ts";

/** What is shown does not depend on the machine: kernels are specialised, so one case stands for all. */
const SIZE = 64;
const LANES = 8;
const CASE = `dk = dv = ${SIZE}, subgroups of ${LANES}, the default limits of WebGPU`;

const kernelOf = ({ rule }: Model): Kernel =>
  compileKernel(rule, { dk: SIZE, dv: SIZE }, targetFor({ ...DEFAULT_FACTS, subgroupSize: LANES }));

/** The program for one workgroup, without its arithmetic. */
export function kernelText(model: Model): string {
  const { block } = kernelOf(model);
  const outside = block.body.flatMap((s) => (s.kind === "loop" && s.step === "one" ? [] : [s]));
  const token = block.body.flatMap((s) => (s.kind === "loop" && s.step === "one" ? s.body : []));
  const registers = sum([
    ...block.planar.map((p) => 4 * product(p.extents)),
    ...outside.map((s) => (s.kind === "variable" && s.extents.length === 3 ? product(s.extents) : 0)),
  ]);
  return `${[
    `kernel of ${block.name}, for ${CASE}`,
    `workgroups  ${block.tiles === 1 ? "one for each head of each sequence" : `${block.tiles} tiles of rows for each head of each sequence`}, of ${block.lanes} lanes that exchange values ${block.subgroups ? "by subgroup shuffles" : "through workgroup memory"}`,
    `states      ${registers > 0 ? `in registers: ${registers} numbers a lane` : "in storage memory"}`,
    `memory      ${4 * block.state.stride} bytes of state and ${4 * block.scratchStride} of scratch a head, ${4 * sum(block.workgroup.map((w) => w.length))} of workgroup memory`,
    `splits      at multiples of ${block.quantum} ${block.quantum === 1 ? "token" : "tokens"}`,
    "buffers",
    ...block.bindings.map(
      (b, i) => `  ${i}  ${b.name}, ${b.access === "read" ? "read" : "read and written"}${packed(b)}`,
    ),
    block.steps === 1 ? "each token" : `each of the ${block.steps} steps of a token`,
    ...comments(token).map((c) => `  ${c}`),
  ].join("\n")}\n`;
}

/** The WGSL that is given to the driver. */
export const wgslText = (model: Model): string => `// For ${CASE}.\n${kernelOf(model).wgsl}`;

const packed = (b: Block["bindings"][number]): string =>
  b.holds.length > 1 ? `: ${b.holds.map((t) => t.name).join(", ")}` : "";

const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);

const product = (xs: readonly number[]): number => xs.reduce((a, b) => a * b, 1);

/** What each nest computes, and where lanes wait for each other. */
function comments(body: readonly Stmt[]): string[] {
  return body.flatMap((s) => {
    if (s.kind === "comment") return [s.text];
    if (s.kind === "loop") return comments(s.body).map((c) => `  ${c}`);
    if (s.kind === "barrier") return ["(all lanes wait)"];
    if (s.kind === "every" && s.phase > 0) return ["(after the last step)", ...comments(s.body)];
    if (s.kind === "every") return [`(every ${s.period} tokens: copy the states)`];
    return [];
  });
}
