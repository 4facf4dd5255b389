/** A pool of GPU buffers: what is given back is used again by the next request that it fits. */

export class BufferPool {
  readonly #gpu: GPUDevice;
  readonly #free = new Map<GPUBufferUsageFlags, GPUBuffer[]>();
  readonly #all = new Set<GPUBuffer>();

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** A buffer of at least `bytes` bytes (of a size that WebGPU can copy). Its contents are arbitrary. */
  take(bytes: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const free = this.#free.get(usage) ?? [];
    // Not one that is much too large: that would keep memory from those who need it.
    const found = free.findIndex((b) => b.size >= size && b.size <= 2 * size);
    if (found >= 0) return free.splice(found, 1)[0] as GPUBuffer;
    const made = this.#gpu.createBuffer({ size, usage });
    this.#all.add(made);
    return made;
  }

  give(buffer: GPUBuffer): void {
    const free = this.#free.get(buffer.usage) ?? [];
    free.push(buffer);
    this.#free.set(buffer.usage, free);
  }

  destroy(): void {
    for (const b of this.#all) b.destroy();
    this.#all.clear();
    this.#free.clear();
  }
}
