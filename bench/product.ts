/**
 * The best rate of a matrix product in f32 that this adapter gives to plain WGSL: what a kernel made of products could
 * reach. Several kernels that differ in where a tile lies; the best of them counts, and each is held to f64 first.
 */
import type { Device } from "../runtime/device.ts";
import { BOUND } from "./race.ts";
import { errorRatio } from "./statistics.ts";
import type { Numbers } from "./task.ts";

export interface ProductRate {
  readonly kernel: string;
  /** Arithmetic in 10⁹ operations a second, a fused multiply and add counted two. */
  readonly gflops: number;
  readonly error: number;
}

/** Products of square matrices: one large, and as many small ones as chunks of a sequence have. */
const SHAPES = [
  { n: 64, count: 64 },
  { n: 192, count: 2 },
] as const;

/** The best one first. */
export async function productRates(device: Device, runs: number): Promise<ProductRate[]> {
  const rates: ProductRate[] = [];
  for (const { n, count } of SHAPES) {
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32 - 0.5;
    };
    const [a, b] = [0, 1].map(() => Float32Array.from({ length: count * n * n }, random)) as [
      Numbers,
      Numbers,
    ];
    const some = [0, 1, n / 2 + 3, n - 1].map((row) => row + (count - 1) * n);
    const want = some.map((row) => rowOfProduct(a, b, n, row));
    for (const kernel of kernels) {
      const { c, times } = await device.during(kernel.name, () =>
        multiply(device, kernel, a, b, n, count, runs),
      );
      const error = Math.max(
        ...some.map((row, i) => errorRatio(c.subarray(row * n, (row + 1) * n), want[i] as Float64Array)),
      );
      if (!(error <= BOUND)) throw new Error(`${kernel.name} is wrong: ${error}`);
      const gflops = (2 * count * n ** 3) / Math.min(...times) / 1e6;
      rates.push({ kernel: `${count} × ${n}³, ${kernel.name}`, gflops, error });
    }
  }
  return rates.sort((x, y) => y.gflops - x.gflops);
}

interface Kernel {
  readonly name: string;
  readonly code: string;
  /** Rows and columns of the product that a workgroup makes. */
  readonly tile: readonly [number, number];
}

const head = `
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
@group(0) @binding(3) var<uniform> n: u32;
`;
/** The first number, in fours, of the matrices that a workgroup works on. */
const base = "let base = group.z * n * n / 4;";
const upTo = (n: number): number[] => [...Array(n).keys()];
const lines = (n: number, line: (i: number) => string): string => upTo(n).map(line).join("\n");

const addProducts = (r: number): string =>
  ["x", "y", "z", "w"].map((part, i) => `sum${r} = fma(vec4f(a${r}.${part}), b${i}, sum${r});`).join(" ");

/** Each invocation makes `rows` × 4 numbers in registers; its rows of `a` are those of the whole workgroup. */
function registerTile(lanes: number, rows: number): Kernel {
  return {
    name: `registers ${rows}×4, ${lanes} lanes side by side`,
    tile: [rows, 4 * lanes],
    code: `${head}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let width = n / 4;
  ${base}
  let row = group.y * ${rows};
  let column = group.x * ${lanes} + lane;
${lines(rows, (r) => `  var sum${r} = vec4f();`)}
  for (var k = 0u; k < width; k++) {
${lines(4, (i) => `    let b${i} = b[base + (4 * k + ${i}) * width + column];`)}
${lines(rows, (r) => `    let a${r} = a[base + (row + ${r}) * width + k];\n    ${addProducts(r)}`)}
  }
${lines(rows, (r) => `  c[base + (row + ${r}) * width + column] = sum${r};`)}
}`,
  };
}

