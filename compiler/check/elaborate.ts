/**
 * Expressions of the language become expressions of the mathematics: names are resolved, functions
 * inlined, shapes and domains checked. A part that is in error is reported once and becomes
 * `undefined`, which everything built on it passes on in silence.
 */
import type * as ast from "../../grammar/ast.ts";
import { neg } from "../math/algebra.ts";
import { type Dim, dim } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { constant, type Expr, extent } from "../math/expr.ts";
import { type Interval, includes, interval, showInterval } from "../math/interval.ts";
import { GREEK } from "../math/style.ts";
import type { Code } from "../messages/index.ts";
import { type Span, textOf } from "../source/span.ts";
import { closest } from "../source/suggest.ts";
import { bindArguments } from "./arguments.ts";
import { isBuiltin, LAYER_OPERATIONS } from "./builtins.ts";
import { call } from "./calls.ts";
import type { Equalities } from "./dimensions.ts";
import type { Elaborating, Reader } from "./elaborating.ts";
import type { CallLabel } from "./labels.ts";
import { binary, contract } from "./operators.ts";
import type { Details, Reporter } from "./report.ts";
import { type FunctionTable, Scope, type TensorValue, tensorValue, type Value } from "./value.ts";

export const LARGEST_F32 = 3.4028234663852886e38;
/** Sizes in numbers are factors such as the 4 of `4 * dk`. */
const LARGEST_SIZE = 4096;

export class Elaborator implements Elaborating {
  readonly labels = new Map<Expr, CallLabel>();
  readonly inlining = { names: [] as string[], values: new Map<string, Value>(), calls: 0 };
  readonly reporter: Reporter;
  readonly functions: FunctionTable;
  readonly equalities: Equalities;
  readonly readShape: () => readonly Dim[];
  readonly #hints: (scope: Scope) => string[];
  reader: Reader | undefined;

  constructor(
    reporter: Reporter,
    functions: FunctionTable,
    equalities: Equalities,
    readShape: () => readonly Dim[],
    hints = hintsOf,
  ) {
    this.reporter = reporter;
    this.functions = functions;
    this.equalities = equalities;
    this.readShape = readShape;
    this.#hints = hints;
  }

  /** Elaborates with `read` available. */
  reading<T>(reader: Reader, work: () => T): T {
    this.reader = reader;
    try {
      return work();
    } finally {
      this.reader = undefined;
    }
  }

  // -------------------------------------------------------------- kinds of results

  /** A number or a tensor of numbers. */
  real(e: ast.Expr, scope: Scope): TensorValue | undefined {
    const value = this.tensor(e, scope);
    return value?.type === "bool" ? this.notANumber(e.span) : value;
  }

  notANumber(span: Span): undefined {
    const insert = `where(${textOf(span).replace(/^\(([^()]*)\)$/, "$1")}, 1, 0)`;
    return this.reporter.error("unexpected-condition", undefined, span, {
      fix: { text: `make a number of it: \`${insert}\``, edits: [{ span, insert }] },
    });
  }

