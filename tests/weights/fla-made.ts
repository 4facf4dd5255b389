/** Made-up checkpoints of flash-linear-attention, and the networks of ours that compute the same. */
import { uniform } from "../../compiler/derive/sample.ts";
import type { Network } from "../../compiler/network/network.ts";
import { compile } from "../../compiler/pipeline.ts";
import type { Tensor } from "../../runtime/safetensors.ts";
import { prelude } from "../support/specs.ts";
import type { Config } from "./fla-reference.ts";

const CHOICES = {
  delta_net: "memory matrix\n bias l2\n retention none\n algorithm gd(beta)",
  gated_deltanet: "memory matrix\n bias l2\n retention decay(alpha)\n algorithm gd(beta, at: kept)",
  gla: "memory matrix\n bias dot\n retention decay(alpha)\n algorithm gd(1)",
};
const ALPHA = {
  delta_net: "",
  gated_deltanet: "param A_log\n gate alpha in (0, 1) = exp(-exp(A_log) * softplus(project))",
  gla: "gate alpha [dk] in (0, 1) rank 16 = sigmoid(project) ^ (1/16)",
};

const ACTIVATIONS = { silu: " |> silu", relu: " |> relu", elu: " |> elu1", identity: "" };

/** A network of ours that computes what this configuration does; `changed` is put in the place of parts of its text. */
export function networkFor(config: Config, changed: Readonly<Record<string, string>> = {}): Network {
  const { model_type: kind, taps } = config;
  const start = taps > 0 ? `project |> conv(${taps})` : "project";
  const act = kind === "gla" && taps === 0 ? "" : " |> silu";
  const acts = kind === "delta_net" ? ACTIVATIONS[config.qk[0]] : act;
  const length =
    kind === "gla" ? "" : kind === "delta_net" && config.qk[1] === "sum" ? " |> share" : " |> unit";
  const text = `fn elu1(x) = max(x, 0) + exp(min(x, 0))
fn share(x) = x / sum(x)
model M {
 ${CHOICES[kind]}
 ${ALPHA[kind]}
 ${kind === "gla" ? "" : `gate beta in (0, ${config.mostBeta})`}
 input q, k = ${start}${acts}${length}
 input v = ${start}${act}
 output = norm(read(q * dk ^ (-1/2)))${config.isGated ? " * silu(project)" : ""}
}
network N {
 vocabulary ${config.vocab_size}
 width ${config.hidden_size}
 heads ${config.num_heads}
 dk ${config.dk}
 dv ${config.dv}
 layers ${config.num_hidden_layers}
 block M, swiglu(hidden: ${config.intermediate_size})
 embeddings ${config.isTied ? "tied" : "untied"}
}`;
  const whole = Object.entries(changed).reduce((all, [from, to]) => {
    if (!all.includes(from)) throw new Error(`the network has no ${from}`);
    return all.replace(from, to);
  }, text);
  const { networks, diagnostics } = compile({ path: "n.miras", text: whole }, prelude);
  const [network] = networks;
  if (!network || diagnostics.hasErrors) throw new Error(diagnostics.all.map((d) => d.message).join("\n"));
  return network;
}

/** fla's config.json. */
export function jsonOf(config: Config): Record<string, unknown> {
  const { model_type, dk, dv, taps, isGated, mostBeta, isTied, qk, ...shared } = config;
  const width = config.hidden_size;
  const lengths =
    model_type === "gated_deltanet"
      ? { head_dim: dk, expand_v: dv / dk }
      : { expand_k: (dk * config.num_heads) / width, expand_v: (dv * config.num_heads) / width };
  return {
    ...{ architectures: ["ForCausalLM"], model_type, ...shared, ...lengths, norm_eps: 1e-6 },
    ...{ tie_word_embeddings: isTied, use_short_conv: taps > 0, conv_size: taps || 4, attn: null },
    ...(model_type === "gla"
      ? { use_output_gate: isGated }
      : { use_gate: isGated, allow_neg_eigval: mostBeta === 2 }),
    ...(model_type === "delta_net" && { qk_activation: qk[0], qk_norm: qk[1] }),
  };
}

/** Its tensors, by their shapes alone, at random. */
export function tensorsOf(config: Config, seed = 1): Map<string, Tensor & { readonly data: Float32Array }> {
  const { model_type: kind, hidden_size: w, num_heads: H, dk, dv, taps, intermediate_size: inner } = config;
  const random = uniform(seed);
  const tensors = new Map<string, Tensor & { readonly data: Float32Array }>();
  const put = (name: string, ...shape: number[]): void => {
    const scale = shape.length > 1 ? (shape.at(-1) as number) ** -0.5 : 1;
    const data = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      () => scale * 2 * (2 * random() - 1),
    );
    tensors.set(name, { shape, data });
  };
  put("model.embeddings.weight", config.vocab_size, w);
  for (let n = 0; n < config.num_hidden_layers; n++) {
    const at = `model.layers.${n}`;
    put(`${at}.attn_norm.weight`, w);
    for (const [name, length] of [
      ["q", dk],
      ["k", dk],
      ["v", dv],
    ] as const) {
      put(`${at}.attn.${name}_proj.weight`, H * length, w);
      if (taps > 0) put(`${at}.attn.${name}_conv1d.weight`, H * length, 1, taps);
    }
    if (kind !== "gla") put(`${at}.attn.b_proj.weight`, H, w);
    if (kind === "gated_deltanet") {
      put(`${at}.attn.a_proj.weight`, H, w);
      put(`${at}.attn.A_log`, H);
      put(`${at}.attn.dt_bias`, H);
    }
    if (kind === "gla") {
      put(`${at}.attn.gk_proj.0.weight`, 16, w);
      put(`${at}.attn.gk_proj.1.weight`, H * dk, 16);
      put(`${at}.attn.gk_proj.1.bias`, H * dk);
    }
    if (config.isGated) put(`${at}.attn.g_proj.weight`, H * dv, w);
    put(
      `${at}.attn.${kind === "gla" ? (config.isGated ? "g_norm_swish_gate" : "g_norm") : "o_norm"}.weight`,
      dv,
    );
    put(`${at}.attn.o_proj.weight`, w, H * dv);
    put(`${at}.mlp_norm.weight`, w);
    put(`${at}.mlp.gate_proj.weight`, inner, w);
    put(`${at}.mlp.up_proj.weight`, inner, w);
    put(`${at}.mlp.down_proj.weight`, w, inner);
  }
  put("model.norm.weight", w);
  if (!config.isTied) put("lm_head.weight", config.vocab_size, w);
  return tensors;
}
