/** The parts of a block: models, and maps of the channels of a token. */
import type * as ast from "../../grammar/ast.ts";
import { NO_OVERRIDES, type Overrides } from "../check/context.ts";
import { showShape } from "../check/dimensions.ts";
import { settableOf } from "../check/settable.ts";
import { bind, Scope, whole } from "../check/value.ts";
import type { Rule } from "../derive/rule.ts";
import { call, mul } from "../math/algebra.ts";
import { axesFor, dim } from "../math/axis.ts";
import { leaf, type Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { closest } from "../source/suggest.ts";
import { type KnownModel, LARGEST, type NetworkContext, wholeNumber } from "./context.ts";
import type { MemoryPart, MixerPart, NetworkSizes, Part } from "./network.ts";

/** The parts that are no models, with what each can be told. */
const MIXERS: ReadonlyMap<string, { readonly isGated: boolean; readonly takes: readonly string[] }> = new Map(
  [
    ["swiglu", { isGated: true, takes: ["expand", "hidden"] }],
    ["feedforward", { isGated: false, takes: ["expand", "hidden", "act"] }],
  ],
);

export const isMixer = (name: string): boolean => MIXERS.has(name);

const USUAL_ACTIVATION = "gelu";

/** What a part is; undefined where it is in error, which has been reported. */
export function checkPart(e: ast.Expr, sizes: NetworkSizes, ctx: NetworkContext): Part | undefined {
  if (e.kind === "invalid") return undefined;
  if (e.kind !== "ident" && e.kind !== "call") {
    const why = "a part is the name of a model, or `swiglu(…)` or `feedforward(…)`";
    return ctx.reporter.error("bad-part", { why }, e.span);
  }
  const name: ast.Name = e.kind === "ident" ? e : e.callee;
  const args = namedArguments(e, name, ctx);
  if (!args) return undefined;
  const model = ctx.models.get(name.text);
  if (model) return memoryPart(model, args, e, sizes, ctx);
  if (MIXERS.has(name.text)) return mixerPart(name, args, e, sizes, ctx);
  const names = [...ctx.models.keys(), ...MIXERS.keys()];
  const near = closest(name.text, names);
  return ctx.reporter.error("unknown-part", { name: name.text }, name.span, {
    notes: [`here there are: ${names.join(", ")}`],
    fix: near
      ? { text: `did you mean \`${near}\`?`, edits: [{ span: name.span, insert: near }] }
      : { text: `import it: \`import ${name.text} from "FILE.miras"\``, edits: [] },
  });
}

/** Arguments by name; reports one without a name, and one that is given twice. */
function namedArguments(
  e: ast.Ident | ast.Call,
  part: ast.Name,
  { reporter }: NetworkContext,
): Map<string, ast.Argument> | undefined {
  const found = new Map<string, ast.Argument>();
  for (const a of e.kind === "call" ? e.args : []) {
    if (!a.name) {
      const why = `what is given to a part is named, as in \`${part.text}(${isMixer(part.text) ? "expand: 2" : "chunk: 16"})\``;
      return reporter.error("bad-part", { why }, a.span);
    }
    const before = found.get(a.name.text);
    if (before) {
      return reporter.error("duplicate-item", { item: a.name.text }, a.span, {
        here: "the second",
        others: [{ span: before.span, text: "the first" }],
      });
    }
    found.set(a.name.text, a);
  }
  return found;
}

function unknownArgument(
  part: string,
  { name, span }: ast.Argument,
  known: readonly string[],
  { reporter }: NetworkContext,
): undefined {
  const text = name?.text ?? "";
  const near = closest(text, known);
  return reporter.error("unknown-argument", { what: `\`${part}\``, name: text }, name?.span ?? span, {
    notes: [known.length > 0 ? `what can be given: ${known.join(", ")}` : "nothing of it can be given"],
    ...(near && name
      ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span: name.span, insert: near }] } }
      : {}),
  });
}

