/** What the author chose: the four choices, and the tensors that come with them. */
import type { AlgorithmState, Choice, MemoryState, Spec } from "../../compiler/check/spec.ts";
import type { Tensor } from "../../compiler/math/expr.ts";
import { REAL, showInterval } from "../../compiler/math/interval.ts";
import { count, shapeText } from "../words.ts";
import { type Fact, fact } from "./rows.ts";

export function choices(spec: Spec): Fact[] {
  const rows = spec.choices.map((c) => fact(c.kind, choice(c, spec)));
  if (spec.chunk !== undefined) rows.push(fact("chunk", count(spec.chunk, "token")));
  const output = spec.defaults.find((d) => d.startsWith("output"));
  if (output) rows.push(fact("output", `${output.replace(/^output = /, "")} (default)`));
  return rows;
}

function choice({ kind, name, arguments: given }: Choice, spec: Spec): string {
  const args = given.map((a) => {
    const text = a.shown === a.name ? a.name : `${a.name}: ${a.shown}`;
    return a.origin === "default" ? `${text} (default)` : text;
  });
  if (kind === "algorithm" && spec.algorithm.kind === "step")
    args.push(`at: ${spec.point}${spec.defaults.includes("at: prev") ? " (default)" : ""}`);
  return args.length > 0 ? `${name}(${args.join(", ")})` : name;
}

export function tensors(spec: Spec): Fact[] {
  const named = (t: Tensor): string => {
    const range = t.domain === REAL ? "" : inRange(showInterval(t.domain));
    return [t.name, shapeText(t.shape), range].filter((part) => part !== "").join(" ");
  };
  const stepwise = spec.inputs.filter((i) => i.each === "step").map((i) => i.tensor);
  const each =
    stepwise.length > 0
      ? `${stepwise.map((t) => t.name).join(", ")} come with each of ${spec.steps} steps`
      : "";
  const list = (label: string, all: readonly Tensor[]): Fact[] =>
    all.length > 0 ? [fact(label, all.map(named).join(", "))] : [];
  const of = (role: "input" | "gate"): Tensor[] =>
    spec.inputs.filter((i) => i.role === role).map((i) => i.tensor);
  const starting = (states: readonly (MemoryState | AlgorithmState)[]): string =>
    states
      .filter((s) => !s.name.endsWith(".slot"))
      .map((s) => `${s.name} ${shapeText(s.shape)} ${STARTS[s.initial]}`)
      .join(", ");
  const algorithm = spec.choices.find((c) => c.kind === "algorithm")?.name ?? "";
  return [
    ...list("inputs", of("input")),
    ...list("gates", of("gate")),
    ...(each === "" ? [] : [fact("steps", each)]),
    ...list(
      "params",
      spec.parameters.map((p) => p.tensor),
    ),
    ...(spec.states.length > 0 ? [fact("states", starting(spec.states))] : []),
    ...(spec.algorithmStates.length > 0
      ? [fact(spec.states.length > 0 ? "" : "states", starting(spec.algorithmStates), `of ${algorithm}`)]
      : []),
    ...(spec.equalities.required.length > 0
      ? [fact("sizes", spec.equalities.required.map(([a, b]) => `${a} = ${b}`).join(", "))]
      : []),
  ];
}

const STARTS = { zeros: "from zeros", learned: "learned" } as const;

export const inRange = (range: string): string =>
  range === "any real" ? "" : /^[([]/.test(range) ? `in ${range}` : range;