/** As textbooks have it: tiles of both matrices in workgroup memory, `rows` × 4 numbers for each invocation. */
function workgroupTile(lanesX: number, lanesY: number, rows: number, depth: number): Kernel {
  const tileRows = lanesY * rows;
  const lanes = lanesX * lanesY;
  const fill = (array: string, height: number, width: number, from: string): string => `
    for (var i = lane; i < ${height * width}; i += ${lanes}) {
      ${array}[i] = ${from};
    }`;
  return {
    name: `workgroup tiles ${tileRows}×${4 * lanesX}, depth ${depth}, registers ${rows}×4`,
    tile: [tileRows, 4 * lanesX],
    code: `${head}
var<workgroup> left: array<vec4f, ${(tileRows * depth) / 4}>;
var<workgroup> right: array<vec4f, ${depth * lanesX}>;
@compute @workgroup_size(${lanesX}, ${lanesY})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let width = n / 4;
  ${base}
${lines(rows, (r) => `  var sum${r} = vec4f();`)}
  for (var k = 0u; k < width; k += ${depth / 4}) {${fill(
    "left",
    tileRows,
    depth / 4,
    `a[base + (group.y * ${tileRows} + i / ${depth / 4}) * width + k + i % ${depth / 4}]`,
  )}${fill("right", depth, lanesX, `b[base + (4 * k + i / ${lanesX}) * width + group.x * ${lanesX} + i % ${lanesX}]`)}
    workgroupBarrier();
    for (var j = 0u; j < ${depth / 4}; j++) {
${lines(4, (i) => `      let b${i} = right[(4 * j + ${i}) * ${lanesX} + id.x];`)}
${lines(rows, (r) => `      let a${r} = left[(id.y * ${rows} + ${r}) * ${depth / 4} + j];\n      ${addProducts(r)}`)}
    }
    workgroupBarrier();
  }
${lines(rows, (r) => `  c[base + (group.y * ${tileRows} + id.y * ${rows} + ${r}) * width + group.x * ${lanesX} + id.x] = sum${r};`)}
}`,
  };
}

const kernels: readonly Kernel[] = [
  registerTile(8, 4),
  registerTile(8, 8),
  registerTile(8, 16),
  registerTile(16, 4),
  workgroupTile(8, 8, 4, 16),
  workgroupTile(16, 8, 8, 32),
];

async function multiply(
  { gpu }: Device,
  { code, tile }: Kernel,
  a: Numbers,
  b: Numbers,
  n: number,
  count: number,
  runs: number,
): Promise<{ c: Float32Array; times: number[] }> {
  const pipeline = await gpu.createComputePipelineAsync({
    layout: "auto",
    compute: { module: gpu.createShaderModule({ code }), entryPoint: "main" },
  });
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = (size: number, usage: number): GPUBuffer => gpu.createBuffer({ size, usage });
  const [left, right, product] = [a, b, a].map((x) => buffer(x.byteLength, storage)) as [
    GPUBuffer,
    GPUBuffer,
    GPUBuffer,
  ];
  const size = buffer(16, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  const staging = buffer(a.byteLength, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  gpu.queue.writeBuffer(left, 0, a);
  gpu.queue.writeBuffer(right, 0, b);
  gpu.queue.writeBuffer(size, 0, Uint32Array.of(n));
  const group = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [left, right, product, size].map((of, binding) => ({ binding, resource: { buffer: of } })),
  });
  const times: number[] = [];
  for (let i = 0; i <= runs; i++) {
    await gpu.queue.onSubmittedWorkDone();
    const started = performance.now();
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(n / tile[1], n / tile[0], count);
    pass.end();
    gpu.queue.submit([encoder.finish()]);
    await gpu.queue.onSubmittedWorkDone();
    // The first run warms up.
    if (i > 0) times.push(performance.now() - started);
  }
  const copy = gpu.createCommandEncoder();
  copy.copyBufferToBuffer(product, 0, staging, 0, a.byteLength);
  gpu.queue.submit([copy.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const c = new Float32Array(staging.getMappedRange().slice(0));
  for (const each of [left, right, product, size, staging]) each.destroy();
  return { c, times };
}

/** A row of the product, counted through all matrices. */
function rowOfProduct(a: Numbers, b: Numbers, n: number, row: number): Float64Array {
  const out = new Float64Array(n);
  const first = row - (row % n);
  for (let k = 0; k < n; k++) {
    const scale = a[row * n + k] as number;
    for (let j = 0; j < n; j++) out[j] = (out[j] as number) + scale * (b[(first + k) * n + j] as number);
  }
  return out;
}
