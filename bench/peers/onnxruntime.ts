/** ONNX Runtime's own kernel for these recurrences, `com.microsoft.LinearAttention`, on its WebGPU provider. */
import { type Contender, type Ready, Unavailable } from "../contender.ts";
import { D, H, type Numbers, type Task } from "../task.ts";
import { load } from "./load.ts";
import { oneNodeModel, type Value } from "./onnx.ts";

interface Runtime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: { readonly executionProviders: readonly string[] }): Promise<Session>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => Tensor;
}

interface Session {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<"output" | "present", Tensor>>>;
  release(): Promise<void>;
}

interface Tensor {
  readonly data: Float32Array;
}

/** What the operator calls our workloads, and its names for their inputs. */
const RULES: Readonly<Record<string, { readonly rule: string; readonly inputs: readonly string[] }>> = {
  gla: { rule: "gated", inputs: ["decay"] },
  gated_deltanet: { rule: "gated_delta", inputs: ["decay", "beta"] },
};

const NAMES: Readonly<Record<string, string>> = { q: "query", k: "key", v: "value", alpha: "decay" };

export const onnxruntime: Contender = {
  name: "onnxruntime",
  includes: "the whole call: its Node API takes and gives tensors in main memory",
  ours: false,
  takes: ({ workload }) => workload.name in RULES,
  async prepare(task): Promise<Ready> {
    const { session, feeds } = await start(task);
    return {
      async run() {
        const started = performance.now();
        const { output } = await session.run(feeds);
        return { y: output.data, milliseconds: performance.now() - started };
      },
      close: () => void session.release(),
    };
  },
};

/** One token at a time, the state going out of one call and into the next. */
export async function onnxruntimeDecoder(task: Task): Promise<{
  step(token: number): Promise<Float32Array>;
  close(): void;
}> {
  const { session, feeds, tensor } = await start(task);
  let past = tensor(new Float32Array(H * D * D), [1, H, D, D]);
  const steps = Array.from({ length: task.T }, (_, t) =>
    Object.fromEntries(
      Object.entries(feeds)
        .filter(([name]) => name !== "past_state")
        .map(([name, { data }]) => {
          const width = data.length / task.T;
          return [name, tensor(data.slice(t * width, (t + 1) * width), [1, 1, width])];
        }),
    ),
  );
  return {
    async step(token) {
      const { output, present } = await session.run({ ...steps[token], past_state: past });
      past = present;
      return output.data;
    },
    close: () => void session.release(),
  };
}

async function start({ workload, T, data }: Task) {
  const { InferenceSession, Tensor } = await load<Runtime>("onnxruntime-node");
  const operator = RULES[workload.name];
  if (!operator) throw new Unavailable(`LinearAttention has no rule for ${workload.name}`);
  const tensor = (x: Float32Array, shape: readonly number[]): Tensor => new Tensor("float32", x, shape);
  const feeds: Record<string, Tensor> = { past_state: tensor(new Float32Array(H * D * D), [1, H, D, D]) };
  const widths: Record<string, number> = {};
  for (const [name, x] of data) {
    const width = x.length / T;
    widths[NAMES[name] ?? name] = width;
    feeds[NAMES[name] ?? name] = tensor(name === "alpha" ? logarithms(x) : x, [1, T, width]);
  }
  const packed = (name: string, width = widths[name] ?? 0): Value => ({ name, shape: ["B", "T", width] });
  const state = (name: string): Value => ({ name, shape: ["B", H, D, D] });
  const model = oneNodeModel({
    operator: "LinearAttention",
    domain: "com.microsoft",
    attributes: { update_rule: operator.rule, scale: D ** -0.5 },
    integers: { q_num_heads: H, kv_num_heads: H },
    inputs: [
      ...["query", "key", "value"].map((name) => packed(name)),
      state("past_state"),
      ...operator.inputs.map((name) => packed(name)),
    ],
    outputs: [packed("output", H * D), state("present")],
  });
  const session = await InferenceSession.create(model, { executionProviders: ["webgpu"] });
  return { session, feeds, tensor };
}

/** The operator takes the logarithm of a decay. */
const logarithms = (x: Numbers): Numbers => x.map(Math.log);
