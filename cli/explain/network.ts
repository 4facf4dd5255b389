/** `miras explain` of a network: its parts, what it learns, what it carries, and what a token takes. */

import { elements, type Sizes } from "../../compiler/math/axis.ts";
import { programOf } from "../../compiler/network/build.ts";
import { learnedCount, operationsOf, stateBytes } from "../../compiler/network/cost.ts";
import { type Network, type Part, sizesOf } from "../../compiler/network/network.ts";
import type { Learned, Program } from "../../compiler/network/program.ts";
import type { Colors } from "../io.ts";
import { choiceText, count, shapeText } from "../words.ts";

/** What grows with a sequence is told for one of this length. */
const LENGTH = 1024;

/** All that is told of a network, as numbers. */
export function networkFacts(network: Network) {
  const program = programOf(network);
  const sizes: Sizes = { ...sizesOf(network, 1, 1), tokens: LENGTH };
  const { layers } = network.sizes;
  const memories = network.parts.filter((p) => p.kind === "memory");
  return {
    network: network.name,
    file: network.span.file.path,
    sizes: network.sizes,
    embeddings: network.isTied ? "tied" : "untied",
    parts: network.parts.map((p) => ({ name: p.name, about: partText(p, network) })),
    parameters: learnedCount(program, sizes),
    tensors: program.learned.map(({ tensor, shrinks }) => ({
      name: tensor.name,
      shape: tensor.shape.map((d) => elements([d], sizes)),
      parameters: elements(tensor.shape, sizes),
      decays: shrinks,
    })),
    states: memories.map(({ name, rule }) => {
      const bytes = stateBytes(rule, sizes);
      const grows = bytes !== stateBytes(rule, { ...sizes, tokens: 1 });
      return { part: name, bytes, ...(grows ? { tokens: LENGTH } : {}) };
    }),
    stateBytes: layers * memories.reduce((n, { rule }) => n + stateBytes(rule, sizes), 0),
    operations: operations(program, sizes),
    tokens: LENGTH,
    program,
  };
}

/** Floating-point operations of one token forward: those of the memories, and of all else. */
function operations({ steps }: Program, sizes: Sizes): { memories: number; others: number } {
  const of = (isMemory: boolean): number =>
    steps.filter((s) => (s.kind === "memory") === isMemory).reduce((n, s) => n + operationsOf(s, sizes), 0);
  return { memories: Math.round(of(true)), others: Math.round(of(false)) };
}

export function networkJson(network: Network) {
  const { program: _, ...facts } = networkFacts(network);
  return facts;
}

function partText(part: Part, { sizes }: Network): string {
  if (part.kind === "memory") {
    const { spec } = part.rule;
    const chunk = spec.chunk === undefined ? "" : `, chunk ${spec.chunk}`;
    return `${spec.choices.map((c) => choiceText(c, spec)).join(", ")}${chunk}`;
  }
  const maps = part.isGated ? "three maps" : "two maps";
  return `${maps}, ${sizes.width} channels by way of ${part.hidden}`;
}

const grouped = (n: number): string => n.toLocaleString("en-US");

function bytesText(n: number): string {
  if (n < 1024) return `${n} bytes`;
  return n < 1024 ** 2
    ? `${Number((n / 1024).toPrecision(4))} KiB`
    : `${Number((n / 1024 ** 2).toPrecision(4))} MiB`;
}

type Line = readonly [left: string, middle: string, right: string];

export function networkText(network: Network, c: Colors): string {
  const facts = networkFacts(network);
  const { sizes } = network;
  const { memories, others } = facts.operations;
  const rows = (title: string, lines: readonly Line[]): string[] =>
    lines.length === 0 ? [] : ["", c.bold(title), ...columns(lines)];
  const grows = facts.states.some((s) => "tokens" in s) ? `, after ${LENGTH} tokens` : "";
  const said = `${sizes.heads === 1 ? "1 head" : `${sizes.heads} heads`} with keys of ${sizes.dk} and values of ${sizes.dv}`;
  return `${[
    `${c.bold(network.name)}  ${c.dim(facts.file)}`,
    ...rows("sizes", [
      ["vocabulary", `${grouped(sizes.vocabulary)}, embeddings ${facts.embeddings}`, ""],
      ["width", `${grouped(sizes.width)}, ${said}`, ""],
    ]),
    ...rows(
      `parts, ${count(sizes.layers, "time")}`,
      facts.parts.map(({ name, about }) => [name, about, ""]),
    ),
    ...rows(
      `learned: ${grouped(facts.parameters)} numbers`,
      tensorLines(facts.program.learned, sizes.layers, { ...sizesOf(network, 1, 1) }),
    ),
    ...rows(
      `carried by each sequence: ${bytesText(facts.stateBytes)}${grows}`,
      facts.states.map((s) => [
        s.part,
        `${bytesText(s.bytes)} in each layer${"tokens" in s ? `, after ${LENGTH} tokens` : ""}`,
        "",
      ]),
    ),
    ...rows("floating-point operations of a token, forward", [
      ["memories", grouped(memories), memories > 0 ? `token by token${grows}` : ""],
      ["all else", grouped(others), ""],
      ["in all", grouped(memories + others), ""],
    ]),
  ].join("\n")}\n`;
}

/** A line for each tensor; those of all layers share one. */
function tensorLines(learned: readonly Learned[], layers: number, sizes: Sizes): Line[] {
  const all = (name: string): string => (layers > 1 ? name.replace(/^layers\.0\./, "layers.*.") : name);
  return learned
    .filter(({ tensor }) => !/^layers\.[1-9]/.test(tensor.name))
    .map(({ tensor }) => {
      const n = elements(tensor.shape, sizes);
      const times = layers > 1 && tensor.name.startsWith("layers.0.") ? ` × ${layers}` : "";
      return [all(tensor.name), shapeText(tensor.shape), `${grouped(n)}${times}`];
    });
}

function columns(lines: readonly Line[]): string[] {
  const width = (i: 0 | 1): number => Math.max(...lines.map((l) => [...l[i]].length));
  const [first, second] = [width(0), width(1)];
  return lines.map(([a, b, right]) => `  ${a.padEnd(first)}  ${b.padEnd(second)}  ${right}`.trimEnd());
}
