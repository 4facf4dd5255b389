/** The canonical text of a syntax tree. `parse` gives the tree back, but for its spans. */
import type * as ast from "./ast.ts";

/** A definition with one short item stands on one line. */
const WIDTH = 100;

type Item = Exclude<ast.Definition, ast.FunctionDef>["items"][number];

// ---------------------------------------------------------------- expressions

/** How tightly an expression holds together: what binds looser than its place asks for is parenthesised. */
const PIPE = 0;
const COMPARE = 1;
const ADD = 2;
const MULTIPLY = 3;
const NEGATE = 4;
const POWER = 5;
const ATOM = 6;

const STRENGTH: Readonly<Record<ast.BinaryOp, number>> = {
  "<": COMPARE,
  "<=": COMPARE,
  ">": COMPARE,
  ">=": COMPARE,
  "==": COMPARE,
  "+": ADD,
  "-": ADD,
  "*": MULTIPLY,
  "/": MULTIPLY,
  "@": MULTIPLY,
  "^": POWER,
};

function strengthOf(e: ast.Expr): number {
  switch (e.kind) {
    case "pipe":
      return PIPE;
    case "binary":
      return STRENGTH[e.op];
    case "unary":
      return NEGATE;
    case "number":
      return e.value < 0 ? NEGATE : ATOM;
    default:
      return ATOM;
  }
}

const within = (e: ast.Expr, least: number): string =>
  strengthOf(e) < least ? `(${printExpr(e)})` : printExpr(e);

/** Dimensions, bounds and sizes: no comparisons and no pipes outside parentheses. */
const sum = (e: ast.Expr): string => within(e, ADD);

function binary({ op, left, right }: ast.Binary): string {
  switch (STRENGTH[op]) {
    case POWER: {
      const sign = right.kind === "number" ? op : ` ${op} `;
      return within(left, ATOM) + sign + within(right, NEGATE);
    }
    case COMPARE:
      return `${within(left, ADD)} ${op} ${within(right, ADD)}`;
    default:
      return `${within(left, STRENGTH[op])} ${op} ${within(right, STRENGTH[op] + 1)}`;
  }
}

export function printExpr(e: ast.Expr): string {
  switch (e.kind) {
    case "number":
      return String(e.value);
    case "ident":
      return e.text;
    case "primed":
      return `${printExpr(e.of)}'`;
    case "field":
      return `${e.object.text}.${e.name.text}`;
    case "unary":
      return `-${within(e.arg, NEGATE)}`;
    case "binary":
      return binary(e);
    case "call":
      return e.callee.text + args(e.args);
    case "pipe":
      return e.stages.map((stage) => within(stage, COMPARE)).join(" |> ");
    case "invalid":
      return "";
  }
}

function args(list: readonly ast.Argument[]): string {
  const each = list.map(({ name, value }) => (name ? `${name.text}: ` : "") + printExpr(value));
  return `(${each.join(", ")})`;
}

// ---------------------------------------------------------------- parts

const shape = (s: ast.Shape | undefined): string => (s ? ` [${s.dims.map(sum).join(", ")}]` : "");

function range(r: ast.Range | undefined): string {
  if (!r) return "";
  const { low, high } = r;
  if (low && high) {
    return ` in ${low.open ? "(" : "["}${sum(low.value)}, ${sum(high.value)}${high.open ? ")" : "]"}`;
  }
  if (low) return ` >${low.open ? "" : "="} ${sum(low.value)}`;
  if (high) return ` <${high.open ? "" : "="} ${sum(high.value)}`;
  return "";
}

const value = (e: ast.Expr | undefined): string => (e ? ` = ${printExpr(e)}` : "");

const start = (e: ast.Expr | undefined): string => (e ? ` start ${sum(e)}` : "");

const param = (p: ast.Param): string =>
  p.name.text + shape(p.shape) + (p.type ? `: ${p.type.text}` : "") + range(p.range) + value(p.default);

const params = (list: readonly ast.Param[]): string =>
  list.length > 0 ? `(${list.map(param).join(", ")})` : "";

// ---------------------------------------------------------------- items

/** An item as columns: the word, what it names, and the rest. */
interface Row {
  readonly word: string;
  readonly subject: string;
  readonly rest: string;
  /** Rows that stand together in a definition are aligned with each other. */
  readonly group: "choice" | "feed" | "rule" | "setting" | "other";
}

const row = (group: Row["group"], word: string, subject: string, rest: string): Row => ({
  group,
  word,
  subject,
  rest: rest.trimStart(),
});

