/** Random syntax trees, and what is needed to compare them. */
import fc from "fast-check";
import type { SourceFile, Span } from "../../compiler/source/span.ts";
import type * as ast from "../../grammar/ast.ts";
import { SETTINGS } from "../../grammar/vocabulary.ts";

const file: SourceFile = { path: "random.miras", text: "" };
const span: Span = { file, start: 0, end: 0 };

/** A tree without its spans. */
export function bare(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(bare);
  if (tree === null || typeof tree !== "object") return tree;
  return Object.fromEntries(
    Object.entries(tree)
      .filter(([key]) => key !== "span")
      .map(([key, value]) => [key, bare(value)]),
  );
}

/** Whether something in the tree could not be read. */
export function hasInvalid(tree: unknown): boolean {
  if (Array.isArray(tree)) return tree.some(hasInvalid);
  if (tree === null || typeof tree !== "object") return false;
  if ("kind" in tree && tree.kind === "invalid") return true;
  return Object.entries(tree).some(([key, value]) => key !== "span" && hasInvalid(value));
}

// ---------------------------------------------------------------- parts

type Optional<A> = { [K in keyof A]?: fc.Arbitrary<A[K]> };

/** A node with all the required parts and any of the optional ones. */
const node = <R extends object, O extends object>(
  required: { [K in keyof R]: fc.Arbitrary<R[K]> },
  optional: Optional<O>,
): fc.Arbitrary<R & Partial<O> & { span: Span }> =>
  fc
    .tuple(
      fc.record(required),
      fc.record(optional as { [K in keyof O]: fc.Arbitrary<O[K]> }, { requiredKeys: [] }),
    )
    .map(([a, b]) => ({ ...(a as R), ...(b as Partial<O>), span }));

const NAMES = ["W", "x", "α", "λ_1", "_", "dk", "W1", "𝛼", "é", "project", "real", "size", "zeros"];
const WORDS = [
  "state",
  "read",
  "loss",
  "grad",
  "keep",
  "step",
  "link",
  "prox",
  "minimize",
  "in",
  "rank",
  "start",
  "from",
  "width",
  "heads",
  "block",
  "like",
  "over",
];

const text = fc.constantFrom(...NAMES, ...WORDS);
const name: fc.Arbitrary<ast.Name> = text.map((text) => ({ text, span }));

const number: fc.Arbitrary<ast.NumberLit> = fc
  .oneof(fc.nat(1000), fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }))
  .map((value) => ({ kind: "number", value: Math.abs(value), span }));

const ident: fc.Arbitrary<ast.Ident> = text.map((text) => ({ kind: "ident", text, span }));
const field: fc.Arbitrary<ast.Field> = fc
  .tuple(name, name)
  .map(([object, name]) => ({ kind: "field", object, name, span }));
const primed: fc.Arbitrary<ast.Primed> = fc.oneof(ident, field).map((of) => ({ kind: "primed", of, span }));

const OPERATORS: ast.BinaryOp[] = ["+", "-", "*", "/", "@", "^", "<", "<=", ">", ">=", "=="];

export const expr: fc.Arbitrary<ast.Expr> = fc.letrec<{ expr: ast.Expr; argument: ast.Argument }>((tie) => ({
  expr: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    number,
    ident,
    primed,
    field,
    tie("expr").map((arg): ast.Expr => ({ kind: "unary", op: "-", arg, span })),
    fc
      .tuple(fc.constantFrom(...OPERATORS), tie("expr"), tie("expr"))
      .map(([op, left, right]): ast.Expr => ({ kind: "binary", op, left, right, span })),
    fc
      .tuple(name, fc.array(tie("argument"), { maxLength: 3 }))
      .map(([callee, args]): ast.Expr => ({ kind: "call", callee, args, span })),
    fc
      .array(tie("expr"), { minLength: 2, maxLength: 3 })
      .map((stages): ast.Expr => ({ kind: "pipe", stages, span })),
  ),
  argument: node({ value: tie("expr") }, { name }),
})).expr;

const shape: fc.Arbitrary<ast.Shape> = fc
  .array(expr, { minLength: 1, maxLength: 3 })
  .map((dims) => ({ dims, span }));

const bound: fc.Arbitrary<ast.Bound> = fc.record({ value: expr, open: fc.boolean() });
const range: fc.Arbitrary<ast.Range> = fc.oneof(
  bound.map((low) => ({ low, span })),
  bound.map((high) => ({ high, span })),
  fc.tuple(bound, bound).map(([low, high]) => ({ low, high, span })),
);

const type: fc.Arbitrary<ast.ParamType> = fc
  .constantFrom("real" as const, "size" as const, "function" as const)
  .map((text) => ({ text, span }));

const param: fc.Arbitrary<ast.Param> = node({ name }, { shape, type, range, default: expr });
const params = fc.array(param, { maxLength: 3 });
const argument: fc.Arbitrary<ast.Argument> = node({ value: expr }, { name });

// ---------------------------------------------------------------- items

const kind = <K extends string>(kind: K): fc.Arbitrary<K> => fc.constant(kind);

