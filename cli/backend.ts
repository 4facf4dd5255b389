/** Where a memory runs: on a WebGPU adapter, or on the f64 interpreter. */
import { type Data, type Extents, interpret, type Result, type Run } from "../compiler/derive/interpret.ts";
import type { Rule } from "../compiler/derive/rule.ts";
import { interpretTiles } from "../compiler/form/interpret.ts";
import { tileForm } from "../compiler/form/tiles.ts";
import type { Model } from "../compiler/pipeline.ts";
import { lengthsOf } from "../runtime/sequences.ts";
import { UsageError } from "./errors.ts";

export interface Backend {
  readonly kind: "webgpu" | "interpreter";
  /** For people: the adapter's name, or that this is the interpreter. */
  readonly name: string;
  /** Runs the memory over whole sequences. `progress` is told how many of the tokens are done. */
  run(model: Model, extents: Extents, run: Run, progress?: (tokens: number) => void): Promise<Ran>;
  /** The same with kernels of the parallel form, in tiles of about so many tokens; undefined where it has none. */
  runTiles?(model: Model, extents: Extents, run: Run, tokens: number): Promise<Result | undefined>;
  close(): Promise<void>;
}

/** A result, and how it was computed. */
export type Ran = Result & { readonly schedule: string };

/** How the tokens are computed: one after the other, or tile by tile; or as seems quickest. */
export type FormName = "recurrent" | "parallel" | "auto";

/** Tokens of a tile on the interpreter: any number gives the same. */
const TILE = 16;

export function interpreterBackend(form: FormName = "recurrent"): Backend {
  return {
    kind: "interpreter",
    name: "the f64 interpreter",
    run: async ({ rule }, extents, run, progress) => {
      const isTiled = form === "parallel";
      const result = isTiled ? inTiles(rule, extents, run) : interpret(rule, extents, run);
      progress?.(extents.T);
      return { ...result, schedule: isTiled ? `tiles of ${TILE}` : "recurrent" };
    },
    close: async () => {},
  };
}

function inTiles(rule: Rule, extents: Extents, run: Run): Result {
  const form = tileForm(rule);
  if (form.kind === "obstacle") throw new UsageError(noTiles(rule));
  const { cuSeqlens, ...whole } = run;
  if (!cuSeqlens) return interpretTiles(form, extents, run, TILE);
  // Each of packed sequences by itself: its tokens of all [1, T, …], and its states of all [N, …].
  const { T, sizes } = extents;
  const lengths = lengthsOf(cuSeqlens);
  const part = (data: Data, all: number, from: number, to: number): Data =>
    new Map([...data].map(([name, x]) => [name, x.subarray((from * x.length) / all, (to * x.length) / all)]));
  const results = lengths.map((length, n) => {
    const start = cuSeqlens[n] as number;
    const tokens = part(run.tokens, Math.max(1, T), start, start + length);
    const states = part(run.states, lengths.length, n, n + 1);
    const own = { ...extents, T: length, sizes: { tokens: T, ...sizes } };
    return interpretTiles(form, own, { ...whole, tokens, states }, TILE);
  });
  const joined = (each: (result: Result) => Float64Array | undefined): Float64Array =>
    Float64Array.from(results.flatMap((r) => Array.from(each(r) ?? [])));
  const states = rule.states.map(({ name }): [string, Float64Array] => [
    name,
    joined((r) => r.states.get(name)),
  ]);
  return { y: joined((r) => r.y), states: new Map(states) };
}

export const noTiles = ({ spec }: Rule): string =>
  `${spec.name} has no parallel form that runs here; \`miras explain ${spec.definition.span.file.path}\` says what form it has, and --form recurrent runs it`;