function toRow(item: Item): Row {
  switch (item.kind) {
    case "choice":
      return row("choice", item.choice, item.name.text + (item.args.length > 0 ? args(item.args) : ""), "");
    case "gate": {
      const rank = item.rank ? ` rank ${sum(item.rank)}` : "";
      return row(
        "feed",
        "gate",
        item.name.text + shape(item.shape),
        range(item.range) + rank + start(item.start) + value(item.value),
      );
    }
    case "param":
      return row("feed", "param", item.name.text + shape(item.shape), range(item.range) + start(item.start));
    case "const":
    case "let":
      return row("feed", item.kind, item.name.text, value(item.value));
    case "input": {
      const names = item.names.map((name) => name.text).join(", ");
      return row("feed", "input", names + shape(item.shape), value(item.value));
    }
    case "setting":
      return row("setting", item.word.text, printExpr(item.value), "");
    case "block":
      return row("setting", "block", item.parts.map(printExpr).join(", "), "");
    case "output":
      return row("feed", "output", "", value(item.value));
    case "chunk":
    case "window":
      return row("other", item.kind, printExpr(item.value), "");
    case "loss":
    case "grad":
    case "keep":
    case "step":
      return row("rule", item.kind, printExpr(item.value), "");
    case "minimize":
      return row(
        "rule",
        "minimize",
        printExpr(item.value) + (item.over ? ` over ${printExpr(item.over)}` : ""),
        "",
      );
    case "require":
      return row("other", "require", `${sum(item.left)} = ${sum(item.right)}`, "");
    case "expect":
      return row("other", "expect", printExpr(item.target) + value(item.value), "");
    case "state":
      return row("other", "state", item.name.text + shape(item.shape) + value(item.value), "");
    case "like-state":
      return row("other", "state", `${item.name.text} like ${item.like.text}${value(item.value)}`, "");
    case "read":
      return row("other", `read(${param(item.param)})${value(item.body)}`, "", "");
    case "link":
    case "prox":
      return row("other", `${item.kind}(${item.param.text})${value(item.value)}`, "", "");
    case "assign":
      return row("other", printExpr(item.target) + value(item.value), "", "");
  }
}

const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));

/** Rows of one group, in columns. */
function align(rows: readonly Row[]): string[] {
  const group = rows[0]?.group;
  const first =
    group === "choice"
      ? "retention  ".length
      : group === "feed"
        ? "input ".length
        : group === "rule" || group === "setting"
          ? widest(rows.map((each) => each.word)) + 1
          : 0;
  // `output` names nothing, and its word is longer than the column.
  const heads = rows.map(({ word, subject }) =>
    subject === "" ? word : `${word.padEnd(Math.max(first, word.length + 1))}${subject}`,
  );
  const second = group === "feed" ? widest(heads.filter((_, i) => rows[i]?.rest !== "")) + 1 : 0;
  return rows.map(({ rest }, i) => (rest === "" ? (heads[i] ?? "") : (heads[i] ?? "").padEnd(second) + rest));
}

/** Runs of neighbours for which `same` holds. */
function runs<A>(list: readonly A[], same: (a: A, b: A) => boolean): A[][] {
  const found: A[][] = [];
  for (const each of list) {
    const last = found.at(-1);
    const previous = last?.at(-1);
    if (last && previous !== undefined && same(previous, each)) last.push(each);
    else found.push([each]);
  }
  return found;
}

/** Gates line up with gates, and an output with the inputs. */
const KIN: Readonly<Record<string, string>> = { const: "let", output: "input" };

const lineUp = (a: Row, b: Row): boolean =>
  a.group === b.group && (a.group !== "feed" || (KIN[a.word] ?? a.word) === (KIN[b.word] ?? b.word));

const lines = (items: readonly Item[]): string[] => runs(items.map(toRow), lineUp).flatMap(align);

// ---------------------------------------------------------------- definitions

function definition(d: ast.Definition): string {
  if (d.kind === "model") return model(d);
  if (d.kind === "fn") return `fn ${d.name.text}(${d.params.map(param).join(", ")})${value(d.body)}`;
  if (d.kind === "network") {
    const name = `network ${d.name.text}`;
    return d.items.length > 0 ? block(name, lines(d.items)) : `${name} {}`;
  }
  const head = `${d.kind} ${d.name.text}${params(d.params)}`;
  const [only, ...others] = d.items;
  if (!only) return `${head} {}`;
  if (d.kind === "bias" && only.kind === "loss" && others.length === 0) return `${head}${value(only.value)}`;
  const body = lines(d.items);
  const short = `${head} { ${body.join(" ")} }`;
  if (d.kind !== "memory" && others.length === 0 && short.length <= WIDTH) return short;
  return block(head, body);
}

const block = (head: string, body: readonly string[]): string =>
  [`${head} {`, ...body.map((line) => `  ${line}`.trimEnd()), "}"].join("\n");

/** A model's parts are set apart: the choices, what feeds them, and what is stated about them. */
function model(d: ast.ModelDef): string {
  const head = `model ${d.name.text}`;
  if (d.items.length === 0) return `${head} {}`;
  const parts = runs(d.items, (a, b) => toRow(a).group === toRow(b).group).map(lines);
  return block(
    head,
    parts.flatMap((part, i) => (i === 0 ? part : ["", ...part])),
  );
}

/** Short definitions of one kind stand together; all others are set apart. */
export function print(file: ast.File): string {
  const imports = file.imports.map(
    ({ names, path }) => `import ${names.map(({ text }) => text).join(", ")} from "${path.text}"\n`,
  );
  const texts = file.definitions.map((d) => ({ kind: d.kind, text: definition(d) }));
  const isShort = (text: string) => !text.includes("\n");
  const definitions = runs(texts, (a, b) => a.kind === b.kind && isShort(a.text) && isShort(b.text)).map(
    (run) => run.map((each) => `${each.text}\n`).join(""),
  );
  return [...(imports.length > 0 ? [imports.join("")] : []), ...definitions].join("\n");
}
