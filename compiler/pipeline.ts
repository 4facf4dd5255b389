/** The whole compiler, read top to bottom. */
import type * as ast from "../grammar/ast.ts";
import { parse } from "../grammar/parse.ts";
import { NO_OVERRIDES, type Overrides } from "./check/context.ts";
import { Library } from "./check/library.ts";
import { checkDefinition, checkModel } from "./check/model.ts";
import { Reporter } from "./check/report.ts";
import type { Expectation, Spec } from "./check/spec.ts";
import { type Proof, prove } from "./derive/prove.ts";
import { checkGradient, reportRefuted, reportUnproved } from "./derive/refute.ts";
import { deriveRule, type Rule } from "./derive/rule.ts";
import { settle } from "./derive/settle.ts";
import { printWgsl } from "./emit/wgsl/print.ts";
import { recurrentForm } from "./form/recurrent.ts";
import { tileForm } from "./form/tiles.ts";
import type { Block } from "./kernel/block.ts";
import {
  type Extents as CostExtents,
  machineFor,
  nanoseconds,
  recurrentDispatches,
  tileDispatches,
} from "./kernel/cost.ts";
import { lowerRecurrent } from "./kernel/lower.ts";
import type { Target } from "./kernel/target.ts";
import { hasKernels, lowerTiles, type TileKernel } from "./kernel/tile/lower.ts";
import type { Sizes } from "./math/axis.ts";
import { checkNetwork } from "./network/check.ts";
import type { KnownModel } from "./network/context.ts";
import { type Resolve, readImports } from "./network/imports.ts";
import type { Network } from "./network/network.ts";
import { Diagnostics } from "./source/diagnostic.ts";
import type { SourceFile } from "./source/span.ts";

export interface Model {
  readonly spec: Spec;
  readonly rule: Rule;
  readonly proofs: readonly { readonly expectation: Expectation; readonly proof: Proof }[];
}

export interface Compilation {
  readonly ast: ast.File;
  /** The models that have a rule, in the order of the file; a wrong `expect` is among the diagnostics. */
  readonly models: readonly Model[];
  readonly networks: readonly Network[];
  readonly diagnostics: Diagnostics;
}

/** Compiles a file to rules. Never throws on any text: what is wrong with it is in the diagnostics. */
export function compile(
  file: SourceFile,
  prelude: readonly SourceFile[],
  overrides: Overrides = NO_OVERRIDES,
  resolve: Resolve = () => undefined,
): Compilation {
  const diagnostics = new Diagnostics();
  const library = prelude.map((f) => parse(f, diagnostics));
  const tree = parse(file, diagnostics);
  const reporter = new Reporter(diagnostics);
  const definitions = new Library([...library, tree], reporter);
  const compiled = definitions.models.map((d) => compileModel(d, definitions, reporter, overrides));
  const models = compiled.filter((m) => m !== undefined);
  const known = new Map<string, KnownModel>();
  const imports = readImports(tree, library, resolve, reporter);
  for (const [name, imported] of imports) {
    known.set(
      name,
      imported
        ? knownModel(imported.definition, imported.library, reporter, undefined)
        : { name, definitions: [], compile: () => undefined },
    );
  }
  for (const [i, definition] of definitions.models.entries())
    known.set(definition.name.text, knownModel(definition, definitions, reporter, compiled[i]));
  const networks = definitions.networks.map((d) => checkNetwork(d, known, definitions, reporter));
  for (const definition of definitions.unchosen()) checkDefinition(definition, definitions, reporter);
  return { ast: tree, models, networks: networks.filter((n) => n !== undefined), diagnostics };
}

/** Undefined where it is in error, which has been reported. */
function compileModel(
  definition: ast.ModelDef,
  definitions: Library,
  reporter: Reporter,
  overrides: Overrides,
): Model | undefined {
  if (reporter.isOpen(definition.span)) return undefined;
  const spec = checkModel(definition, definitions, reporter, overrides);
  const settled = spec && settle(spec, reporter);
  if (!settled) return undefined;
  const rule = deriveRule(settled);
  const proofs = settled.spec.expectations.map((expectation) => ({
    expectation,
    proof: prove(rule, expectation),
  }));
  checkGradient(rule, reporter);
  for (const { expectation, proof } of proofs) {
    if (proof.verdict === "refuted") reportRefuted(rule, expectation, proof, reporter);
    else if (proof.verdict === "numeric" && proof.points === 0) reportUnproved(expectation, reporter);
  }
  return { spec: settled.spec, rule, proofs };
}

/** A model for the block of a network, which may give it other values; `own` where it is compiled already. */
function knownModel(
  definition: ast.ModelDef,
  definitions: Library,
  reporter: Reporter,
  own: Model | undefined,
): KnownModel {
  let plain: Rule | undefined = own?.rule;
  return {
    name: definition.name.text,
    definitions: definitions.definitions,
    compile: (overrides) => {
      if (overrides) return compileModel(definition, definitions, reporter, overrides)?.rule;
      plain ??= compileModel(definition, definitions, reporter, NO_OVERRIDES)?.rule;
      return plain;
    },
  };
}

