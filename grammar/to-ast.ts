/**
 * From the parser's tree to the syntax tree. After recovery any part may be missing: an expression
 * becomes `Invalid`, an item without its name is left out; the parser has reported it.
 */
import type { CstNode, IToken } from "chevrotain";
import type { Span } from "../compiler/source/span.ts";
import { closest } from "../compiler/source/suggest.ts";
import type * as ast from "./ast.ts";
import { below, first, nodeSpan, nodes, token, tokenSpan, tokens } from "./cst.ts";
import { Expressions } from "./expressions.ts";
import { aDefinition, bodyOf, list, quote } from "./phrases.ts";
import type { Problems } from "./problems.ts";
import * as T from "./tokens.ts";
import { isDefinitionWord, isSettingWord } from "./vocabulary.ts";

type Item =
  | ast.ModelItem
  | ItemOf<ast.NetworkDef>
  | ItemOf<ast.MemoryDef>
  | ItemOf<ast.BiasDef>
  | ItemOf<ast.RetentionDef>
  | ItemOf<ast.AlgorithmDef>;
type ItemOf<D extends { readonly items: readonly unknown[] }> = D["items"][number];

const KINDS = {
  model: ["choice", "gate", "param", "const", "let", "input", "output", "chunk", "require", "expect"],
  network: ["setting", "block"],
  memory: ["require", "state", "let", "read", "window"],
  bias: ["let", "loss", "grad"],
  retention: ["let", "keep", "link", "prox", "minimize"],
  algorithm: ["let", "like-state", "assign", "step", "minimize"],
} as const satisfies Record<string, readonly Item["kind"][]>;

/** Items that are a word and an expression. */
const VALUED = ["chunk", "window", "loss", "grad", "keep", "step"] as const;
const isValued = (text: string | undefined): text is (typeof VALUED)[number] =>
  VALUED.some((word) => word === text);

const PARAM_TYPES = ["real", "size", "function"] as const;

class Builder {
  readonly #problems: Problems;
  readonly #expressions: Expressions;

  constructor(problems: Problems) {
    this.#problems = problems;
    this.#expressions = new Expressions(problems);
  }

