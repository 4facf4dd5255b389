/**
 * Names of flash-linear-attention's tensors and of ours, in one table. Both keep a linear map with its outputs
 * first, so that heads only have to be told apart: `[H·dk, width]` there is `[H, dk, width]` here, the same numbers in
 * the same order. What differs:
 *
 * - a convolution's filter is `[channels, 1, taps]` there and its last tap is the token's own; here it is
 *   `[H, dk, taps]` and its first tap is;
 * - a gate that is only a projection there has a bias here, which is 0;
 * - a norm without a gain there has one here, which is 1.
 */
import type { FlaModel } from "./fla-config.ts";

export interface Row {
  /** As our networks call it, with the shape that it has here. */
  readonly ours: string;
  readonly shape: readonly number[];
  /** What it is made of there, or the number that fills it. */
  readonly from:
    | { readonly theirs: string; readonly shape: readonly number[]; readonly isReversed?: true }
    | number;
}

/** `part` is what our block calls its memory layer. */
export function tableOf(model: FlaModel, part: string): Row[] {
  const { vocabulary, width, layers, isTied } = model;
  return [
    {
      ours: "embedding",
      shape: [vocabulary, width],
      from: { theirs: "model.embeddings.weight", shape: [vocabulary, width] },
    },
    ...Array.from({ length: layers }, (_, n) =>
      layer(model, `layers.${n}.${part}`, `model.layers.${n}.attn`),
    ).flat(),
    ...Array.from({ length: layers }, (_, n) => around(model, n, part)).flat(),
    { ours: "final_norm", shape: [width], from: { theirs: "model.norm.weight", shape: [width] } },
    ...(isTied
      ? []
      : [
          {
            ours: "unembedding",
            shape: [vocabulary, width],
            from: { theirs: UNEMBEDDING, shape: [vocabulary, width] },
          },
        ]),
  ];
}

export const UNEMBEDDING = "lm_head.weight";

/** Of the low-rank map of GLA's decay, which no setting of fla's models changes. */
const RANK = 16;

function layer(model: FlaModel, ours: string, theirs: string): Row[] {
  const { kind, width, heads: H, dk, dv, conv, isGated, gain, mostBeta } = model;
  const row = (name: string, shape: readonly number[], from: string, flat: readonly number[]): Row => ({
    ours: `${ours}.${name}`,
    shape,
    from: { theirs: `${theirs}.${from}`, shape: flat },
  });
  const filled = (name: string, shape: readonly number[], value: number): Row => ({
    ours: `${ours}.${name}`,
    shape,
    from: value,
  });
  const fed = (name: string, length: number): Row[] => [
    row(`${name}.project`, [H, length, width], `${name}_proj.weight`, [H * length, width]),
    ...(conv === undefined
      ? []
      : [
          {
            ours: `${ours}.${name}.conv`,
            shape: [H, length, conv],
            from: {
              theirs: `${theirs}.${name}_conv1d.weight`,
              shape: [H * length, 1, conv],
              isReversed: true as const,
            },
          },
        ]),
  ];
  return [
    ...fed("q", dk),
    ...fed("k", dk),
    ...fed("v", dv),
    ...(mostBeta === undefined
      ? []
      : [row("beta.project", [H, width], "b_proj.weight", [H, width]), filled("beta.bias", [H], 0)]),
    ...(kind === "gated_deltanet"
      ? [
          row("alpha.project", [H, width], "a_proj.weight", [H, width]),
          row("alpha.bias", [H], "dt_bias", [H]),
          row("A_log", [H], "A_log", [H]),
        ]
      : []),
    ...(kind === "gla"
      ? [
          row("alpha.project.down", [RANK, width], "gk_proj.0.weight", [RANK, width]),
          row("alpha.project.up", [H, dk, RANK], "gk_proj.1.weight", [H * dk, RANK]),
          row("alpha.bias", [H, dk], "gk_proj.1.bias", [H * dk]),
        ]
      : []),
    gain === undefined ? filled("output.norm", [dv], 1) : row("output.norm", [dv], `${gain}.weight`, [dv]),
    ...(isGated ? [row("output.project", [H, dv, width], "g_proj.weight", [H * dv, width])] : []),
    row("output.back", [width, H, dv], "o_proj.weight", [width, H * dv]),
  ];
}

/** The norms before both parts of a layer, and its mlp. */
function around({ width, hidden }: FlaModel, n: number, part: string): Row[] {
  const row = (ours: string, theirs: string, shape: readonly number[]): Row => ({
    ours: `layers.${n}.${ours}`,
    shape,
    from: { theirs: `model.layers.${n}.${theirs}.weight`, shape },
  });
  return [
    row(`${part}.input.norm`, "attn_norm", [width]),
    row("swiglu.input.norm", "mlp_norm", [width]),
    row("swiglu.gate", "mlp.gate_proj", [hidden, width]),
    row("swiglu.up", "mlp.up_proj", [hidden, width]),
    row("swiglu.down", "mlp.down_proj", [width, hidden]),
  ];
}
