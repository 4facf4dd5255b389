/** The words of the language, and which definitions hold which items. */
import type { TokenType } from "chevrotain";
import {
  BlockWord,
  ChoiceWord,
  DefineWord,
  ExpectWord,
  GateWord,
  ImportWord,
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
  StartWord,
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
    import: ImportWord,
    model: DefineWord,
    network: DefineWord,
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
  ...words("link", {
    in: InWord,
    rank: RankWord,
    start: StartWord,
    like: LikeWord,
    over: OverWord,
  }),
]);

/** The words of a network, which are names everywhere else. */
export const SETTINGS = ["vocabulary", "width", "heads", "dk", "dv", "layers", "embeddings", "norm"] as const;
export type SettingWord = (typeof SETTINGS)[number];

export const isSettingWord = (text: string | undefined): text is SettingWord =>
  SETTINGS.some((word) => word === text);

const NETWORK_WORDS: ReadonlyMap<string, Word> = new Map(
  words("item", { ...Object.fromEntries(SETTINGS.map((word) => [word, ValueWord])), block: BlockWord }),
);

/** What a name is in the block of a definition, if it is a word of the language there. */
export const wordIn = (owner: string | undefined, text: string): Word | undefined =>
  (owner === "network" ? NETWORK_WORDS.get(text) : undefined) ?? WORDS.get(text);

export const DEFINITIONS = ["model", "network", "memory", "bias", "retention", "algorithm", "fn"] as const;
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
  network: ["vocabulary", "width", "heads", "layers", "block", "embeddings", "dk", "dv", "norm"],
  memory: ["require", "state", "let", "read", "window"],
  bias: ["let", "loss", "grad"],
  retention: ["let", "keep", "link", "prox", "minimize"],
  algorithm: ["state", "let", "step", "minimize"],
  fn: [],
};