// ---------------------------------------------------------------- models

function memoryPart(
  model: KnownModel,
  args: ReadonlyMap<string, ast.Argument>,
  e: ast.Expr,
  sizes: NetworkSizes,
  ctx: NetworkContext,
): MemoryPart | undefined {
  const plain = model.compile();
  if (!plain) return undefined;
  const overrides = overridesOf(model, plain, args, ctx);
  if (!overrides) return undefined;
  const rule = args.size > 0 ? overridden(model, overrides, e, ctx) : plain;
  if (!rule || !fits(model, rule, e, sizes, ctx)) return undefined;
  return { kind: "memory", name: model.name, span: e.span, rule };
}

/** The model with other values; what is wrong with these is told of the part that gives them. */
function overridden(
  { name, compile }: KnownModel,
  overrides: Overrides,
  { span }: ast.Expr,
  { reporter }: NetworkContext,
): Rule | undefined {
  reporter.calls.push({ name, span });
  try {
    return compile(overrides);
  } finally {
    reporter.calls.pop();
  }
}

/** The arguments as values in place of the model's own. */
function overridesOf(
  model: KnownModel,
  { spec }: Rule,
  args: ReadonlyMap<string, ast.Argument>,
  ctx: NetworkContext,
): Overrides | undefined {
  if (args.size === 0) return NO_OVERRIDES;
  const settable = settableOf(spec, model.definitions);
  const constants = new Map<string, number>();
  let chunk: number | undefined;
  for (const [name, argument] of args) {
    const known = settable.find((s) => s.name === name);
    if (!known) {
      const names = settable.map((s) => s.name);
      return unknownArgument(model.name, argument, names, ctx);
    }
    const what = `\`${name}\` of \`${model.name}\``;
    const notNumber = (): undefined =>
      ctx.reporter.error("bad-setting", { what, wants: "a number", is: "no number" }, argument.value.span);
    const value =
      known.kind === "size"
        ? wholeNumber(ctx, argument.value, what)
        : ctx.elaborator.number(argument.value, ctx.scope, notNumber);
    if (value === undefined) return undefined;
    if (name === "chunk") chunk = value;
    else constants.set(name, value);
  }
  return { constants, ...(chunk === undefined ? {} : { chunk }) };
}

/** Whether the network's sizes are those that the model needs. */
function fits(
  { name }: KnownModel,
  { spec, states }: Rule,
  { span }: ast.Expr,
  sizes: NetworkSizes,
  { reporter }: NetworkContext,
): boolean {
  const numbers: Readonly<Record<string, number>> = { dk: sizes.dk, dv: sizes.dv };
  const differ = spec.equalities.required.find(([a, b]) => numbers[a] !== numbers[b]);
  if (differ) {
    const [a, b] = differ;
    const why = `\`${name}\` requires ${a} = ${b}, and here ${a} is ${numbers[a] ?? "not known"} and ${b} is ${numbers[b] ?? "not known"}`;
    reporter.error("bad-part", { why }, span);
    return false;
  }
  const made = [
    ...spec.inputs.map((i) => i.tensor),
    ...spec.parameters.map((p) => p.tensor),
    ...states.filter((s) => s.initial === "learned"),
  ];
  const foreign = made.find((t) => t.shape.some((d) => d.names.some((n) => !(n in numbers))));
  if (foreign) {
    const why = `the weights of \`${foreign.name}\` would depend on how long a sequence is`;
    reporter.error("bad-part", { why }, span);
    return false;
  }
  const operations = [...spec.inputs.map((i) => i.made), spec.layerOutput].flatMap((m) => m.operations);
  for (const { kind, result } of operations) {
    const length =
      kind === "rope"
        ? result.shape.reduce(
            (n, d) => n * d.names.reduce((m, s) => m * (numbers[s] ?? sizes.width), d.scale),
            1,
          )
        : 0;
    if (length % 2 === 0) continue;
    const why = `\`rope\` in \`${name}\` rotates channels two at a time, and there are ${length}`;
    reporter.error("bad-part", { why }, span);
    return false;
  }
  return true;
}

