/** Checks a `network`: its sizes, and what the parts of its block are. */
import type * as ast from "../../grammar/ast.ts";
import type { SettingWord } from "../../grammar/vocabulary.ts";
import { Equalities } from "../check/dimensions.ts";
import { Elaborator } from "../check/elaborate.ts";
import type { Library } from "../check/library.ts";
import type { Reporter } from "../check/report.ts";
import { bind, Scope, tensorValue } from "../check/value.ts";
import { constant } from "../math/expr.ts";
import { type Span, textOf } from "../source/span.ts";
import { closest } from "../source/suggest.ts";
import { type KnownModel, LARGEST, type NetworkContext, wholeNumber } from "./context.ts";
import type { Network, NetworkSizes, Part } from "./network.ts";
import { checkPart } from "./parts.ts";

const REQUIRED = ["vocabulary", "width", "heads", "block"] as const;
const MOST_LAYERS = 1024;

export function checkNetwork(
  definition: ast.NetworkDef,
  models: ReadonlyMap<string, KnownModel>,
  library: Library,
  reporter: Reporter,
): Network | undefined {
  const before = reporter.errors;
  const elaborator = new Elaborator(reporter, library.functions, new Equalities(), () => [], sizesIn);
  const ctx: NetworkContext = { reporter, models, elaborator, scope: new Scope() };
  const items = itemsOf(definition, reporter);
  const settings = new Settings(ctx, items);
  const vocabulary = settings.size("vocabulary");
  const width = settings.size("width");
  const heads = settings.size("heads");
  const layers = settings.size("layers", MOST_LAYERS) ?? 1;
  const perHead = headLength(ctx, items, width, heads);
  const dk = settings.size("dk") ?? settings.known("dk", perHead);
  const dv = settings.size("dv") ?? settings.known("dv", perHead);
  const isTied = settings.choice("embeddings", ["tied", "untied"]) !== "untied";
  const hasFinalNorm = settings.choice("norm", ["final", "none"]) !== "none";
  if (!vocabulary || !width || !heads || !dk || !dv) return undefined;
  const sizes: NetworkSizes = { vocabulary, width, heads, dk, dv, layers };
  const block = items.get("block");
  const parts = block?.kind === "block" ? block.parts.map((p) => checkPart(p, sizes, ctx)) : [];
  if (reporter.errors > before || parts.some((p) => !p)) return undefined;
  const { name, span } = definition;
  return { name: name.text, span, sizes, parts: parts as Part[], isTied, hasFinalNorm };
}

const sizesIn = (scope: Scope): string[] => {
  const names = scope.names();
  return names.length > 0 ? [`the sizes that are known here: ${names.join(", ")}`] : [];
};

type Items = ReadonlyMap<string, ast.SettingItem | ast.BlockItem>;

/** The items by their words; reports those that stand twice, and those that are missing. */
function itemsOf({ name, items }: ast.NetworkDef, reporter: Reporter): Items {
  const found = new Map<string, ast.SettingItem | ast.BlockItem>();
  for (const item of items) {
    const word = item.kind === "block" ? "block" : item.word.text;
    const before = found.get(word);
    if (!before) found.set(word, item);
    else {
      reporter.error("duplicate-item", { item: word }, item.span, {
        here: "the second",
        others: [{ span: before.span, text: "the first" }],
      });
    }
  }
  const missing = REQUIRED.filter((word) => !found.has(word));
  if (missing.length > 0) {
    const what = `network \`${name.text}\``;
    reporter.error("missing-item", { what, item: missing.join("`, no `") }, name.span, {
      notes: [
        "a network says its vocabulary, width, heads and block, and may say its layers, embeddings, dk, dv and norm",
      ],
      fix: { text: `add ${missing.map((m) => `a line \`${m} …\``).join(" and ")}`, edits: [] },
    });
  }
  return found;
}

class Settings {
  readonly #ctx: NetworkContext;
  readonly #items: Items;

  constructor(ctx: NetworkContext, items: Items) {
    this.#ctx = ctx;
    this.#items = items;
  }

  #item(word: SettingWord): ast.SettingItem | undefined {
    const item = this.#items.get(word);
    return item?.kind === "setting" ? item : undefined;
  }

  /** A whole number, which later items may name. */
  size(word: SettingWord, most = LARGEST): number | undefined {
    const item = this.#item(word);
    const value = item && wholeNumber(this.#ctx, item.value, `\`${word}\``, most);
    return value === undefined ? undefined : this.known(word, value);
  }

  known(word: SettingWord, value: number | undefined): number | undefined {
    if (value !== undefined)
      this.#ctx.scope.define(word, bind(tensorValue(constant(value), []), "a size of the network"));
    return value;
  }

  choice(word: SettingWord, choices: readonly string[]): string | undefined {
    const value = this.#item(word)?.value;
    if (!value || value.kind === "invalid") return undefined;
    const text = value.kind === "ident" ? value.text : textOf(value.span);
    if (choices.includes(text)) return text;
    const near = closest(text, choices);
    return this.#ctx.reporter.error(
      "bad-setting",
      { what: `\`${word}\``, wants: choices.map((c) => `\`${c}\``).join(" or "), is: `\`${text}\`` },
      value.span,
      near ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span: value.span, insert: near }] } } : {},
    );
  }
}

/** The width divided by the heads, which must come out even. */
function headLength(
  { reporter }: NetworkContext,
  items: Items,
  width: number | undefined,
  heads: number | undefined,
): number | undefined {
  if (!width || !heads) return undefined;
  if (width % heads === 0) return width / heads;
  // With both lengths given, the heads need not share the width among them.
  if (items.has("dk") && items.has("dv")) return undefined;
  const spans = ["heads", "width"].map((word) => items.get(word)?.span as Span);
  const lower = Math.floor(width / heads) * heads;
  return reporter.error("uneven-heads", { width, heads }, spans[0] as Span, {
    others: [{ span: spans[1] as Span, text: "these are to be shared" }],
    fix: {
      text: `take a width such as ${lower > 0 ? `${lower} or ` : ""}${lower + heads}, or give the lengths: \`dk 32\` and \`dv 32\``,
      edits: [],
    },
  });
}
