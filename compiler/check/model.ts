/** A model, choice by choice: names, shapes and domains, down to the typed spec. */
import type * as ast from "../../grammar/ast.ts";
import { at } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { constant, type Expr, leaf, postorder, type Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { checkAlgorithm, type Learning } from "./algorithm.ts";
import { checkBias } from "./bias.ts";
import { Context, DK, DV, NO_OVERRIDES, type Overrides } from "./context.ts";
import { Declarations } from "./declarations.ts";
import { LARGEST_F32 } from "./elaborate.ts";
import { madeInputs, madeOutput, madeParameters } from "./feeds.ts";
import type { Library } from "./library.ts";
import { type BareState, bareState, checkMemory, checkRead, type Memory } from "./memory.ts";
import { checkExpectations, checkOutput, Reads } from "./output.ts";
import type { Reporter } from "./report.ts";
import { checkRetention, type Retained } from "./retention.ts";
import type { Carried, ChoiceKind, MemoryState, ReadFunction, Spec } from "./spec.ts";

const CHOICES: readonly ChoiceKind[] = ["memory", "bias", "retention", "algorithm"];

/** Checks a model. Undefined where it is in error; every error has been reported. */
export function checkModel(
  definition: ast.ModelDef,
  library: Library,
  reporter: Reporter,
  overrides: Overrides = NO_OVERRIDES,
): Spec | undefined {
  const before = reporter.errors;
  const ctx = new Context(definition, library, reporter, overrides);
  const declared = new Declarations(ctx);
  declared.sizes();
  declared.names();
  // What comes with each step is not known otherwise.
  if (declared.areStepsUnknown) return undefined;
  const chosen = chosenOf(ctx);
  const memory = chosen.memory && checkMemory(ctx, chosen.memory);
  const kept = memory && chosen.retention && checkRetention(ctx, chosen.retention, keptStates(memory));
  const reading =
    memory &&
    checkRead(
      ctx,
      memory,
      memory.states.map((_, i) => kept?.[i]?.domain ?? REAL),
    );
  const bias = chosen.bias && memory && reading && checkBias(ctx, chosen.bias, reading.read, memory.states);
  const learning =
    chosen.algorithm && memory && reading && checkAlgorithm(ctx, chosen.algorithm, memory, reading.read);
  const chunk = chunkOf(ctx);
  const first = declared.firstStep();
  const isWhole = memory && kept && reading && learning && closedForm(ctx, memory, kept, learning);
  const states = isWhole
    ? joinStates(memory.states, reading.tensors, kept.map(first), learning.steps)
    : undefined;
  const reads = reading && new Reads(reading.read);
  const output = reads && states && chosen.memory && checkOutput(ctx, reads, chosen.memory);
  const isWell = reporter.errors === before && output !== undefined;
  const inputs = isWell ? madeInputs(ctx, declared.inputs) : undefined;
  const parameters = isWell ? madeParameters(ctx, declared.parameters) : undefined;
  const layerOutput = isWell ? madeOutput(ctx, output.shape, declared.inputs) : undefined;
  if (reporter.errors === before) declared.checkUse();
  const carried = learning ? carriedBy(learning) : [];
  // A claim about a rule that is not known would repeat what is wrong with it.
  const expectations = reads && states && bias && checkExpectations(ctx, reads, states, carried);
  const key = ctx.scope.find("k")?.value();
  // Whatever was left out above has been reported.
  if (reporter.errors > before) return undefined;
  if (!reading || !kept || !bias || !learning || !states || !reads || !output || !expectations)
    return undefined;
  if (!inputs || !parameters || !layerOutput || key?.kind !== "tensor") return undefined;
  const written = at(key.expr, axesFor(key.shape), axesFor(reading.read.x.shape));
  const computed = states.flatMap((s) =>
    [s.keep, s.step, s.link, s.prox, s.penalty?.value].filter((e) => e !== undefined),
  );
  const given = [bias.loss, bias.gradient, bias.target].filter((e) => e !== undefined);
  const updates = learning.states.map((s) => s.update);
  if (!fitsNumbers(ctx, [reading.read.body, output.expr, ...computed, ...given, ...updates]))
    return undefined;
  return {
    name: definition.name.text,
    definition,
    choices: CHOICES.flatMap((kind) => ctx.choices.filter((c) => c.kind === kind)),
    inputs,
    parameters,
    numbers: declared.numbers,
    states,
    algorithmStates: learning.states,
    read: reading.read,
    key: written,
    errorKey: learning.errorKey ?? written,
    bias,
    algorithm: learning.algorithm,
    point: learning.point,
    tokenKeep: kept[0]?.keep ?? constant(1),
    chunk,
    steps: declared.steps,
    reads: reads.all,
    output: output.expr,
    outputShape: output.shape,
    layerOutput,
    expectations,
    equalities: ctx.equalities,
    labels: ctx.elaborator.labels,
    defaults: ctx.defaults,
  };
}

/**
 * Checks a definition that no model chooses, by itself: its parameters are any values of their ranges, and
 * where it needs a memory that is one matrix.
 */
export function checkDefinition(definition: ast.Definition, library: Library, reporter: Reporter): void {
  if (definition.kind === "model" || definition.kind === "network") return;
  const { kind, name, span } = definition;
  const model: ast.ModelDef = { kind: "model", name, items: [], span };
  const ctx = new Context(model, library, reporter, NO_OVERRIDES, true);
  const declared = new Declarations(ctx);
  declared.sizes();
  declared.names();
  if (definition.kind === "fn") {
    ctx.elaborator.names(definition, (p) => ctx.standIn(p));
    return;
  }
  const item: ast.ChoiceItem = { kind: "choice", choice: definition.kind, name, args: [], span: name.span };
  if (kind === "memory") {
    const memory = checkMemory(ctx, item);
    if (memory)
      checkRead(
        ctx,
        memory,
        memory.states.map(() => REAL),
      );
    return;
  }
  const states = [bareState("W", [DV, DK], "zeros", name.span)];
  const x: Tensor = { name: "x", shape: [DK], domain: REAL };
  const y: Tensor = { name: "y", shape: [DV], domain: REAL };
  const read: ReadFunction = { x, body: leaf(y, axesFor([DV])), shape: [DV], domain: REAL };
  if (kind === "bias") checkBias(ctx, item, read, states);
  else if (kind === "retention") checkRetention(ctx, item, states);
  else checkAlgorithm(ctx, item, aloneMemory(definition, item, states), read);
}

/** The memory that an algorithm by itself is checked with: past tokens where it says what is read of them. */
function aloneMemory(
  definition: ast.AlgorithmDef,
  item: ast.ChoiceItem,
  states: readonly BareState[],
): Pick<Memory, "item" | "states" | "window"> {
  const isKept = definition.items.some((i) => i.kind === "minimize" && i.over !== undefined);
  return { item, states: isKept ? [] : states, window: isKept ? DK : undefined };
}

/** What retention keeps: the states, or the weight of each token. */
const keptStates = ({ states, window, item }: Memory): readonly BareState[] =>
  window ? [bareState("token", [], "zeros", item.span)] : states;

/** Reports a link, a map or a penalty where nothing is left for it to act on. */
function closedForm(
  ctx: Context,
  memory: Memory,
  kept: readonly Retained[],
  { algorithm }: Learning,
): boolean {
  if (algorithm.kind === "step") return true;
  const isScalar = kept.every((r) => !r.link && !r.prox && !r.penalty && r.keep.axes.length === 0);
  const item = ctx.items("choice").find((c) => c.choice === "retention");
  if (
    isScalar ||
    !item ||
    (algorithm.kind === "proximal" && kept.every((r) => !r.link && !r.prox && !r.penalty))
  )
    return true;
  ctx.reporter.error("retention-of-optimum", undefined, item.name.span, {
    others: [{ span: algorithm.span, text: "this is minimised outright" }],
    notes: memory.window ? ["a retention scales the weight of each token"] : [],
    fix: { text: "choose a retention that keeps a scalar fraction of the past", edits: [] },
  });
  return false;
}

const carriedBy = ({ algorithm, states }: Learning): readonly Carried[] =>
  algorithm.kind === "overall" ? [algorithm.right, algorithm.gram] : states;

function chosenOf(ctx: Context): Partial<Record<ChoiceKind, ast.ChoiceItem>> {
  const chosen: Partial<Record<ChoiceKind, ast.ChoiceItem>> = {};
  for (const item of ctx.items("choice")) {
    const before = chosen[item.choice];
    if (before) {
      ctx.reporter.error("duplicate-choice", { kind: item.choice }, item.span, {
        here: "the second",
        others: [{ span: before.span, text: "the first" }],
      });
    } else {
      chosen[item.choice] = item;
    }
  }
  const missing = CHOICES.filter((c) => !chosen[c]);
  if (missing.length > 0) {
    ctx.reporter.error(
      "missing-choice",
      { model: ctx.model.name.text, missing: missing.join(" and its ") },
      ctx.model.name.span,
      {
        notes: [
          `a model is four choices: ${CHOICES.join(", ")}`,
          ...missing.map((m) => ctx.library.listing(m)),
        ],
        fix: {
          text: `add ${missing.map((m) => `a line \`${m} …\``).join(" and ")}`,
          edits: [],
        },
      },
    );
  }
  return chosen;
}

function chunkOf(ctx: Context): number | undefined {
  const [item, second] = ctx.items("chunk");
  if (item && second) ctx.once(ctx.items("chunk"), ["chunk"]);
  if (!item) return ctx.overrides.chunk;
  const bad = (): undefined =>
    ctx.reporter.error("bad-chunk", undefined, item.value.span, {
      fix: { text: "write a number such as `chunk 16`", edits: [{ span: item.value.span, insert: "16" }] },
    });
  const value = ctx.elaborator.number(item.value, ctx.scope, bad);
  if (value === undefined) return undefined;
  const chunk = ctx.overrides.chunk ?? value;
  return Number.isSafeInteger(chunk) && chunk >= 1 ? chunk : bad();
}

/** Whether every number that folding gave can be written in 32 bits. */
function fitsNumbers(ctx: Context, roots: readonly Expr[]): boolean {
  const isConstant = (e: Expr): boolean => e.kind === "constant";
  const fits = postorder(roots).every((e) =>
    e.kind === "constant"
      ? Math.abs(e.value) <= LARGEST_F32
      : // What has a value is folded; what is left over has none that is finite.
        !(e.kind === "apply" && e.args.every(isConstant)),
  );
  if (fits) return true;
  ctx.reporter.error(
    "domain",
    { reason: "a number that comes of the constants here does not fit 32-bit floating point" },
    ctx.model.name.span,
    { here: `the largest is ${LARGEST_F32.toPrecision(3)}` },
  );
  return false;
}

const joinStates = (
  bare: readonly BareState[],
  tensors: readonly Tensor[],
  kept: readonly Retained[],
  steps: readonly Expr[],
): MemoryState[] =>
  bare.map(({ span: _, ...s }, i) => {
    const { domain: __, ...retained } = kept[i] as Retained;
    return {
      ...s,
      ...retained,
      read: tensors[i] as Tensor,
      advance: undefined,
      step: steps[i] ?? constant(0),
    };
  });
