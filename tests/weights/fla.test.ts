/**
 * Checkpoints of flash-linear-attention, made up: loaded into a network of ours, they say what they say there; and
 * what cannot be loaded is refused with the reason.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { UsageError } from "../../cli/errors.ts";
import { loadWeights, slotsOf } from "../../cli/weights/load.ts";
import { programOf } from "../../compiler/network/build.ts";
import { interpretProgram } from "../../compiler/network/interpret.ts";
import { type Network, sizesOf } from "../../compiler/network/network.ts";
import { type Tensor, writeSafetensors } from "../../runtime/safetensors.ts";
import { jsonOf, networkFor, tensorsOf } from "./fla-made.ts";
import { type Config, logitsOf } from "./fla-reference.ts";

const folder = mkdtempSync(join(tmpdir(), "miras-fla-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
function write(json: unknown, tensors: ReadonlyMap<string, Tensor>): string {
  const path = join(folder, `${made++}`);
  mkdirSync(path);
  writeFileSync(join(path, "config.json"), JSON.stringify(json));
  writeFileSync(join(path, "model.safetensors"), writeSafetensors(tensors));
  return path;
}

async function refusal(path: string, network: Network): Promise<string> {
  const error = await loadWeights(path, network).catch((e: unknown) => e);
  if (error instanceof UsageError) return [error.message, ...error.notes].join("\n");
  throw error instanceof Error ? error : new Error("it was taken");
}

const configs = fc
  .record({
    model_type: fc.constantFrom("delta_net" as const, "gated_deltanet" as const, "gla" as const),
    vocab_size: fc.integer({ min: 2, max: 7 }),
    num_heads: fc.integer({ min: 1, max: 2 }),
    intermediate_size: fc.integer({ min: 1, max: 5 }),
    num_hidden_layers: fc.integer({ min: 1, max: 2 }),
    dk: fc.integer({ min: 1, max: 3 }),
    dv: fc.integer({ min: 1, max: 3 }),
    taps: fc.constantFrom(0, 1, 4),
    isGated: fc.boolean(),
    mostBeta: fc.constantFrom(1, 2),
    isTied: fc.boolean(),
    qk: fc.constantFrom<Config["qk"][]>(["silu", "l2"], ["relu", "l2"], ["elu", "sum"], ["identity", "l2"]),
  })
  .map((sizes): Config => ({ ...sizes, hidden_size: 8 }));

const SMALL: Config = {
  ...{
    model_type: "delta_net",
    vocab_size: 5,
    hidden_size: 8,
    intermediate_size: 3,
    num_hidden_layers: 2,
    num_heads: 2,
  },
  ...{ dk: 3, dv: 4, taps: 4, isGated: false, mostBeta: 1, isTied: false, qk: ["silu", "l2"] },
};

describe("a checkpoint of flash-linear-attention", () => {
  it("says in our network what it says there", async () => {
    await fc.assert(
      fc.asyncProperty(
        configs,
        fc.nat(1000),
        fc.array(fc.nat(), { minLength: 1, maxLength: 7 }),
        async (config, seed, drawn) => {
          const tokens = drawn.map((token) => token % config.vocab_size);
          const network = networkFor(config);
          const tensors = tensorsOf(config, seed);
          const weights = await loadWeights(write(jsonOf(config), tensors), network);
          expect([...weights].map(([name, { shape }]) => ({ name, shape }))).toEqual(slotsOf(network));

          const given = new Map([...weights].map(([name, { data }]) => [name, Float64Array.from(data)]));
          const program = programOf(network);
          given.set(program.tokens.name, Float64Array.from(tokens));
          const run = interpretProgram(program.steps, sizesOf(network, 1, tokens.length), given, [
            program.logits,
          ]);
          const logits = run.get(program.logits.name) ?? [];
          const wanted = logitsOf(config, tensors, tokens).flat();
          const square = (x: readonly number[]): number => x.reduce((sum, xi) => sum + xi * xi, 0);
          const error = wanted.map((x, i) => x - (logits[i] as number));
          expect(Math.sqrt(square(error) / square(wanted))).toBeLessThan(1e-10);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("is told all that is missing, unexpected or of another shape, by its own names", async () => {
    const tensors = tensorsOf(SMALL);
    tensors.delete("model.layers.0.attn.b_proj.weight");
    tensors.delete("model.layers.1.attn.b_proj.weight");
    tensors.set("model.layers.1.attn.D", { shape: [2], data: new Float32Array(2) });
    tensors.set("model.norm.weight", { shape: [9], data: new Float32Array(9) });
    const path = write(jsonOf(SMALL), tensors);
    expect(
      await refusal(path, networkFor(SMALL)),
    ).toBe(`the weights of ${path}, by its config.json, are not those of the network
missing: \`model.layers.{0–1}.attn.b_proj.weight\` [2, 8]
unexpected: \`model.layers.1.attn.D\` [2]
of another shape: \`model.norm.weight\` [9] in the file, [8] in the network`);
  });

  it("is told by our names where the network has more", async () => {
    const path = write(jsonOf(SMALL), tensorsOf(SMALL));
    const network = networkFor(SMALL, { "gate beta in (0, 1)": "gate beta in (0, 1) rank 2" });
    expect(await refusal(path, network)).toBe(`the weights of ${path} are not those of the network
missing: \`layers.{0–1}.M.beta.project.down\` [2, 8]
missing: \`layers.{0–1}.M.beta.project.up\` [2, 2]
unexpected: \`layers.{0–1}.M.beta.project\` [2, 8]`);
  });

  it("may have a tied embedding twice, if it is the same", async () => {
    const config = { ...SMALL, isTied: true };
    const tensors = tensorsOf(config);
    const embedding = tensors.get("model.embeddings.weight") as Tensor;
    const twice = new Map<string, Tensor>([...tensors, ["lm_head.weight", embedding]]);
    expect((await loadWeights(write(jsonOf(config), twice), networkFor(config))).has("unembedding")).toBe(
      false,
    );
    twice.set("lm_head.weight", { shape: embedding.shape, data: embedding.data.map((x) => x + 1) });
    expect(await refusal(write(jsonOf(config), twice), networkFor(config))).toMatch(
      /unexpected: `lm_head.weight`/,
    );
  });

  it("is refused where the network has other sizes, or other parts", async () => {
    const path = write(jsonOf(SMALL), tensorsOf(SMALL));
    const other = networkFor({
      ...SMALL,
      vocab_size: 6,
      num_hidden_layers: 1,
      intermediate_size: 9,
      isTied: true,
    });
    expect(await refusal(path, other)).toBe(`the network N is not the one that ${path}/config.json describes
vocabulary is 6 in the network and 5 in the checkpoint
layers is 1 in the network and 2 in the checkpoint
hidden, the width inside swiglu, is 9 in the network and 3 in the checkpoint
write \`embeddings untied\`: so they are there`);
    expect(await refusal(path, networkFor(SMALL, { "block M, swiglu(hidden: 3)": "block M" }))).toMatch(
      /layers of a memory and an mlp.*\nwrite `block M, swiglu\(hidden: 3\)`$/,
    );
  });
});

describe("a layer that is not fla's is refused, with what it should be", () => {
  const gated: Config = { ...SMALL, model_type: "gated_deltanet", isGated: true };
  const gla: Config = { ...SMALL, model_type: "gla", isGated: true, taps: 0 };

  it.each([
    [
      SMALL,
      { "gate beta in (0, 1)": "gate beta in (0, 2)" },
      /`beta` is the sigmoid of a projection there; write `gate beta in \(0, 1\)`/,
    ],
    [
      { ...SMALL, mostBeta: 2 },
      { "gate beta in (0, 2)": "gate beta in (0, 1)" },
      /`beta` is twice the sigmoid .* write `gate beta in \(0, 2\)`/,
    ],
    [
      SMALL,
      { "silu |> unit": "unit" },
      /`q` is made in another way there; write `input q = project \|> conv\(4\) \|> silu \|> unit`\n`k` is/,
    ],
    [
      SMALL,
      { "input v = project |> conv(4) |> silu": "input v = project |> silu |> conv(4)" },
      /`v` is made in another way there/,
    ],
    [
      SMALL,
      { "dk ^ (-1/2)": "2" },
      /the memory: there it is W' = W \(I − β k kᵀ\) \+ β v kᵀ, read as W' q \/ √dk/,
    ],
    [SMALL, { "bias l2": "bias dot" }, /the memory: there it is/],
    [
      SMALL,
      { "norm(read(q * dk ^ (-1/2)))": "read(q * dk ^ (-1/2))" },
      /what becomes of the memory's output: .* write `output = norm\(read\(…\)\)`/,
    ],
    [
      gated,
      { "silu(project)": "sigmoid(project)" },
      /its norm times the silu of a projection; write `output = norm\(read\(…\)\) \* silu\(project\)`/,
    ],
    [gated, { ", at: kept": "" }, /the memory: there it is W' = α W/],
    [
      gated,
      { "param A_log\n": "", " = exp(-exp(A_log) * softplus(project))": "" },
      /`alpha` is exp\(−exp\(A_log\) softplus\(a projection\)\) there, which a plain sigmoid is not for any weights; write `param A_log` and `gate alpha/,
    ],
    [gated, { "param A_log": "param A_log in (0, 1)" }, /`alpha` is exp/],
    [
      gla,
      { " = sigmoid(project) ^ (1/16)": "" },
      /`alpha` is the 16th root of the sigmoid of a projection there, .*; write `gate alpha \[dk\] in \(0, 1\) rank 16 = sigmoid\(project\) \^ \(1\/16\)`/,
    ],
  ] as const)("%#", async (config, changed, why) => {
    const path = write(jsonOf(config), tensorsOf(config));
    expect(await refusal(path, networkFor(config, changed))).toMatch(why);
  });

  it("and what it says to write is the same", async () => {
    for (const config of [SMALL, gated, gla]) {
      const weights = await loadWeights(write(jsonOf(config), tensorsOf(config)), networkFor(config));
      expect(weights.size).toBe(slotsOf(networkFor(config)).length);
    }
  });
});

describe("a configuration that no network here can be is refused, with all reasons", () => {
  const network = networkFor(SMALL);
  const tensors = tensorsOf(SMALL);

  it.each([
    [{ model_type: "mamba2" }, 'model_type should be one of delta_net, gated_deltanet, gla, and is "mamba2"'],
    [{ model_type: undefined }, "model_type is missing; it should be one of delta_net, gated_deltanet, gla"],
    [{ attn: { layers: [1] } }, 'attn is {"layers":[1]}: some of its layers are softmax attention'],
    [
      { attnres_block_size: 2 },
      "attnres_block_size is 2: attention over the residuals has no part here to be",
    ],
    [{ hidden_act: "powlu" }, 'hidden_act is "powlu": the mlp and the gate of the output here are of silu'],
    [{ use_beta: false }, "use_beta is false: its beta is always 1"],
    [{ norm_eps: 1e-5 }, "norm_eps is 0.00001: every norm here has 1e-6 inside its root"],
    [{ qk_activation: "tanh" }, 'qk_activation should be one of silu, relu, elu, identity, and is "tanh"'],
    [{ model_type: "gated_deltanet", num_v_heads: 4 }, "num_v_heads is 4: several values share a key there"],
    [{ model_type: "gla", num_kv_heads: 1 }, "num_kv_heads is 1: several heads share a key there"],
    [{ model_type: "gla", feature_map: "relu" }, 'feature_map is "relu"'],
    [{ model_type: "gla", clamp_min: -1 }, "clamp_min is -1: its decay is cut off from below"],
    [{ hidden_size: 7, num_heads: 2 }, "hidden_size × expand_k / num_heads should be whole, and is 2.5"],
    [{ num_heads: "two" }, 'num_heads should be a whole number from 1 up, and is "two"'],
    [{ tie_word_embeddings: 1 }, "tie_word_embeddings should be true or false, and is 1"],
  ])("%j", async (changed, why) => {
    expect(await refusal(write({ ...jsonOf(SMALL), ...changed }, tensors), network)).toContain(why);
  });

  it("two at once, and what is no configuration", async () => {
    const both = await refusal(write({ ...jsonOf(SMALL), use_beta: false, norm_eps: 1 }, tensors), network);
    expect(both.split("\n")).toHaveLength(3);
    expect(await refusal(write([], tensors), network)).toMatch(/should hold a JSON object/);
    const path = write({}, tensors);
    writeFileSync(join(path, "config.json"), "{");
    expect(await refusal(path, network)).toMatch(/is no JSON/);
  });
});

describe("weights of our own", () => {
  it("come back from one file, by their names", async () => {
    const network = networkFor(SMALL);
    const weights = new Map(
      slotsOf(network).map(({ name, shape }, n) => [
        name,
        { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(n) },
      ]),
    );
    const path = join(folder, "ours.safetensors");
    writeFileSync(path, writeSafetensors(weights));
    expect(await loadWeights(path, network)).toEqual(weights);
    weights.delete("embedding");
    writeFileSync(path, writeSafetensors(weights));
    expect(await refusal(path, network)).toBe(
      `the weights of ${path} are not those of the network\nmissing: \`embedding\` [5, 8]`,
    );
  });
});