const choice: fc.Arbitrary<ast.ChoiceItem> = node(
  {
    kind: kind("choice"),
    choice: fc.constantFrom("memory" as const, "bias" as const, "retention" as const, "algorithm" as const),
    name,
    args: fc.array(argument, { maxLength: 3 }),
  },
  {},
);
const gate: fc.Arbitrary<ast.GateItem> = node(
  { kind: kind("gate"), name },
  { shape, range, rank: expr, start: expr, value: expr },
);
const learned: fc.Arbitrary<ast.ParamItem> = node(
  { kind: kind("param"), name },
  { shape, range, start: expr },
);
const constant: fc.Arbitrary<ast.ConstItem> = node({ kind: kind("const"), name, value: expr }, {});
const letItem: fc.Arbitrary<ast.LetItem> = node({ kind: kind("let"), name, value: expr }, {});
const input: fc.Arbitrary<ast.InputItem> = node(
  { kind: kind("input"), names: fc.array(name, { minLength: 1, maxLength: 3 }) },
  { shape, value: expr },
);
const output: fc.Arbitrary<ast.OutputItem> = node({ kind: kind("output"), value: expr }, {});
const chunk: fc.Arbitrary<ast.ChunkItem> = node({ kind: kind("chunk"), value: expr }, {});
const require: fc.Arbitrary<ast.RequireItem> = node({ kind: kind("require"), left: expr, right: expr }, {});
const expectItem: fc.Arbitrary<ast.ExpectItem> = node(
  { kind: kind("expect"), target: primed, value: expr },
  {},
);
const state: fc.Arbitrary<ast.StateItem> = node({ kind: kind("state"), name }, { shape, value: expr });
const likeState: fc.Arbitrary<ast.LikeStateItem> = node(
  { kind: kind("like-state"), name, like: name },
  { value: expr },
);
const read: fc.Arbitrary<ast.ReadItem> = node({ kind: kind("read"), param, body: expr }, {});
const loss: fc.Arbitrary<ast.LossItem> = node({ kind: kind("loss"), value: expr }, {});
const grad: fc.Arbitrary<ast.GradItem> = node({ kind: kind("grad"), value: expr }, {});
const keep: fc.Arbitrary<ast.KeepItem> = node({ kind: kind("keep"), value: expr }, {});
const link: fc.Arbitrary<ast.LinkItem> = node({ kind: kind("link"), param: name, value: expr }, {});
const prox: fc.Arbitrary<ast.ProxItem> = node({ kind: kind("prox"), param: name, value: expr }, {});
const minimize: fc.Arbitrary<ast.MinimizeItem> = node(
  { kind: kind("minimize"), value: expr },
  { over: expr },
);
const window: fc.Arbitrary<ast.WindowItem> = node({ kind: kind("window"), value: expr }, {});
const assign: fc.Arbitrary<ast.AssignItem> = node({ kind: kind("assign"), target: primed, value: expr }, {});
const step: fc.Arbitrary<ast.StepItem> = node({ kind: kind("step"), value: expr }, {});

const many = <A>(...each: fc.Arbitrary<A>[]): fc.Arbitrary<A[]> =>
  fc.array(fc.oneof(...each), { maxLength: 4 });

const setting: fc.Arbitrary<ast.SettingItem> = node(
  {
    kind: kind("setting"),
    word: fc.constantFrom(...SETTINGS).map((text) => ({ text, span })),
    value: expr,
  },
  {},
);
const block: fc.Arbitrary<ast.BlockItem> = node(
  { kind: kind("block"), parts: fc.array(expr, { minLength: 1, maxLength: 3 }) },
  {},
);

// ---------------------------------------------------------------- definitions

const definition: fc.Arbitrary<ast.Definition> = fc.oneof<fc.Arbitrary<ast.Definition>[]>(
  node(
    {
      kind: kind("model"),
      name,
      items: many<ast.ModelItem>(
        choice,
        gate,
        learned,
        constant,
        letItem,
        input,
        output,
        chunk,
        require,
        expectItem,
      ),
    },
    {},
  ),
  node(
    {
      kind: kind("memory"),
      name,
      params,
      items: many<ast.MemoryDef["items"][number]>(require, state, letItem, read, window),
    },
    {},
  ),
  node(
    { kind: kind("bias"), name, params, items: many<ast.BiasDef["items"][number]>(letItem, loss, grad) },
    {},
  ),
  node(
    {
      kind: kind("retention"),
      name,
      params,
      items: many<ast.RetentionDef["items"][number]>(letItem, keep, link, prox, minimize),
    },
    {},
  ),
  node(
    {
      kind: kind("algorithm"),
      name,
      params,
      items: many<ast.AlgorithmDef["items"][number]>(letItem, likeState, assign, step, minimize),
    },
    {},
  ),
  node({ kind: kind("network"), name, items: many<ast.NetworkDef["items"][number]>(setting, block) }, {}),
  node({ kind: kind("fn"), name, params, body: expr }, {}),
);

const importOf: fc.Arbitrary<ast.Import> = node(
  {
    names: fc.array(name, { minLength: 1, maxLength: 3 }),
    path: fc.constantFrom("../x.miras", "a b", "").map((text) => ({ text, span })),
  },
  {},
);

export const tree: fc.Arbitrary<ast.File> = fc
  .tuple(fc.array(importOf, { maxLength: 2 }), fc.array(definition, { maxLength: 4 }))
  .map(([imports, definitions]) => ({ imports, definitions, span }));