  size(e: ast.Expr, scope: Scope): Dim | undefined {
    const fail = (why: string): undefined => this.reporter.error("bad-size", { why }, e.span);
    if (e.kind === "invalid") return undefined;
    if (e.kind === "number") {
      if (!Number.isSafeInteger(e.value) || e.value < 1) {
        return fail(`${textOf(e.span)} is not a whole number from 1 on`);
      }
      return e.value <= LARGEST_SIZE
        ? dim([], e.value)
        : fail(`${textOf(e.span)} is more than ${LARGEST_SIZE}`);
    }
    if (e.kind === "binary" && e.op === "*") {
      const left = this.size(e.left, scope);
      const right = this.size(e.right, scope);
      if (!left || !right) return undefined;
      const scale = left.scale * right.scale;
      if (scale > LARGEST_SIZE) return fail(`its number, ${scale}, is more than ${LARGEST_SIZE}`);
      return dim([...left.names, ...right.names], scale);
    }
    if (e.kind !== "ident") return fail("sizes are whole numbers, names and products of these");
    const binding = scope.find(e.text);
    if (!binding)
      return this.#unknown(e.text, e.span, scope, [
        "a dimension is `dk`, `dv`, a number, or a product of these",
      ]);
    const value = binding.value();
    if (!value || value.kind === "size") return value?.dim;
    if (binding.what === "a const" && value.kind === "tensor" && value.expr.kind === "constant") {
      const n = value.expr.value;
      if (Number.isSafeInteger(n) && n >= 1 && n <= LARGEST_SIZE) return dim([], n);
      return fail(`\`${e.text}\` is ${n}, not a whole number from 1 to ${LARGEST_SIZE}`);
    }
    return fail(`\`${e.text}\` is ${binding.what}`);
  }

  shape(s: ast.Shape, scope: Scope): readonly Dim[] | undefined {
    const dims = s.dims.map((d) => this.size(d, scope));
    return dims.some((d) => d === undefined) ? undefined : (dims as Dim[]);
  }

  /** A number that does not depend on any tensor; `otherwise` reports what does. */
  number(e: ast.Expr, scope: Scope, otherwise: () => undefined): number | undefined {
    const value = this.real(e, scope);
    if (!value) return undefined;
    return value.expr.kind === "constant" ? value.expr.value : otherwise();
  }

  range(r: ast.Range, scope: Scope): Interval | undefined {
    const end = (e: ast.Expr): number | undefined => {
      const otherwise = (): undefined =>
        this.reporter.error("bad-range", { why: `\`${textOf(e.span)}\` is not a constant` }, e.span, {
          fix: {
            text: "write a number; what depends on the token can be a factor: `beta * alpha`",
            edits: [],
          },
        });
      // The names of a model are not known yet where the ranges of its gates are read.
      return e.kind === "ident" && !scope.find(e.text) ? otherwise() : this.number(e, scope, otherwise);
    };
    const low = r.low ? end(r.low.value) : -Infinity;
    const high = r.high ? end(r.high.value) : Infinity;
    if (low === undefined || high === undefined) return undefined;
    if (!(low < high)) {
      const bounds = r.low && r.high ? [r.low.value.span, r.high.value.span] : [];
      return this.reporter.error("bad-range", { why: `${low} is not below ${high}` }, r.span, {
        ...(low > high && bounds[0] && bounds[1]
          ? {
              fix: {
                text: "exchange its ends",
                edits: [
                  { span: bounds[0], insert: textOf(bounds[1]) },
                  { span: bounds[1], insert: textOf(bounds[0]) },
                ],
              },
            }
          : {}),
      });
    }
    return interval(low, high, r.low?.open ?? true, r.high?.open ?? true);
  }

  /** A tensor that must lie in `range`; reports `what` with both sides if it can leave it. */
  within(value: TensorValue, range: Interval, what: string, span: Span, details: Details = {}): boolean {
    const is = domainOf(value.expr);
    if (includes(range, is)) return true;
    this.reporter.error(
      "argument-range",
      {
        what,
        wants: /^[[(]/.test(showInterval(range)) ? `in ${showInterval(range)}` : showInterval(range),
        is: showInterval(is),
      },
      span,
      details,
    );
    return false;
  }

  // -------------------------------------------------------------- expressions

  value(e: ast.Expr, scope: Scope): Value | undefined {
    switch (e.kind) {
      case "number":
        if (Math.abs(e.value) > LARGEST_F32) {
          return this.reporter.error(
            "domain",
            { reason: "this number does not fit 32-bit floating point" },
            e.span,
            { here: `the largest is ${LARGEST_F32.toPrecision(3)}` },
          );
        }
        return tensorValue(constant(e.value), []);
      case "ident":
        return this.#named(e.text, e.span, scope);
      case "primed": {
        const of = e.of.kind === "ident" ? e.of.text : `${e.of.object.text}.${e.of.name.text}`;
        return this.#named(`${of}'`, e.span, scope);
      }
      case "field":
        return this.#named(`${e.object.text}.${e.name.text}`, e.span, scope);
      case "unary": {
        const x = this.real(e.arg, scope);
        return x && tensorValue(neg(x.expr), x.shape);
      }
      case "binary":
        return e.op === "@" ? contract(this, e, scope) : binary(this, e, scope);
      case "call":
        return call(this, e.callee, e.args, scope, e.span);
      case "pipe":
        return this.#pipe(e, scope);
      case "invalid":
        return undefined;
    }
  }

  /** A tensor of numbers or of conditions. */
  tensor(e: ast.Expr, scope: Scope): TensorValue | undefined {
    const value = this.value(e, scope);
    if (value?.kind === "identity") return this.reporter.error("identity-shape", undefined, e.span);
    return value && this.asTensor(value, e.span);
  }

  asTensor(value: Value, span: Span): TensorValue | undefined {
    switch (value.kind) {
      case "tensor":
        return value;
      case "size":
        return tensorValue(extent(value.dim), []);
      case "function":
        return this.reporter.error("not-a-value", { is: `the function \`${value.name}\`` }, span, {
          fix: { text: `call it: \`${value.name}(…)\``, edits: [] },
        });
      case "identity":
        return this.reporter.error("identity-shape", undefined, span);
    }
  }

  #named(name: string, span: Span, scope: Scope): Value | undefined {
    const binding = scope.find(name);
    if (binding) return binding.value();
    if (name === "I") return { kind: "identity" };
    if (this.functions.has(name) || isBuiltin(name)) return { kind: "function", name };
    if (LAYER_OPERATIONS.has(name)) return this.reporter.error("layer-outside", { name }, span);
    return this.#unknown(name, span, scope);
  }

  #unknown(name: string, span: Span, scope: Scope, facts: readonly string[] = []): undefined {
    const names = scope.names();
    const near = names.find((n) => n !== name && spelledOut(n) === spelledOut(name)) ?? closest(name, names);
    const notes = near ? facts : [...this.#hints(scope), ...(FACTS[name] ?? []), ...facts];
    scope.forgive(name);
    return this.reporter.error("unknown-name", { name }, span, {
      notes,
      ...(near ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span, insert: near }] } } : {}),
    });
  }

  #pipe(e: ast.Pipe, scope: Scope): Value | undefined {
    const [first, ...stages] = e.stages;
    if (!first) return undefined;
    let piped: ast.Expr = first;
    for (const stage of stages) {
      const callee = stage.kind === "call" ? stage.callee : stage.kind === "ident" ? stage : undefined;
      if (!callee) {
        return this.reporter.error("pipeline", { why: "a stage of a pipeline is a function" }, stage.span);
      }
      const args = [{ value: piped, span: piped.span }, ...(stage.kind === "call" ? stage.args : [])];
      piped = { kind: "call", callee, args, span: stage.span };
    }
    return this.value(piped, scope);
  }

  /** Checks the names in a function that nothing calls; its shapes depend on what it is called with. */
  names(def: ast.FunctionDef, standIn: (p: ast.Param) => Value | undefined): void {
    const inner = new Scope();
    if (!bindArguments(this, `\`${def.name.text}\``, def.params, [], inner, inner, def.name.span, standIn))
      return;
    this.reporter.telling(NAMING, () => this.value(def.body, inner));
  }
}

/** What is wrong with a function whatever it is called with. */
const NAMING: ReadonlySet<Code> = new Set<Code>([
  "unknown-name",
  "unknown-function",
  "unknown-argument",
  "layer-outside",
]);

const ASCII = new Map(Object.entries(GREEK).map(([name, letter]) => [letter, name]));

/** A name with its Greek letters written out: `λ` and `lambda` are one name to a reader. */
const spelledOut = (name: string): string => [...name].map((c) => ASCII.get(c) ?? c).join("");

/** Words that mean something elsewhere. */
const FACTS: Readonly<Record<string, readonly string[]>> = {
  grad: ["the gradient is known inside an algorithm, and in `expect`"],
  prev: ["`prev` is known inside a retention, and in `read(prev, q)`"],
};

/** What there is in a scope; a definition sees nothing of the model that chooses it. */
function hintsOf(scope: Scope): string[] {
  const names = scope.names();
  const inDefinition = !names.includes("head");
  return [
    `here there are: ${names.slice(0, 24).join(", ")}`,
    ...(inDefinition
      ? ["a definition sees only its own parameters: add one, and pass it where the model chooses it"]
      : []),
  ];
}
