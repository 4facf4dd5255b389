/** Networks for tests: compiled from text, with random weights and tokens. */
import { elements, type Sizes } from "../../compiler/math/axis.ts";
import { programOf } from "../../compiler/network/build.ts";
import { type Network, sizesOf } from "../../compiler/network/network.ts";
import type { Program } from "../../compiler/network/program.ts";
import { compileText } from "./specs.ts";

/** The first network of a text; throws with the diagnostics if there are any. */
export function networkOf(text: string, path?: string): Network {
  const { networks, diagnostics } = compileText(text, path);
  const [network] = networks;
  if (!network || diagnostics.all.length > 0)
    throw new Error(diagnostics.all.map((d) => `${d.code}: ${d.message}`).join("\n"));
  return network;
}

export interface Case {
  readonly network: Network;
  readonly program: Program;
  readonly sizes: Sizes;
  /** What is learned, by name, with the tokens and targets. */
  readonly data: Map<string, Float64Array>;
}

/** Every weight is random, gains and biases too, so that none of them can be forgotten. */
export function caseOf(network: Network, B: number, T: number, random: () => number): Case {
  const program = programOf(network);
  const sizes = sizesOf(network, B, T);
  const data = new Map<string, Float64Array>();
  for (const { tensor, start } of program.learned) {
    const [middle, spread] = start.kind === "constant" ? [start.value, 0.5] : [0, start.deviation * 1.7];
    const draw = (): number => middle + spread * (2 * random() - 1);
    data.set(tensor.name, Float64Array.from({ length: elements(tensor.shape, sizes) }, draw));
  }
  const token = (): number => Math.floor(random() * network.sizes.vocabulary);
  data.set("tokens", Float64Array.from({ length: B * T }, token));
  data.set(
    "targets",
    Float64Array.from({ length: B * T }, () => (random() < 0.3 ? -1 : token())),
  );
  return { network, program, sizes, data };
}
