/** Arguments to parameters: by position, by name, by default; kinds, shapes and ranges. */
import type * as ast from "../../grammar/ast.ts";
import type { Dim } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { type Interval, REAL, showInterval } from "../math/interval.ts";
import { type Span, textOf } from "../source/span.ts";
import { closest } from "../source/suggest.ts";
import { showShape } from "./dimensions.ts";
import type { Elaborating } from "./elaborating.ts";
import { bind, type Scope, type TensorValue, type Value } from "./value.ts";

/**
 * Binds arguments to parameters in `inner`: by position, then by name, then defaults, then what
 * `missing` finds. Shape patterns such as `x [n]` bind `n`.
 */
export function bindArguments(
  el: Elaborating,
  what: string,
  params: readonly ast.Param[],
  args: readonly ast.Argument[],
  scope: Scope,
  inner: Scope,
  span: Span,
  missing: (p: ast.Param) => Value | undefined = () => undefined,
): Value[] | undefined {
  const positional = args.filter((a) => !a.name);
  if (positional.length > params.length) {
    const extra = positional[params.length] as ast.Argument;
    return el.reporter.error(
      "too-many-arguments",
      { what, takes: params.length, given: positional.length },
      extra.span,
      {
        notes: params.length > 0 ? [`its parameters: ${params.map((p) => p.name.text).join(", ")}`] : [],
      },
    );
  }
  for (const a of args) {
    if (!a.name || params.some((p) => p.name.text === a.name?.text)) continue;
    const near =
      closest(
        a.name.text,
        params.map((p) => p.name.text),
      ) ?? only(params)?.name.text;
    return el.reporter.error("unknown-argument", { what, name: a.name.text }, a.name.span, {
      notes:
        params.length > 0
          ? [`its parameters: ${params.map((p) => p.name.text).join(", ")}`]
          : ["it has no parameters"],
      ...(near
        ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span: a.name.span, insert: near }] } }
        : {}),
    });
  }
  const values: Value[] = [];
  let failed = false;
  for (const [i, p] of params.entries()) {
    const named = args.filter((a) => a.name?.text === p.name.text);
    const given = [...positional.slice(i, i + 1), ...named].sort((a, b) => a.span.start - b.span.start);
    const [argument, second] = given;
    if (argument && second) {
      return el.reporter.error("duplicate-item", { item: p.name.text }, second.span, {
        others: [{ span: argument.span, text: `this is \`${p.name.text}\` already` }],
      });
    }
    const value = argument
      ? valued(el, p, argument.value, scope, what)
      : p.default
        ? valued(el, p, p.default, inner, what)
        : missing(p);
    if (!value) {
      if (!argument && !p.default) {
        const declared = `gate ${p.name.text}${p.range ? ` ${rangeOf(p.range)}` : ""}`;
        const given = `\`${what.replaceAll("`", "")}(${p.name.text}: …)\``;
        el.reporter.error("missing-argument", { what, name: p.name.text }, span, {
          others: [{ span: p.span, text: "it has no default" }],
          fix: what.startsWith("`")
            ? { text: `give it, as in ${given}`, edits: [] }
            : { text: `give it, as in ${given}, or declare \`${declared}\` in the model`, edits: [] },
        });
      }
      failed = true;
      inner.define(p.name.text, { what: "a parameter", span: p.span, value: () => undefined });
      continue;
    }
    if (!accept(el, p, value, inner, what, argument?.value ?? { span }, scope)) failed = true;
    inner.define(p.name.text, bind(value, "a parameter", p.span));
    values.push(value);
  }
  return failed ? undefined : values;
}

function valued(el: Elaborating, p: ast.Param, e: ast.Expr, scope: Scope, what: string): Value | undefined {
  if (p.type?.text === "size") {
    const size = el.size(e, scope);
    return size && { kind: "size", dim: size };
  }
  const value = el.value(e, scope);
  if (!value) return undefined;
  if (p.type?.text === "function") {
    if (value.kind === "function") return value;
    const is =
      value.kind === "size" || (value.kind === "tensor" && value.shape.length === 0)
        ? "a number"
        : `a ${value.kind}`;
    return el.reporter.error(
      "argument-kind",
      { what: `\`${p.name.text}\` of ${what}`, wants: "a function", is },
      e.span,
      {
        fix: { text: "name a function, such as `tanh`, or one of your own: `fn f(x) = …`", edits: [] },
      },
    );
  }
  return el.asTensor(value, e.span);
}

/** Checks a value against a parameter's shape pattern and range. */
function accept(
  el: Elaborating,
  p: ast.Param,
  value: Value,
  inner: Scope,
  what: string,
  from: ast.Expr | { span: Span },
  scope: Scope,
): boolean {
  if (value.kind !== "tensor") return true;
  if (p.shape && !matches(el, p.shape, value, inner, what, from.span, p.name.text)) return false;
  const range = p.range ? el.range(p.range, inner) : REAL;
  if (!range) return false;
  const name = "kind" in from && from.kind === "ident" ? from.text : undefined;
  const declared = name === undefined ? undefined : scope.find(name);
  return el.within(value, range, `\`${p.name.text}\` of ${what}`, from.span, {
    others: [
      ...(declared?.span
        ? [
            {
              span: declared.span,
              text: `${declared.what} that can be ${showInterval(domainOf(value.expr))}`,
            },
          ]
        : []),
      { span: p.span, text: "its range is declared here" },
    ],
    fix: {
      text:
        declared?.what === "a gate"
          ? `give the gate that range: \`gate ${name} ${rangeText(range)}\``
          : `use a value ${rangeText(range)}`,
      edits: [],
    },
  });
}

function matches(
  el: Elaborating,
  pattern: ast.Shape,
  value: TensorValue,
  inner: Scope,
  what: string,
  span: Span,
  name: string,
): boolean {
  const wanted = `[${pattern.dims.map((d) => textOf(d.span)).join(", ")}]`;
  const fail = (): boolean => {
    el.reporter.error(
      "shape-mismatch",
      { what: `\`${name}\` of ${what} is ${wanted}, but this is ${showShape(value.shape)}` },
      span,
      { others: [{ span: pattern.span, text: "its shape is declared here" }] },
    );
    return false;
  };
  if (pattern.dims.length !== value.shape.length) return fail();
  for (const [i, d] of pattern.dims.entries()) {
    const is = value.shape[i] as Dim;
    if (d.kind === "ident" && !inner.own(d.text)) {
      inner.define(d.text, bind({ kind: "size", dim: is }, "a size", d.span));
      continue;
    }
    const known = el.size(d, inner);
    if (!known) return false;
    if (!el.equalities.same(known, is)) return fail();
  }
  return true;
}

/** A range as it is written after a name. */
const rangeText = (range: Interval): string => {
  const shown = showInterval(range).replace("≥", ">=").replace("≤", "<=");
  return /^[[(]/.test(shown) ? `in ${shown.replace("[", "(").replace("]", ")")}` : shown;
};

const only = <T>(xs: readonly T[]): T | undefined => (xs.length === 1 ? xs[0] : undefined);

/** The range of a parameter as the range of a gate: a gate never reaches its bounds. */
const rangeOf = (range: ast.Range): string => textOf(range.span).replace("[", "(").replace("]", ")");
