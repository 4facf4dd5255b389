/**
 * How fast the dense kernels' products of matrices are: `npx tsx bench/dense.ts`. Each is held to f64 before its time
 * counts, in every order in which its operands can lie.
 */
import { lowerDense } from "../compiler/dense/lower.ts";
import { printWgsl } from "../compiler/emit/wgsl/print.ts";
import { targetFor } from "../compiler/kernel/target.ts";
import { mul, sumOver } from "../compiler/math/algebra.ts";
import { type Axis, axisOf, type Dim, dim } from "../compiler/math/axis.ts";
import { leaf, type Tensor } from "../compiler/math/expr.ts";
import { REAL } from "../compiler/math/interval.ts";
import type { Device } from "../runtime/device.ts";
import { findDevice, noAdapterHelp } from "../runtime/node/adapter.ts";
import { ProgramRunner } from "../runtime/program.ts";
import { BOUND } from "./race.ts";
import { errorRatio, median } from "./statistics.ts";

const SHAPES = [
  { rows: 512, inner: 512, columns: 512 },
  { rows: 768, inner: 128, columns: 512 },
  { rows: 128, inner: 768, columns: 512 },
] as const;
const RUNS = 30;

const [rows, inner, columns] = ["rows", "inner", "columns"].map((n) => axisOf(dim([n]))) as [
  Axis,
  Axis,
  Axis,
];
/** What it is for in a network, and the order in which both operands lie. */
const ORDERS: readonly (readonly [string, readonly Axis[], readonly Axis[]])[] = [
  ["x W", [rows, inner], [inner, columns]],
  ["x Wᵀ", [rows, inner], [columns, inner]],
  ["xᵀ y", [inner, rows], [inner, columns]],
];

async function measure(
  device: Device,
  sizes: (typeof SHAPES)[number],
  left: readonly Axis[],
  right: readonly Axis[],
): Promise<{ best: number; usual: number; error: number }> {
  const made = (name: string, axes: readonly Axis[]): Tensor => ({
    name,
    shape: axes.map((x): Dim => x.dim),
    domain: REAL,
  });
  const [a, b, c] = [made("a", left), made("b", right), made("c", [rows, columns])];
  const value = sumOver(mul(leaf(a, left), leaf(b, right)), [inner]);
  const { limits, subgroupSize } = device;
  const target = targetFor({
    subgroupSize,
    storageBuffers: limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
  });
  const kernels = lowerDense(
    "product",
    [{ kind: "definition", tensor: c, value }],
    new Set([c]),
    sizes,
    target,
  );
  const extent = (x: Axis): number => sizes[x.dim.key as keyof typeof sizes];
  const count = (axes: readonly Axis[]): number => axes.reduce((n, x) => n * extent(x), 1);
  const runner = await ProgramRunner.create(device, {
    name: "a product",
    tensors: new Map([
      ["a", count(left)],
      ["b", count(right)],
      ["c", count([rows, columns])],
    ]),
    sequences: {
      once: kernels.map(({ block, groups }) => ({ code: { block, wgsl: printWgsl(block) }, groups })),
    },
  });
  try {
    const data = [left, right].map((axes, i) =>
      Float32Array.from({ length: count(axes) }, (_, n) => noise(n, i)),
    );
    const [x, y] = data as [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
    runner.write("a", x);
    runner.write("b", y);
    const times: number[] = [];
    for (let i = 0; i <= RUNS; i++) {
      const started = performance.now();
      await runner.run("once");
      await runner.done();
      // The first run warms up.
      if (i > 0) times.push(performance.now() - started);
    }
    const got = (await runner.read("c")).get("c") as Float32Array;
    const at = (axes: readonly Axis[], place: ReadonlyMap<Axis, number>): number =>
      axes.reduce((n, axis) => n * extent(axis) + (place.get(axis) as number), 0);
    const last = sizes.rows - 1;
    const want = Float64Array.from({ length: sizes.columns }, (_, column) => {
      let total = 0;
      for (let k = 0; k < sizes.inner; k++) {
        const place = new Map([
          [rows, last],
          [columns, column],
          [inner, k],
        ]);
        total += (x[at(left, place)] as number) * (y[at(right, place)] as number);
      }
      return total;
    });
    const error = errorRatio(got.subarray(last * sizes.columns), want);
    if (!(error <= BOUND)) throw new Error(`a product of dense kernels is wrong: ${error}`);
    const work = (2 * sizes.rows * sizes.inner * sizes.columns) / 1e6;
    return { best: work / Math.min(...times), usual: work / median(times), error };
  } finally {
    runner.destroy();
  }
}

/** Numbers in ±0.5 without a pattern. */
const noise = (n: number, seed: number): number =>
  (Math.imul(n + 1, 2654435761 + 2 * seed) >>> 8) / 2 ** 24 - 0.5;

const device = await findDevice();
if (!device) throw new Error(noAdapterHelp());
console.log(`${device.adapter.name}: GFLOP/s, best and median of ${RUNS} runs`);
for (const sizes of SHAPES)
  for (const [name, left, right] of ORDERS) {
    const { best, usual } = await measure(device, sizes, left, right);
    const shape = `[${sizes.rows} × ${sizes.inner}] · [${sizes.inner} × ${sizes.columns}]`;
    console.log(`${shape}  ${name.padEnd(5)} ${best.toFixed(1).padStart(6)} ${usual.toFixed(1).padStart(6)}`);
  }
device.destroy();