  file(tree: CstNode | undefined): ast.File {
    const definitions = nodes(tree, "definition").flatMap((node) => this.#definition(node) ?? []);
    const imports = nodes(tree, "import").flatMap((node) => this.#import(node) ?? []);
    const [first] = definitions;
    for (const { span } of first ? imports : []) {
      if (first && span.start > first.span.start) this.#lateImport(span, first);
    }
    return { imports, definitions, span: this.#problems.span(0, this.#problems.file.text.length) };
  }

  #import(node: CstNode): ast.Import | undefined {
    const names = tokens(node, T.Identifier).map((each) => this.#expressions.name(each));
    const at = token(node, T.Text);
    if (!at || names.length === 0) return undefined;
    const path = { text: at.image.slice(1, -1), span: this.#tokenSpan(at) };
    return { names, path, span: this.#span(node) };
  }

  #lateImport(span: Span, first: ast.Definition): void {
    this.#problems.reportFirst(span.start, {
      code: "syntax-item",
      message: "imports stand before all definitions",
      labels: [
        { span, text: "" },
        { span: first.name.span, text: "this is before it" },
      ],
    });
  }

  #span(node: CstNode): Span {
    return nodeSpan(this.#problems.file, node);
  }

  #tokenSpan(at: IToken): Span {
    return tokenSpan(this.#problems.file, at);
  }

  // ------------------------------------------------------------------ definitions

  #definition(node: CstNode): ast.Definition | undefined {
    const word = token(node, T.DefineWord)?.image ?? "";
    const nameToken = token(node, T.Identifier);
    const block = first(node, "block");
    const value = first(node, "value");
    if (!nameToken || !isDefinitionWord(word) || !(block || value)) return undefined;
    if (word === "fn" ? !value : value && word !== "bias") {
      this.#problems.reportFirst(nameToken.startOffset, {
        code: "syntax-unexpected",
        message: `the body of ${aDefinition(word)} begins with ${bodyOf(word)}`,
        labels: [{ span: this.#tokenSpan(nameToken), text: "" }],
      });
      return undefined;
    }
    const name = this.#expressions.name(nameToken);
    const span = this.#span(node);
    const paramList = first(node, "params");
    const params = nodes(paramList, "param").flatMap((param) => this.#param(param) ?? []);
    if (word === "fn") return { kind: word, name, params, body: this.#value(node), span };
    const items = nodes(block, "item").flatMap((item) => this.#item(item) ?? []);
    switch (word) {
      case "model":
        if (paramList) this.#noParams(paramList, "a model", "`gate`, `param` and `input`");
        return { kind: word, name, items: this.#only(items, word), span };
      case "network":
        if (paramList) this.#noParams(paramList, "a network", "`width`, `heads`, `block` and the like");
        return { kind: word, name, items: this.#only(items, word), span };
      case "memory":
        return { kind: word, name, params, items: this.#only(items, word), span };
      case "retention":
        return { kind: word, name, params, items: this.#only(items, word), span };
      case "algorithm":
        return { kind: word, name, params, items: this.#only(items, word), span };
      case "bias": {
        if (!value) return { kind: word, name, params, items: this.#only(items, word), span };
        const loss = this.#value(node);
        return { kind: word, name, params, items: [{ kind: "loss", value: loss, span: loss.span }], span };
      }
    }
  }

  #noParams(node: CstNode, what: string, words: string): void {
    const span = this.#span(node);
    this.#problems.reportFirst(span.start, {
      code: "syntax-unexpected",
      message: `${what} takes no parameters`,
      labels: [{ span, text: "" }],
      notes: [`what it has is declared inside, with ${words}`],
    });
  }

  /**
   * The items that the definition may hold. Words that stand in the wrong one have been reported;
   * the two sorts of `state` share their word and are told apart here.
   */
  #only<K extends keyof typeof KINDS>(
    items: readonly Item[],
    word: K,
  ): Extract<Item, { kind: (typeof KINDS)[K][number] }>[] {
    const kinds: readonly string[] = KINDS[word];
    return items.filter((item): item is Extract<Item, { kind: (typeof KINDS)[K][number] }> => {
      const fits = kinds.includes(item.kind);
      if (!fits && (item.kind === "state" || item.kind === "like-state")) {
        this.#problems.reportFirst(item.span.start, {
          code: "syntax-item",
          message:
            item.kind === "state"
              ? `a state of ${aDefinition(word)} is written \`state ${item.name.text} like W = zeros\``
              : `a state of ${aDefinition(word)} has a shape of its own`,
          labels: [{ span: item.span, text: "" }],
          notes: [
            item.kind === "state"
              ? "it has one tensor for each state of the memory, which it names after `like`"
              : `write the shape: \`state ${item.name.text} [dv, dk] = zeros\``,
          ],
        });
      }
      return fits;
    });
  }

  #param(node: CstNode): ast.Param | undefined {
    const [name] = tokens(node, T.Identifier);
    if (!name) return undefined;
    const shape = first(node, "shape");
    const range = first(node, "range");
    const hasDefault = token(node, T.DefaultEquals) !== undefined;
    const type = this.#paramType(node);
    const bounds = range && this.#range(range);
    return {
      name: this.#expressions.name(name),
      ...(shape && { shape: this.#shape(shape) }),
      ...(type && { type }),
      ...(bounds && { range: bounds }),
      ...(hasDefault && { default: this.#expressions.in(node) }),
      span: this.#span(node),
    };
  }

  #paramType(node: CstNode): ast.ParamType | undefined {
    if (!token(node, T.Colon)) return undefined;
    const at = tokens(node, T.Identifier)[1];
    if (!at) return undefined;
    const span = this.#tokenSpan(at);
    const text = PARAM_TYPES.find((type) => type === at.image);
    if (text) return { text, span };
    const meant = closest(at.image, PARAM_TYPES);
    this.#problems.reportFirst(at.startOffset, {
      code: "syntax-unexpected",
      message: `${quote(at.image)} is not a type of parameter`,
      labels: [{ span, text: meant ? `did you mean \`${meant}\`?` : "" }],
      notes: [`a parameter is ${list(PARAM_TYPES, "or")}`],
      ...(meant && { fix: { text: `write \`${meant}\``, edits: [{ span, insert: meant }] } }),
    });
    return undefined;
  }

  #shape(node: CstNode): ast.Shape {
    return { dims: nodes(node, "sum").map((sum) => this.#expressions.row(sum)), span: this.#span(node) };
  }

  #range(node: CstNode): ast.Range | undefined {
    const span = this.#span(node);
    const [low, high] = nodes(node, "sum").map((sum) => this.#expressions.row(sum));
    if (!low) return undefined;
    const limit = token(node, T.Limit);
    if (limit) {
      const open = limit.tokenType === T.Above || limit.tokenType === T.Below;
      const isLow = limit.tokenType === T.Above || limit.tokenType === T.AtLeast;
      return { [isLow ? "low" : "high"]: { value: low, open }, span };
    }
    if (!high) return undefined;
    return {
      low: { value: low, open: token(node, T.LParen) !== undefined },
      high: { value: high, open: token(node, T.RParen) !== undefined },
      span,
    };
  }

  // ------------------------------------------------------------------ items

  #item(wrapper: CstNode): Item | undefined {
    const node = below(wrapper);
    if (!node) return undefined;
    const span = this.#span(node);
    const [at, second] = tokens(node, T.Identifier);
    const name = at && this.#expressions.name(at);
    switch (node.name) {
      case "choice": {
        const choice = token(node, T.ChoiceWord)?.image;
        if (choice !== "memory" && choice !== "bias" && choice !== "retention" && choice !== "algorithm")
          return;
        return (
          name && { kind: "choice", choice, name, args: this.#expressions.args(first(node, "args")), span }
        );
      }
      case "gate":
        return name && this.#gate(node, name, span);
      case "letItem": {
        const kind = token(node, T.LetWord)?.image === "const" ? "const" : "let";
        return name && { kind, name, value: this.#value(node), span };
      }
      case "inputItem": {
        const names = tokens(node, T.Identifier).map((each) => this.#expressions.name(each));
        const shape = first(node, "shape");
        return names.length === 0
          ? undefined
          : {
              kind: "input",
              names,
              ...(shape && { shape: this.#shape(shape) }),
              ...this.#optionalValue(node),
              span,
            };
      }
      case "output":
        return { kind: "output", value: this.#value(node), span };
      case "valued": {
        const kind = token(node, T.ValueWord)?.image;
        const word = token(node, T.ValueWord);
        if (word && isSettingWord(kind)) {
          const value = this.#expressions.in(node);
          return { kind: "setting", word: this.#expressions.name(word), value, span };
        }
        if (!isValued(kind)) return;
        return { kind, value: this.#expressions.in(node), span };
      }
      case "parts": {
        const parts = nodes(node, "expression").map((row) => this.#expressions.row(row));
        return { kind: "block", parts, span };
      }
      case "minimize": {
        const over = nodes(node, "expression")[1];
        const value = this.#expressions.in(node);
        return { kind: "minimize", value, ...(over && { over: this.#expressions.row(over) }), span };
      }
      case "require": {
        const [left, right] = nodes(node, "sum").map((sum) => this.#expressions.row(sum));
        const missing = this.#expressions.invalidAfter(node);
        return { kind: "require", left: left ?? missing, right: right ?? missing, span };
      }
      case "expect": {
        const prime = token(node, T.Prime);
        if (!at || !prime) return;
        return {
          kind: "expect",
          target: this.#expressions.primed(at, second, prime),
          value: this.#value(node),
          span,
        };
      }
      case "state":
        return name && this.#state(node, name, second, span);
      case "read": {
        const param = first(node, "param");
        const built = param && this.#param(param);
        return built && { kind: "read", param: built, body: this.#value(node), span };
      }
      case "map": {
        const kind = token(node, T.MapWord)?.image === "link" ? "link" : "prox";
        return name && { kind, param: name, value: this.#value(node), span };
      }
      case "assign": {
        const target = token(node, T.TargetName);
        const prime = token(node, T.Prime);
        if (!target || !prime) return;
        return {
          kind: "assign",
          target: this.#expressions.primed(target, at, prime),
          value: this.#value(node),
          span,
        };
      }
      default:
        return undefined;
    }
  }

  #gate(node: CstNode, name: ast.Name, span: Span): ast.GateItem | ast.ParamItem {
    const shape = first(node, "shape");
    const range = first(node, "range");
    const bounds = range && this.#range(range);
    const rank = token(node, T.RankWord);
    const begin = token(node, T.StartWord);
    const numbers = nodes(node, "sum").map((sum) => this.#expressions.row(sum));
    const missing = this.#expressions.invalidAfter(node);
    const common = {
      name,
      ...(shape && { shape: this.#shape(shape) }),
      ...(bounds && { range: bounds }),
      ...(begin && { start: numbers[rank ? 1 : 0] ?? missing }),
      span,
    };
    if (token(node, T.GateWord)?.image !== "param") {
      return {
        kind: "gate",
        ...common,
        ...(rank && { rank: numbers[0] ?? missing }),
        ...this.#optionalValue(node),
      };
    }
    const value = first(node, "value");
    if (value) this.#paramValue(this.#span(value), name);
    if (rank) {
      this.#problems.reportFirst(rank.startOffset, {
        code: "syntax-unexpected",
        message: "a `param` has no rank",
        labels: [{ span: this.#tokenSpan(rank), text: "" }],
        notes: [
          "`rank` makes the projection of a `gate` a product of two thin ones; a `param` has no projection",
        ],
      });
    }
    return { kind: "param", ...common };
  }

  #paramValue(span: Span, name: ast.Name): void {
    this.#problems.reportFirst(span.start, {
      code: "syntax-unexpected",
      message: "the value of a `param` is learned",
      labels: [{ span, text: "" }],
      notes: [
        `what it starts from is written \`start\`, as in \`param ${name.text} start 1\`; a fixed number is a \`const\``,
      ],
    });
  }

  #state(
    node: CstNode,
    name: ast.Name,
    like: IToken | undefined,
    span: Span,
  ): ast.StateItem | ast.LikeStateItem | undefined {
    const shape = first(node, "shape");
    const word = token(node, T.LikeWord);
    if (!word)
      return {
        kind: "state",
        name,
        ...(shape && { shape: this.#shape(shape) }),
        ...this.#optionalValue(node),
        span,
      };
    if (shape) {
      this.#problems.reportFirst(word.startOffset, {
        code: "syntax-unexpected",
        message: "a state has a shape or is like another state, not both",
        labels: [
          { span: this.#tokenSpan(word), text: "" },
          { span: this.#span(shape), text: "its shape" },
        ],
      });
    }
    return (
      like && {
        kind: "like-state",
        name,
        like: this.#expressions.name(like),
        ...this.#optionalValue(node),
        span,
      }
    );
  }

  /** The expression after an item's `=`. */
  #value(node: CstNode): ast.Expr {
    const value = first(node, "value");
    return value ? this.#expressions.in(value) : this.#expressions.invalidAfter(node);
  }

  #optionalValue(node: CstNode): { readonly value?: ast.Expr } {
    return first(node, "value") ? { value: this.#value(node) } : {};
  }
}

export const toAst = (tree: CstNode | undefined, problems: Problems): ast.File =>
  new Builder(problems).file(tree);
