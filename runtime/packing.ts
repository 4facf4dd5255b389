/** Numbers on their way to the GPU and back: as buffers hold them. */
import type { BufferPool } from "./buffers.ts";
import type { Launch } from "./kernel.ts";

/** The uniform buffer of a dispatch: `RUN_FIELDS`, then the block's own. */
export function uniforms(
  T: number,
  first: number,
  end: number,
  layer: { readonly index: number; readonly count: number },
  bases: readonly number[],
): ArrayBuffer {
  const bytes = new ArrayBuffer(24 + 4 * bases.length);
  new Uint32Array(bytes, 0, 4).set([T, first, end, 1]);
  new Float32Array(bytes, 16, 2).set([layer.index, layer.count]);
  new Uint32Array(bytes, 24).set(bases);
  return bytes;
}

export function packStates(
  block: Pick<Launch, "state">,
  states: ReadonlyMap<string, ArrayLike<number>>,
  records: number,
): Float32Array<ArrayBuffer> {
  const { stride, slots } = block.state;
  const packed = new Float32Array(Math.max(1, records * stride));
  for (const { name, offset, length } of slots) {
    const given = states.get(name);
    if (!given) continue;
    for (let r = 0; r < records; r++) {
      for (let i = 0; i < length; i++) packed[r * stride + offset + i] = given[r * length + i] as number;
    }
  }
  return packed;
}

export function unpackStates(
  block: Launch,
  packed: Float32Array,
  records: number,
): Map<string, Float32Array> {
  const { stride, slots } = block.state;
  return new Map(
    slots.map((slot) => {
      const out = new Float32Array(records * slot.length);
      for (let r = 0; r < records; r++) {
        const start = r * stride + slot.offset;
        out.set(packed.subarray(start, start + slot.length), r * slot.length);
      }
      return [slot.name, out] as const;
    }),
  );
}

/** As buffers take them: what is so already is not copied, or the garbage of long inputs would cost more than their kernels. */
export function numbersOf(
  data: ReadonlyMap<string, ArrayLike<number>>,
  name: string,
): Float32Array<ArrayBuffer> {
  const found = data.get(name);
  if (!found) throw new RangeError(`no data for ${name}`);
  return isSingle(found) ? found : new Float32Array(found);
}

const isSingle = (numbers: ArrayLike<number>): numbers is Float32Array<ArrayBuffer> =>
  numbers instanceof Float32Array && numbers.buffer instanceof ArrayBuffer;

/** Reads `count` numbers back. */
export async function download(
  gpu: GPUDevice,
  pool: BufferPool,
  buffer: GPUBuffer,
  count: number,
): Promise<Float32Array> {
  if (count === 0) return new Float32Array();
  const staging = pool.take(count * 4, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, count * 4);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ, 0, count * 4);
  const numbers = new Float32Array(staging.getMappedRange(0, count * 4).slice(0));
  staging.unmap();
  pool.give(staging);
  return numbers;
}