export interface Kernel {
  readonly wgsl: string;
  readonly block: Block;
}

/** The recurrent form of a rule as one kernel, for given sizes and a given adapter. */
export function compileKernel(rule: Rule, sizes: Sizes, target: Target): Kernel {
  const block = lowerRecurrent(recurrentForm(rule), sizes, target);
  return { block, wgsl: printWgsl(block) };
}

/** The same for packed sequences: they lie one after the other, and `cu_seqlens` says where each of them starts. */
export function compilePacked(rule: Rule, sizes: Sizes, target: Target): Kernel {
  const block = lowerRecurrent(recurrentForm(rule), sizes, target, true);
  return { block, wgsl: printWgsl(block) };
}

/** The same for decoding: a run may begin and end at any token, inside a chunk too. */
export function compileDecoder(rule: Rule, sizes: Sizes, target: Target): Kernel {
  const block = lowerRecurrent(recurrentForm(rule, true), sizes, target);
  return { block, wgsl: printWgsl(block) };
}

export interface TileCode {
  /** In the order in which they run. */
  readonly kernels: readonly (TileKernel & { readonly wgsl: string })[];
  /** Turns of a tile: tokens, each of several steps. */
  readonly length: number;
}

/**
 * The tile form of a rule as kernels, with tiles of about `tokens` turns or of a chunk. Undefined where it has none, or reads the solution of a linear system, for
 * which there are no such kernels.
 */
export function compileTiles(
  rule: Rule,
  sizes: Sizes,
  target: Target,
  tokens?: number,
): TileCode | undefined {
  return tilesOf(rule, sizes, target, tokens, false);
}

/** The same for packed sequences, each of which starts with a tile of its own. */
export function compilePackedTiles(
  rule: Rule,
  sizes: Sizes,
  target: Target,
  tokens?: number,
): TileCode | undefined {
  return tilesOf(rule, sizes, target, tokens, true);
}

function tilesOf(
  rule: Rule,
  sizes: Sizes,
  target: Target,
  tokens: number | undefined,
  isPacked: boolean,
): TileCode | undefined {
  const form = tileForm(rule);
  if (form.kind === "obstacle" || !hasKernels(form)) return undefined;
  const { kernels, length } = lowerTiles(form, sizes, target, { ...(tokens ? { tokens } : {}), isPacked });
  return { length, kernels: kernels.map((k) => ({ ...k, wgsl: printWgsl(k.block) })) };
}

/** A way to run a rule, and what it is estimated to take: the run itself, and with the compilation of its kernels. */
export interface Schedule {
  /** `recurrent`, or the turns of a tile. */
  readonly name: string;
  readonly form: "recurrent" | "parallel";
  readonly code: Kernel | TileCode;
  readonly nanoseconds: { readonly run: number; readonly whole: number };
}

/** Turns of a tile that are worth trying, where no chunk says how many. */
const TILES = [8, 16, 32, 64] as const;

/**
 * All ways to run a rule for these extents on an adapter, the quickest by estimate first; for packed sequences, which have
 * `lengths`, with kernels for those.
 */
export function schedules(
  rule: Rule,
  sizes: Sizes,
  target: Target,
  extents: CostExtents,
  lengths?: readonly number[],
): Schedule[] {
  const machine = machineFor(target);
  const made = lengths
    ? { kernel: compilePacked, tiles: compilePackedTiles }
    : { kernel: compileKernel, tiles: compileTiles };
  const counted = (tokens: number): CostExtents => (lengths ? alike(lengths, tokens, extents) : extents);
  const kernel = made.kernel(rule, sizes, target);
  const found: Schedule[] = [
    {
      name: "recurrent",
      form: "recurrent",
      code: kernel,
      nanoseconds: nanoseconds(recurrentDispatches(kernel.block, counted(1)), machine),
    },
  ];
  for (const tokens of rule.spec.chunk === undefined ? TILES : [rule.spec.chunk]) {
    const code = made.tiles(rule, sizes, target, tokens);
    if (!code) break;
    const estimate = nanoseconds(tileDispatches(code, counted(code.length / rule.spec.steps)), machine);
    found.push({ name: `tiles of ${code.length}`, form: "parallel", code, nanoseconds: estimate });
  }
  return found.sort((a, b) => a.nanoseconds.whole - b.nanoseconds.whole);
}

/**
 * Sequences of any lengths as if all were as long as the longest: with as many turns, and as many pieces of `tokens` in all.
 * How many they are is then no whole number.
 */
function alike(lengths: readonly number[], tokens: number, { H }: CostExtents): CostExtents {
  const pieces = lengths.map((length) => Math.ceil(length / tokens));
  const T = lengths.reduce((a, b) => Math.max(a, b), 1);
  return { B: pieces.reduce((a, b) => a + b, 0) / Math.ceil(T / tokens), T, H };
}
