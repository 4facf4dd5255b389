/** Items and short definitions in columns: which of them line up, and where. */
import { tokenMatcher } from "chevrotain";
import * as T from "../tokens.ts";
import { isSettingWord } from "../vocabulary.ts";
import type { Placed } from "./comments.ts";
import { type Doc, flat, pad, WIDTH, widest, widthOf } from "./document.ts";
import { documentOf } from "./expressions.ts";

/** Items of one group that stand together have one column for their words. */
type Group = "choice" | "feed" | "rule" | "setting" | "state" | "expect" | "assign" | "definition";

interface Cells {
  readonly group: Group;
  /** Of one group, those alike have one column for what they name and one for the rest. */
  readonly alike: string;
  readonly word: string;
  readonly name: string;
  readonly shape: string;
  readonly rest: Doc;
}

const CHOICES = "retention  ".length;

const FEEDS: Readonly<Record<string, string>> = {
  gate: "gate",
  param: "param",
  const: "value",
  let: "value",
  input: "value",
  output: "value",
};
const RULES: ReadonlySet<string> = new Set(["keep", "loss", "grad", "step", "minimize", "link", "prox"]);

/** What an item or a definition says in columns; undefined for one that has none, or comments where they are. */
function cellsOf(tokens: readonly Placed[]): Cells | undefined {
  const [first] = tokens;
  if (!first) return undefined;
  const { image, tokenType: type } = first.token;
  const after = (index: number): number => (index < 0 ? tokens.length : index);
  const equals = after(tokens.findIndex(({ token }) => token.tokenType === T.Equals));
  const cells = (group: Group, alike: string, ends: readonly [word: number, name: number, shape: number]) => {
    const [word, name, shape] = ends;
    if (tokens.slice(1, shape + 1).some(({ notes }) => notes.length > 0)) return undefined;
    const text = (from: number, to: number): string => flat(documentOf(tokens.slice(from, to), true)) ?? "";
    const rest = documentOf(tokens.slice(shape), true);
    return { group, alike, word: text(0, word), name: text(word, name), shape: text(name, shape), rest };
  };
  if (type === T.DefineWord) return cells("definition", image, [equals, equals, equals]);
  if (type === T.TargetName) return cells("assign", "", [equals, equals, equals]);
  if (type === T.ChoiceWord || image === "chunk" || image === "require")
    return cells("choice", image, [1, 1, 1]);
  if (type === T.ExpectWord) return cells("expect", "", [1, equals, equals]);
  if (RULES.has(image)) {
    const end = type === T.MapWord ? equals : 1;
    return cells("rule", image, [end, end, end]);
  }
  if (type === T.BlockWord || (type === T.ValueWord && isSettingWord(image)))
    return cells("setting", "", [1, 1, 1]);
  const feeds = FEEDS[image];
  if (feeds === undefined && type !== T.StateWord) return undefined;
  const name = after(tokens.findIndex(({ token }) => endsName(token)));
  const hasShape = tokens[name]?.token.tokenType === T.LSquare;
  const close = tokens.findIndex(({ token }, i) => i > name && token.tokenType === T.RSquare);
  return cells(feeds ? "feed" : "state", feeds ?? "", [1, name, hasShape ? after(close) + 1 : name]);
}

const endsName = (token: Placed["token"]): boolean =>
  [T.LSquare, T.InWord, T.RankWord, T.StartWord, T.LikeWord, T.Equals].some(
    (type) => token.tokenType === type,
  ) || tokenMatcher(token, T.Limit);

/** Runs of neighbours that are alike, the others alone. */
function runs<A>(list: readonly A[], keyOf: (each: A) => string | undefined): A[][] {
  const found: A[][] = [];
  let before: string | undefined;
  for (const each of list) {
    const key = keyOf(each);
    const last = found.at(-1);
    if (last && key !== undefined && key === before) last.push(each);
    else found.push([each]);
    before = key;
  }
  return found;
}

/** The documents of neighbours, with no blank line between them, that stand `indent` columns in. */
export function rowsOf(neighbours: readonly (readonly Placed[])[], indent: number): Doc[] {
  const all = neighbours.map((tokens) => ({ tokens, cells: cellsOf(tokens) }));
  return runs(all, ({ cells }) => cells?.group).flatMap((run) => {
    const group = run[0]?.cells?.group;
    // A chunk and a requirement line up with choices, and only with these.
    const isPlain =
      group === "choice" && !run.some(({ tokens }) => tokens[0]?.token.tokenType === T.ChoiceWord);
    if (!group || isPlain) return run.map(({ tokens }) => documentOf(tokens, true));
    const words = run.flatMap(({ cells }) => (cells && cells.word !== "output" ? [cells.word] : []));
    const column = group === "choice" ? CHOICES : widest(words) + 1;
    return runs(run, ({ cells }) => cells?.alike).flatMap((alike) =>
      linedUp(
        alike.flatMap(({ cells }) => cells ?? []),
        column,
        WIDTH - indent,
      ),
    );
  });
}

function linedUp(rows: readonly Cells[], column: number, width: number): Doc[] {
  const names = widest(rows.filter(({ shape }) => shape !== "").map(({ name }) => name));
  const heads = rows.map(({ word, name, shape }) => {
    const named = shape === "" ? name : `${pad(name, names)} ${shape}`;
    return named === "" ? word : pad(word, column) + named;
  });
  const lengths = rows.map(({ rest }) => {
    const text = flat(rest);
    return text === undefined ? Number.POSITIVE_INFINITY : widthOf(text);
  });
  const isColumn = ["choice", "rule", "setting"].includes(rows[0]?.group ?? "");
  let start = isColumn ? column : 0;
  // What would be longer than a line in its column keeps out of it.
  let inside = [...rows.keys()].filter((i) => lengths[i] !== 0);
  while (!isColumn) {
    start = widest(inside.map((i) => heads[i] ?? "")) + 1;
    const fitting = inside.filter((i) => start + (lengths[i] ?? 0) <= width);
    if (fitting.length === inside.length) break;
    inside = fitting;
  }
  const padded = new Set(isColumn ? rows.keys() : inside);
  return rows.map(({ rest }, i): Doc => {
    const head = heads[i] ?? "";
    if (lengths[i] === 0) return head;
    return [padded.has(i) ? pad(head, start) : `${head} `, rest];
  });
}
