/** Where a memory runs: on a WebGPU adapter, or on the f64 interpreter. */
import { type Extents, interpret, type Result, type Run } from "../compiler/derive/interpret.ts";
import type { Rule } from "../compiler/derive/rule.ts";
import { interpretTiles } from "../compiler/form/interpret.ts";
import { tileForm } from "../compiler/form/tiles.ts";
import type { Model } from "../compiler/pipeline.ts";
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
  return interpretTiles(form, extents, run, TILE);
}

export const noTiles = ({ spec }: Rule): string =>
  `${spec.name} has no parallel form that runs here; \`miras explain ${spec.definition.span.file.path}\` says what form it has, and --form recurrent runs it`;
