/** From a checked network to its program. */
import { add, at, mul, substitute } from "../math/algebra.ts";
import { type Axis, axesFor, dim, elements } from "../math/axis.ts";
import { leaf, type Tensor } from "../math/expr.ts";
import { NONNEGATIVE } from "../math/interval.ts";
import { Builder, lookup, normal, sumAlong } from "./builder.ts";
import { Layer, norm } from "./layer.ts";
import type { MixerPart, Network } from "./network.ts";
import { sizesOf } from "./network.ts";
import { BATCH, type Program, TOKENS, VOCABULARY, WIDTH } from "./program.ts";

export function programOf(network: Network): Program {
  const builder = new Builder();
  const sizes = sizesOf(network, 1, 1);
  const tokens = builder.given("tokens", [BATCH, TOKENS], NONNEGATIVE);
  const deviation = network.sizes.width ** -0.5;
  const table = [VOCABULARY, WIDTH];
  const embedding = builder.weight("embedding", table, normal(deviation), true);
  let stream = builder.define("embedded", [BATCH, TOKENS, WIDTH], ([b, t, c]) =>
    lookup(VOCABULARY, leaf(tokens, [b as Axis, t as Axis]), (s) => leaf(embedding, [s, c as Axis])),
  );
  const names = partNames(network);
  const memories = network.parts.filter((p) => p.kind === "memory").length;
  let index = 0;
  for (let layer = 0; layer < network.sizes.layers; layer++) {
    for (const [i, part] of network.parts.entries()) {
      const prefix = `layers.${layer}.${names[i]}`;
      const x = norm(builder, stream, `${prefix}.input.norm`);
      if (part.kind === "mixer") stream = mixer(builder, part, prefix, x, stream, network.sizes.width);
      else {
        const number = { index: index++, count: memories * network.sizes.layers };
        const out = new Layer(builder, part.rule, prefix, x, number, sizes).output();
        stream = back(
          builder,
          out,
          `${prefix}.output.back`,
          `${prefix}.sum`,
          stream,
          elements(out.shape, sizes),
        );
      }
    }
  }
  const last = network.hasFinalNorm ? norm(builder, stream, "final_norm") : stream;
  const unembedding = network.isTied
    ? embedding
    : builder.weight("unembedding", table, normal(deviation), true);
  const logits = builder.define("logits", [BATCH, TOKENS, VOCABULARY], ([b, t, v]) =>
    sumAlong([WIDTH], ([c]) =>
      mul(leaf(last, [b as Axis, t as Axis, c as Axis]), leaf(unembedding, [v as Axis, c as Axis])),
    ),
  );
  return { name: network.name, tokens, learned: builder.learned, steps: builder.steps, logits };
}

/** The name of each part; one that comes again in the block has a number. */
function partNames({ parts }: Network): string[] {
  return parts.map(({ name }, i) => {
    const before = parts.slice(0, i).filter((p) => p.name === name).length;
    return before === 0 ? name : `${name}_${before + 1}`;
  });
}

/** The residual: what was there, and a linear map of all channels of all heads, with the weights `[width, …]`. */
function back(
  builder: Builder,
  from: Tensor,
  name: string,
  result: string,
  residual: Tensor,
  channels: number,
): Tensor {
  const own = from.shape.slice(2);
  const weight = builder.weight(name, [WIDTH, ...own], normal(channels ** -0.5), true);
  return builder.define(result, [BATCH, TOKENS, WIDTH], (axes) => {
    const [b, t, c] = axes as [Axis, Axis, Axis];
    const product = sumAlong(own, (inner) => mul(leaf(weight, [c, ...inner]), leaf(from, [b, t, ...inner])));
    return add(leaf(residual, axes), product);
  });
}

function mixer(
  builder: Builder,
  part: MixerPart,
  prefix: string,
  x: Tensor,
  residual: Tensor,
  width: number,
): Tensor {
  const hidden = dim([], part.hidden);
  const map = (name: string): Tensor => {
    const weight = builder.weight(`${prefix}.${name}`, [hidden, WIDTH], normal(width ** -0.5), true);
    return builder.define(`${prefix}.${name}.result`, [BATCH, TOKENS, hidden], ([b, t, h]) =>
      sumAlong([WIDTH], ([c]) =>
        mul(leaf(weight, [h as Axis, c as Axis]), leaf(x, [b as Axis, t as Axis, c as Axis])),
      ),
    );
  };
  const up = map("up");
  const gate = part.isGated ? map("gate") : undefined;
  const inside = builder.define(`${prefix}.inside`, [BATCH, TOKENS, hidden], (axes) => {
    const [b, t, h] = axes as [Axis, Axis, Axis];
    const { x: argument, value } = part.activation;
    const active = substitute(at(value, axesFor(argument.shape), [h]), (tensor, index) =>
      tensor === argument ? leaf(gate ?? up, [b, t, ...index]) : undefined,
    );
    return gate ? mul(active, leaf(up, axes)) : active;
  });
  return back(builder, inside, `${prefix}.down`, `${prefix}.sum`, residual, part.hidden);
}
