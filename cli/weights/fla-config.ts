/**
 * The `config.json` of a checkpoint of flash-linear-attention (fla) for its DeltaNet, GatedDeltaNet and GLA: its
 * sizes, its choices, and a refusal of those that no network here can make. What is left out has fla's own default.
 */
import { UsageError } from "../errors.ts";

export const FLA_KINDS = ["delta_net", "gated_deltanet", "gla"] as const;
export type FlaKind = (typeof FLA_KINDS)[number];

export type Activation = "silu" | "relu" | "elu" | "identity";

export interface FlaModel {
  readonly kind: FlaKind;
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Lengths of the keys and values of a head. */
  readonly dk: number;
  readonly dv: number;
  /** Channels within the mlp. */
  readonly hidden: number;
  /** Tokens that the short convolutions of q, k and v see; undefined where there are none. */
  readonly conv: number | undefined;
  /** What is done to q and k, and how they are made of one length: `l2`, or `sum`, or not. */
  readonly activation: Activation;
  readonly length: "l2" | "sum" | "free";
  /** The largest that the gate beta can be; undefined where there is none. */
  readonly mostBeta: 1 | 2 | undefined;
  /** Whether the output is multiplied by a gate, the silu of a projection. */
  readonly isGated: boolean;
  /** What fla calls the gain of the norm of the output; undefined where it has none. */
  readonly gain: "o_norm" | "g_norm" | "g_norm_swish_gate" | undefined;
  readonly isTied: boolean;
}

/** Throws UsageError, which tells everything that stands in the way. `path` is for the message. */
export function flaModel(json: unknown, path: string): FlaModel {
  const settings = new Settings(json, path);
  const kind = settings.oneOf("model_type", FLA_KINDS);
  const width = settings.count("hidden_size", 2048);
  const heads = settings.count("num_heads", { delta_net: 16, gated_deltanet: 6, gla: 4 }[kind]);
  const ratio = settings.number("hidden_ratio", 4);
  const isGated = settings.flag(kind === "gla" ? "use_output_gate" : "use_gate", kind !== "delta_net");
  const hasConv = settings.flag("use_short_conv", kind !== "gla");
  const { dk, dv } = lengths(kind, settings, width, heads);
  const own = kind === "delta_net" ? deltaNet(settings) : GATED[kind](settings, hasConv);

  settings.only(
    "hidden_act",
    ["swish"],
    "the mlp and the gate of the output here are of silu, which is swish",
  );
  settings.only("attn", [null], "some of its layers are softmax attention, and the table of names has none");
  settings.only("attnres_block_size", [null], "attention over the residuals has no part here to be");
  settings.only("norm_eps", [1e-6], "every norm here has 1e-6 inside its root");
  const heading = `${path} describes a network of fla that none here can be`;
  const model = {
    kind,
    vocabulary: settings.count("vocab_size", 32000),
    width,
    layers: settings.count("num_hidden_layers", { delta_net: 24, gated_deltanet: 21, gla: 24 }[kind]),
    heads,
    dk,
    dv,
    hidden: settings.count("intermediate_size", 256 * Math.ceil(Math.trunc((width * ratio * 2) / 3) / 256)),
    conv: hasConv ? settings.count("conv_size", 4) : undefined,
    ...own,
    isGated,
    gain: kind === "gla" ? gainOfGla(settings, isGated) : "o_norm",
    isTied: settings.flag("tie_word_embeddings", false),
  };
  if (settings.problems.length > 0) throw new UsageError(heading, settings.problems);
  return model;
}

function lengths(
  kind: FlaKind,
  settings: Settings,
  width: number,
  heads: number,
): { dk: number; dv: number } {
  if (kind === "gated_deltanet") {
    const dk = settings.count("head_dim", 256);
    return { dk, dv: settings.whole("head_dim × expand_v", dk * settings.number("expand_v", 2)) };
  }
  const share = (name: string, value: number): number =>
    settings.whole(
      `hidden_size × ${name} / num_heads`,
      Math.trunc(width * settings.number(name, value)) / heads,
    );
  return { dk: share("expand_k", kind === "gla" ? 0.5 : 1), dv: share("expand_v", 1) };
}

