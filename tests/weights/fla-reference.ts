/**
 * DeltaNet, GatedDeltaNet and GLA as flash-linear-attention computes them, from its own tensors: plain loops, no code
 * of ours. One sequence of tokens in, logits of every place out.
 */
export interface Config {
  readonly model_type: "delta_net" | "gated_deltanet" | "gla";
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_heads: number;
  readonly dk: number;
  readonly dv: number;
  readonly taps: number;
  readonly isGated: boolean;
  readonly mostBeta: number;
  readonly isTied: boolean;
  /** Of q and k of DeltaNet: what is done to each channel, and to each head; the others have silu and l2, or nothing. */
  readonly qk: readonly [activation: "silu" | "relu" | "elu" | "identity", length: "l2" | "sum"];
}

type Vector = number[];
export type Checkpoint = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const silu = (x: number): number => x * sigmoid(x);

const ACTIVATIONS = {
  silu,
  relu: (x: number): number => Math.max(0, x),
  elu: (x: number): number => (x > 0 ? x : Math.expm1(x)) + 1,
  identity: (x: number): number => x,
};

export function logitsOf(config: Config, checkpoint: Checkpoint, tokens: readonly number[]): Vector[] {
  const get = (name: string): Float32Array => {
    const tensor = checkpoint.get(name);
    if (!tensor) throw new Error(`no ${name}`);
    return tensor.data;
  };
  const linear = (name: string, x: Vector): Vector => {
    const weight = get(name);
    const rows = weight.length / x.length;
    return Array.from({ length: rows }, (_, r) =>
      x.reduce((sum, xi, i) => sum + xi * (weight[r * x.length + i] as number), 0),
    );
  };
  const rmsNorm = (x: Vector, gain: ArrayLike<number>): Vector => {
    const scale = 1 / Math.sqrt(x.reduce((sum, xi) => sum + xi * xi, 0) / x.length + 1e-6);
    return x.map((xi, i) => xi * scale * (gain[i] as number));
  };
  const add = (a: Vector, b: Vector): Vector => a.map((x, i) => x + (b[i] as number));
  const width = config.hidden_size;

  const embeddings = get("model.embeddings.weight");
  let stream = tokens.map((token) => [...embeddings.slice(token * width, (token + 1) * width)]);
  for (let n = 0; n < config.num_hidden_layers; n++) {
    const at = `model.layers.${n}`;
    const read = mixed(
      stream.map((x) => rmsNorm(x, get(`${at}.attn_norm.weight`))),
      `${at}.attn`,
    );
    stream = stream.map((x, t) => add(x, read[t] as Vector));
    stream = stream.map((x) => {
      const inner = rmsNorm(x, get(`${at}.mlp_norm.weight`));
      const up = linear(`${at}.mlp.up_proj.weight`, inner);
      const gate = linear(`${at}.mlp.gate_proj.weight`, inner);
      return add(
        x,
        linear(
          `${at}.mlp.down_proj.weight`,
          up.map((u, i) => u * silu(gate[i] as number)),
        ),
      );
    });
  }
  const head = config.isTied ? "model.embeddings.weight" : "lm_head.weight";
  return stream.map((x) => linear(head, rmsNorm(x, get("model.norm.weight"))));

  function mixed(xs: readonly Vector[], at: string): Vector[] {
    const { num_heads: H, dk, dv, model_type: kind } = config;
    const fed = (name: string): Vector[] => {
      const act = kind === "delta_net" && name !== "v" ? ACTIVATIONS[config.qk[0]] : silu;
      const projected = xs.map((x) => linear(`${at}.${name}_proj.weight`, x));
      if (config.taps === 0) return kind === "gla" ? projected : projected.map((x) => x.map(act));
      const filter = get(`${at}.${name}_conv1d.weight`);
      // As torch's conv1d with zeros before the first token: the last tap is the token's own.
      return projected.map((x, t) =>
        x.map((_, c) => {
          let sum = 0;
          for (let j = 0; j < config.taps; j++) {
            const s = t - (config.taps - 1) + j;
            if (s >= 0) sum += (filter[c * config.taps + j] as number) * (projected[s]?.[c] as number);
          }
          return act(sum);
        }),
      );
    };
    const unit = (x: Vector): Vector => {
      if (kind === "delta_net" && config.qk[1] === "sum")
        return x.map((xi) => xi / x.reduce((a, b) => a + b));
      const scale = 1 / Math.sqrt(x.reduce((sum, xi) => sum + xi * xi, 0) + 1e-6);
      return kind === "gla" ? x : x.map((xi) => xi * scale);
    };
    const [q, k, v] = [fed("q"), fed("k"), fed("v")];
    const out = xs.map(() => new Array<number>(H * dv).fill(0));
    for (let h = 0; h < H; h++) {
      const state = Array.from({ length: dk }, () => new Array<number>(dv).fill(0));
      for (const [t, x] of xs.entries()) {
        const qt = unit((q[t] as Vector).slice(h * dk, (h + 1) * dk));
        const kt = unit((k[t] as Vector).slice(h * dk, (h + 1) * dk));
        const vt = (v[t] as Vector).slice(h * dv, (h + 1) * dv);
        const decay = decayOf(x, at, h);
        for (const [i, row] of state.entries())
          for (let j = 0; j < dv; j++) row[j] = (row[j] as number) * (decay[i] as number);
        let write = vt;
        if (kind !== "gla") {
          const beta = config.mostBeta * sigmoid(linear(`${at}.b_proj.weight`, x)[h] as number);
          write = vt.map(
            (vj, j) => beta * (vj - kt.reduce((sum, ki, i) => sum + ki * (state[i]?.[j] as number), 0)),
          );
        }
        for (const [i, row] of state.entries())
          for (let j = 0; j < dv; j++) row[j] = (row[j] as number) + (kt[i] as number) * (write[j] as number);
        const o = vt.map(
          (_, j) => qt.reduce((sum, qi, i) => sum + qi * (state[i]?.[j] as number), 0) / Math.sqrt(dk),
        );
        const normed = rmsNorm(
          o,
          get(
            `${at}.${kind === "gla" ? (config.isGated ? "g_norm_swish_gate" : "g_norm") : "o_norm"}.weight`,
          ),
        );
        const gate = config.isGated
          ? linear(`${at}.g_proj.weight`, x)
              .slice(h * dv, (h + 1) * dv)
              .map(silu)
          : normed.map(() => 1);
        for (let j = 0; j < dv; j++)
          (out[t] as Vector)[h * dv + j] = (normed[j] as number) * (gate[j] as number);
      }
    }
    return out.map((o) => linear(`${at}.o_proj.weight`, o));
  }

  /** For each key channel. */
  function decayOf(x: Vector, at: string, h: number): Vector {
    const { dk, model_type: kind } = config;
    if (kind === "delta_net") return new Array<number>(dk).fill(1);
    if (kind === "gated_deltanet") {
      const z = (linear(`${at}.a_proj.weight`, x)[h] as number) + (get(`${at}.dt_bias`)[h] as number);
      return new Array<number>(dk).fill(
        Math.exp(-Math.exp(get(`${at}.A_log`)[h] as number) * Math.log1p(Math.exp(z))),
      );
    }
    const bias = get(`${at}.gk_proj.1.bias`);
    const z = linear(`${at}.gk_proj.1.weight`, linear(`${at}.gk_proj.0.weight`, x)).map(
      (zi, i) => zi + (bias[i] as number),
    );
    return z.slice(h * dk, (h + 1) * dk).map((zi) => Math.exp(Math.log(sigmoid(zi)) / 16));
  }
}
