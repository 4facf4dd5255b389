/** The words of the language, and which definitions hold which items. */
import type { TokenType } from "chevrotain";
import {
  ChoiceWord,
  DefineWord,
  ExpectWord,
  GateWord,
  InputWord,
  InWord,
  LetWord,
  LikeWord,
  MapWord,
  MinimizeWord,
  OutputWord,
  OverWord,
  RankWord,
  ReadWord,
  RequireWord,
  StateWord,
  ValueWord,
} from "./tokens.ts";

export interface Word {
  readonly type: TokenType;
  /** Reserved words cannot be names; `item` words can, and so can those that link the parts of an item. */
  readonly role: "reserved" | "item" | "link";
}

const words = (role: Word["role"], types: Record<string, TokenType>): [string, Word][] =>
  Object.entries(types).map(([text, type]) => [text, { type, role }]);

export const WORDS: ReadonlyMap<string, Word> = new Map([
  ...words("reserved", {
    model: DefineWord,
    fn: DefineWord,
    memory: ChoiceWord,
    bias: ChoiceWord,
    retention: ChoiceWord,
    algorithm: ChoiceWord,
    gate: GateWord,
    param: GateWord,
    const: LetWord,
    let: LetWord,
    input: InputWord,
    output: OutputWord,
    chunk: ValueWord,
    require: RequireWord,
    expect: ExpectWord,
  }),
  ...words("item", {
    state: StateWord,
    read: ReadWord,
    loss: ValueWord,
    grad: ValueWord,
    keep: ValueWord,
    window: ValueWord,
    step: ValueWord,
    link: MapWord,
    prox: MapWord,
    minimize: MinimizeWord,
  }),
  ...words("link", { in: InWord, rank: RankWord, like: LikeWord, over: OverWord }),
]);

export const DEFINITIONS = ["model", "memory", "bias", "retention", "algorithm", "fn"] as const;
export type DefinitionWord = (typeof DEFINITIONS)[number];

export const isDefinitionWord = (text: string | undefined): text is DefinitionWord =>
  DEFINITIONS.some((word) => word === text);

/** The items that each definition may hold, in the order in which a reader should learn them. */
export const ITEMS: Readonly<Record<DefinitionWord, readonly string[]>> = {
  model: [
    "memory",
    "bias",
    "retention",
    "algorithm",
    "gate",
    "param",
    "const",
    "let",
    "input",
    "output",
    "chunk",
    "require",
    "expect",
  ],
  memory: ["require", "state", "let", "read", "window"],
  bias: ["let", "loss", "grad"],
  retention: ["let", "keep", "link", "prox", "minimize"],
  algorithm: ["state", "let", "step", "minimize"],
  fn: [],
};