function gainOfGla(settings: Settings, isGated: boolean): FlaModel["gain"] {
  if (!settings.flag("elementwise_affine", true)) return undefined;
  return isGated && settings.flag("fuse_norm", true) ? "g_norm_swish_gate" : "g_norm";
}

type Own = Pick<FlaModel, "activation" | "length" | "mostBeta">;

function deltaNet(settings: Settings): Own {
  settings.only(
    "use_beta",
    [true],
    "its beta is always 1, and no gate, so that it has no weights to be loaded",
  );
  const most = settings.flag("allow_neg_eigval", false) ? 2 : 1;
  return {
    activation: settings.oneOf("qk_activation", ["silu", "relu", "elu", "identity"], "silu"),
    length: settings.oneOf("qk_norm", ["l2", "sum"], "l2"),
    mostBeta: most,
  };
}

const GATED = {
  gated_deltanet(settings: Settings): Own {
    const heads = settings.count("num_heads", 6);
    settings.only(
      "num_v_heads",
      [null, heads],
      "several values share a key there, and every head here has its own",
    );
    return { activation: "silu", length: "l2", mostBeta: settings.flag("allow_neg_eigval", false) ? 2 : 1 };
  },
  gla(settings: Settings, hasConv: boolean): Own {
    const heads = settings.count("num_heads", 4);
    settings.only(
      "num_kv_heads",
      [null, heads],
      "several heads share a key there, and every head here has its own",
    );
    settings.only(
      "feature_map",
      [null],
      "q and k go through a feature map, of which the layout does not tell enough",
    );
    settings.only("clamp_min", [null], "its decay is cut off from below, which no range of a gate does");
    return { activation: hasConv ? "silu" : "identity", length: "free", mostBeta: undefined };
  },
};

/** Values by name, with what is wrong with them. A wrong one counts as its default until all are told. */
class Settings {
  readonly problems: string[] = [];
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(json: unknown, path: string) {
    if (typeof json !== "object" || json === null || Array.isArray(json))
      throw new UsageError(`${path} should hold a JSON object`);
    this.#values = new Map(Object.entries(json));
  }

  #value<T>(name: string, wanted: string, isWell: (value: unknown) => value is T, otherwise: T): T {
    const value = this.#values.get(name);
    // What is null is as good as left out, in fla too.
    if (value === undefined || value === null) return otherwise;
    if (isWell(value)) return value;
    this.problems.push(`${name} should be ${wanted}, and is ${JSON.stringify(value)}`);
    return otherwise;
  }

  number(name: string, otherwise: number): number {
    const isWell = (value: unknown): value is number => typeof value === "number" && value > 0;
    return this.#value(name, "a number above 0", isWell, otherwise);
  }

  count(name: string, otherwise: number): number {
    const isWell = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
    return this.#value(name, "a whole number from 1 up", isWell, otherwise);
  }

  flag(name: string, otherwise: boolean): boolean {
    const isWell = (value: unknown): value is boolean => typeof value === "boolean";
    return this.#value(name, "true or false", isWell, otherwise);
  }

  /** One of these words; the first where it is left out and no other is given. */
  oneOf<T extends string>(name: string, words: readonly T[], otherwise?: T): T {
    const isWell = (value: unknown): value is T => words.some((word) => word === value);
    if (otherwise === undefined && !this.#values.has(name)) {
      this.problems.push(`${name} is missing; it should be one of ${words.join(", ")}`);
    }
    return this.#value(name, `one of ${words.join(", ")}`, isWell, otherwise ?? (words[0] as T));
  }

  /** A number that was worked out, and should be whole. */
  whole(what: string, value: number): number {
    if (!Number.isSafeInteger(value) || value < 1)
      this.problems.push(`${what} should be whole, and is ${value}`);
    return value;
  }

  /** Anything but these is refused. The first of them is what is left out. */
  only(name: string, values: readonly unknown[], why: string): void {
    const value = this.#values.get(name) ?? values[0];
    if (!values.includes(value)) this.problems.push(`${name} is ${JSON.stringify(value)}: ${why}`);
  }
}
