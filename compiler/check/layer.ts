/**
 * The layer around the memory: pipelines that make the inputs from the layer's own input, and what is
 * done to the memory's output. Here its names are checked; the memory's part of `output` is cut out.
 */
import type * as ast from "../../grammar/ast.ts";
import { LAYER_OPERATIONS } from "./builtins.ts";
import type { Library } from "./library.ts";
import type { Reporter } from "./report.ts";

const isLayerOperation = (e: ast.Expr): boolean =>
  (e.kind === "ident" && LAYER_OPERATIONS.has(e.text)) ||
  (e.kind === "call" && LAYER_OPERATIONS.has(e.callee.text));

function parts(e: ast.Expr): readonly ast.Expr[] {
  switch (e.kind) {
    case "unary":
      return [e.arg];
    case "binary":
      return [e.left, e.right];
    case "call":
      return e.args.map((a) => a.value);
    case "pipe":
      return e.stages;
    default:
      return [];
  }
}

const some = (e: ast.Expr, test: (e: ast.Expr) => boolean): boolean =>
  test(e) || parts(e).some((p) => some(p, test));

const reads = (e: ast.Expr): boolean => some(e, (x) => x.kind === "call" && x.callee.text === "read");

/**
 * The memory's own output: the largest part of `output` that holds every `read` and no operation of
 * the layer. Reports it where there is no such part.
 */
export function memoryOutput(output: ast.Expr, reporter: Reporter): ast.Expr | undefined {
  let at = output;
  while (some(at, isLayerOperation)) {
    const next = parts(at).filter(reads);
    if (next.length !== 1) return reporter.error("layer-output", undefined, at.span);
    at = next[0] as ast.Expr;
  }
  return at;
}

/** Checks that a pipeline starts at `project` and that each stage is an operation there is. */
export function checkPipeline(
  e: ast.Expr,
  library: Library,
  reporter: Reporter,
  isFunction: (name: string) => boolean,
): void {
  const stages = e.kind === "pipe" ? e.stages : [e];
  for (const [i, stage] of stages.entries()) {
    const name = stage.kind === "ident" ? stage.text : stage.kind === "call" ? stage.callee.text : undefined;
    if (name === undefined) {
      if (stage.kind !== "invalid") {
        reporter.error(
          "pipeline",
          { why: "a stage of a pipeline is an operation or a function" },
          stage.span,
        );
      }
      return;
    }
    const known = LAYER_OPERATIONS.has(name) || library.functions.has(name) || isFunction(name);
    if (!known) {
      reporter.error("unknown-function", { name }, stage.kind === "call" ? stage.callee.span : stage.span);
      return;
    }
    if (i === 0 && name !== "project" && name !== "conv") {
      reporter.error(
        "pipeline",
        { why: "a pipeline starts from the layer's input, with `project`" },
        stage.span,
        {
          fix: { text: `write \`project |> ${name}\``, edits: [] },
        },
      );
      return;
    }
  }
}