// ---------------------------------------------------------------- maps of channels

function mixerPart(
  name: ast.Name,
  args: ReadonlyMap<string, ast.Argument>,
  { span }: ast.Expr,
  sizes: NetworkSizes,
  ctx: NetworkContext,
): MixerPart | undefined {
  const { isGated, takes } = MIXERS.get(name.text) ?? { isGated: false, takes: [] };
  for (const [word, argument] of args) {
    if (!takes.includes(word)) return unknownArgument(name.text, argument, takes, ctx);
  }
  const hidden = hiddenOf(name, args, span, sizes, ctx);
  const x: Tensor = { name: "x", shape: [dim([], hidden ?? 1)], domain: REAL };
  const inner = leaf(x, axesFor(x.shape));
  const value = isGated ? mul(inner, call("sigmoid", inner)) : activation(args.get("act"), x, name, ctx);
  if (!hidden || !value) return undefined;
  return { kind: "mixer", name: name.text, span, hidden, isGated, activation: { x, value } };
}

function hiddenOf(
  name: ast.Name,
  args: ReadonlyMap<string, ast.Argument>,
  span: ast.Expr["span"],
  { width }: NetworkSizes,
  ctx: NetworkContext,
): number | undefined {
  const [expand, hidden] = [args.get("expand"), args.get("hidden")];
  if (expand && hidden) {
    return ctx.reporter.error("bad-part", { why: "`expand` and `hidden` say the same twice" }, hidden.span, {
      others: [{ span: expand.span, text: "this says it already" }],
    });
  }
  if (hidden) return wholeNumber(ctx, hidden.value, `\`hidden\` of \`${name.text}\``);
  if (!expand) {
    const why = `\`${name.text}\` must say how wide it is inside`;
    return ctx.reporter.error("bad-part", { why }, span, {
      fix: {
        text: `write \`${name.text}(expand: 2)\`, or \`${name.text}(hidden: ${2 * width})\``,
        edits: [],
      },
    });
  }
  const what = `\`expand\` of \`${name.text}\``;
  const notNumber = (): undefined =>
    ctx.reporter.error("bad-setting", { what, wants: "a number", is: "no number" }, expand.value.span);
  const times = ctx.elaborator.number(expand.value, ctx.scope, notNumber);
  if (times === undefined) return undefined;
  const channels = times * width;
  if (Number.isSafeInteger(channels) && channels >= 1 && channels <= LARGEST) return channels;
  const is = `${times}, which makes ${channels} channels of ${width}`;
  const wants = "a number that makes a whole number of channels";
  return ctx.reporter.error("bad-setting", { what, wants, is }, expand.value.span);
}

function activation(argument: ast.Argument | undefined, x: Tensor, part: ast.Name, ctx: NetworkContext) {
  const given = argument?.value;
  if (given && given.kind !== "ident") {
    const params = {
      what: `\`act\` of \`${part.text}\``,
      wants: "the name of a function",
      is: "an expression",
    };
    return ctx.reporter.error("bad-setting", params, given.span);
  }
  const { span } = given ?? part;
  const callee: ast.Name = { text: given?.text ?? USUAL_ACTIVATION, span };
  const scope = new Scope();
  scope.define("x", bind(whole(x), "what comes in"));
  const args: ast.Argument[] = [{ value: { kind: "ident", text: "x", span }, span }];
  const value = ctx.elaborator.real({ kind: "call", callee, args, span }, scope);
  if (!value || value.shape.length === 1) return value?.expr;
  const params = {
    what: `\`act\` of \`${part.text}\``,
    wants: "a function of each channel",
    is: `one that gives ${showShape(value.shape)}`,
  };
  return ctx.reporter.error("bad-setting", params, span);
}
