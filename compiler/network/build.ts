/** From a checked network to its program. */

import { BATCH } from "../form/steps.ts";
import { add, at, mul, substitute } from "../math/algebra.ts";
import { type Axis, axesFor, dim, elements, type Sizes } from "../math/axis.ts";
import { leaf, type Tensor } from "../math/expr.ts";
import { NONNEGATIVE } from "../math/interval.ts";
import { Builder, lookup, normal, sumAlong } from "./builder.ts";
import { Layer, norm } from "./layer.ts";
import { type MixerPart, type Network, type Part, sizesOf } from "./network.ts";
import { type Program, TOKENS, VOCABULARY, WIDTH } from "./program.ts";

export const programOf = (network: Network): Program => new Stack(network).program();

class Stack {
  readonly #builder = new Builder();
  readonly #network: Network;
  readonly #sizes: Sizes;

  constructor(network: Network) {
    this.#network = network;
    this.#sizes = sizesOf(network, 1, 1);
  }

  program(): Program {
    const { name, sizes, parts, isTied, hasFinalNorm } = this.#network;
    const builder = this.#builder;
    const tokens = builder.given("tokens", [BATCH, TOKENS], NONNEGATIVE);
    const table = (of: string): Tensor =>
      builder.weight(of, [VOCABULARY, WIDTH], normal(sizes.width ** -0.5), true);
    const embedding = table("embedding");
    let stream = builder.define("embedded", [BATCH, TOKENS, WIDTH], ([b, t, c]) =>
      lookup(VOCABULARY, leaf(tokens, [b as Axis, t as Axis]), (s) => leaf(embedding, [s, c as Axis])),
    );
    const names = partNames(parts);
    const perLayer = parts.filter((p) => p.kind === "memory").length;
    let memories = 0;
    for (let layer = 0; layer < sizes.layers; layer++) {
      for (const [i, part] of parts.entries()) {
        const prefix = `layers.${layer}.${names[i]}`;
        const x = norm(builder, stream, `${prefix}.input.norm`);
        if (part.kind === "mixer") {
          const inside = this.#mixed(part, prefix, x);
          stream = this.#back(inside, `${prefix}.down`, `${prefix}.sum`, stream);
        } else {
          const number = { index: memories++, count: perLayer * sizes.layers };
          const output = new Layer(builder, part.rule, prefix, x, number, this.#sizes).output();
          stream = this.#back(output, `${prefix}.output.back`, `${prefix}.sum`, stream);
        }
      }
    }
    const last = hasFinalNorm ? norm(builder, stream, "final_norm") : stream;
    const unembedding = isTied ? embedding : table("unembedding");
    const logits = builder.define("logits", [BATCH, TOKENS, VOCABULARY], ([b, t, v]) =>
      sumAlong([WIDTH], ([c]) =>
        mul(leaf(last, [b as Axis, t as Axis, c as Axis]), leaf(unembedding, [v as Axis, c as Axis])),
      ),
    );
    return { name, tokens, learned: builder.learned, steps: builder.steps, logits };
  }

  /**
   * The residual around a part: `stream`, and a linear map of all channels that the part gave, of all heads. The maps
   * start so small that the residuals of all parts together vary as one of them would.
   */
  #back(from: Tensor, name: string, result: string, stream: Tensor): Tensor {
    const own = from.shape.slice(2);
    const residuals = this.#network.parts.length * this.#network.sizes.layers;
    const deviation = (elements(own, this.#sizes) * residuals) ** -0.5;
    const weight = this.#builder.weight(name, [WIDTH, ...own], normal(deviation), true);
    return this.#builder.define(result, [BATCH, TOKENS, WIDTH], (axes) => {
      const [b, t, c] = axes as [Axis, Axis, Axis];
      const product = sumAlong(own, (inner) =>
        mul(leaf(weight, [c, ...inner]), leaf(from, [b, t, ...inner])),
      );
      return add(leaf(stream, axes), product);
    });
  }

  /** Between the two maps of a mixer: `[B, T, hidden]`. */
  #mixed({ hidden, isGated, activation }: MixerPart, prefix: string, x: Tensor): Tensor {
    const builder = this.#builder;
    const channels = dim([], hidden);
    const map = (name: string): Tensor => {
      const deviation = this.#network.sizes.width ** -0.5;
      const weight = builder.weight(`${prefix}.${name}`, [channels, WIDTH], normal(deviation), true);
      return builder.define(`${prefix}.${name}.result`, [BATCH, TOKENS, channels], ([b, t, h]) =>
        sumAlong([WIDTH], ([c]) =>
          mul(leaf(weight, [h as Axis, c as Axis]), leaf(x, [b as Axis, t as Axis, c as Axis])),
        ),
      );
    };
    const up = map("up");
    const gate = isGated ? map("gate") : undefined;
    return builder.define(`${prefix}.inside`, [BATCH, TOKENS, channels], (axes) => {
      const [b, t, h] = axes as [Axis, Axis, Axis];
      const template = at(activation.value, axesFor(activation.x.shape), [h]);
      const active = substitute(template, (tensor, index) =>
        tensor === activation.x ? leaf(gate ?? up, [b, t, ...index]) : undefined,
      );
      return gate ? mul(active, leaf(up, axes)) : active;
    });
  }
}

/** The name of each part; one that comes again in the block has a number. */
function partNames(parts: readonly Part[]): readonly string[] {
  const taken = new Set<string>();
  return parts.map(({ name }) => {
    let free = name;
    for (let n = 2; taken.has(free); n++) free = `${name}_${n}`;
    taken.add(free);
    return free;
  });
}
