/** Where a memory runs: on a WebGPU adapter, or on the f64 interpreter. */
import { type Extents, interpret, type Result, type Run } from "../compiler/derive/interpret.ts";
import type { Model } from "../compiler/pipeline.ts";

export interface Backend {
  readonly kind: "webgpu" | "interpreter";
  /** For people: the adapter's name, or that this is the interpreter. */
  readonly name: string;
  /** Runs the memory over whole sequences. `progress` is told how many of the tokens are done. */
  run(model: Model, extents: Extents, run: Run, progress?: (tokens: number) => void): Promise<Result>;
  close(): Promise<void>;
}

export const interpreterBackend: Backend = {
  kind: "interpreter",
  name: "the f64 interpreter",
  run: async (model, extents, run, progress) => {
    const result = interpret(model.rule, extents, run);
    progress?.(extents.T);
    return result;
  },
  close: async () => {},
};
