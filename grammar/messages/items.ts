/** What is said about definitions and the items in them: which there are, and where each stands. */
import type { IToken } from "chevrotain";
import {
  aDefinition,
  adviceOnItem,
  adviceOutside,
  bodyOf,
  found,
  holdersOf,
  itemsOf,
  list,
  quote,
  RULE,
  withoutTime,
} from "../phrases.ts";
import type { Problem } from "../problems.ts";
import { TargetName } from "../tokens.ts";
import { DEFINITIONS, type DefinitionWord, isDefinitionWord } from "../vocabulary.ts";
import { Messages, misplaced, rewrite, unexpected } from "./message.ts";

export class ItemMessages extends Messages {
  /** A word of the language in capital letters. */
  #capitals(token: IToken, meant: string): Problem {
    return {
      code: misplaced,
      message: "the words of the language are written in small letters",
      labels: [this.label(token, `write \`${meant}\``)],
      fix: rewrite(this.span(token), meant, "write them in small letters"),
      habit: "capitals",
    };
  }

  unknownDefinition(token: IToken, meant: string): Problem {
    if (meant === token.image.toLowerCase()) return this.#capitals(token, meant);
    return {
      code: misplaced,
      message: `${quote(token.image)} is not a kind of definition`,
      labels: [this.label(token, `did you mean \`${meant}\`?`)],
      notes: [`a file holds ${list(DEFINITIONS, "and")} definitions`],
      fix: rewrite(this.span(token), meant),
    };
  }

  notADefinition(token: IToken): Problem {
    return {
      code: misplaced,
      message: `expected a definition, found ${found(token)}`,
      labels: [this.label(token)],
      notes: [adviceOutside(token.image) ?? `a file holds ${list(DEFINITIONS, "and")} definitions`],
    };
  }

  /** `isBare`: whether it stands alone, or is a call or the beginning of an expression. */
  unknownItem(token: IToken, owner: DefinitionWord, meant: string | undefined, isBare = false): Problem {
    if (meant === token.image.toLowerCase()) return this.#capitals(token, meant);
    const advice = meant ? undefined : adviceOnItem(token.image, owner, isBare);
    return {
      code: misplaced,
      message: `${quote(token.image)} is not an item of ${aDefinition(owner)}`,
      labels: [this.label(token, meant && `did you mean \`${meant}\`?`)],
      notes: [advice ?? itemsOf(owner)],
      ...(meant && { fix: rewrite(this.span(token), meant) }),
      ...(isBare && owner === "model" && { habit: "bare" }),
    };
  }

  /** `W = alpha * W + …`, `W_t = …` or `W += …` in a model. */
  ruleInModel(token: IToken, isPlain: boolean): Problem {
    const state = withoutTime(token.image) ?? token.image;
    return {
      code: misplaced,
      message: "a model does not say how its memory is updated",
      labels: [this.label(token, "this looks like the rule of a state")],
      notes: [RULE],
      fix: isPlain
        ? rewrite(this.span(token), `expect ${state}'`)
        : { text: `state it as \`expect ${state}' = …\``, edits: [] },
      garbles: true,
    };
  }

  /** `S = …` as an item. */
  bareAssignment(token: IToken, owner: DefinitionWord): Problem {
    const { image } = token;
    const isState = owner === "algorithm";
    return {
      code: misplaced,
      message: `${quote(image)} is not an item of ${aDefinition(owner)}`,
      labels: [this.label(token)],
      notes: [
        isState
          ? `the value of a state after the token carries a prime: \`${image}' = …\``
          : `a quantity is named with \`let ${image} = …\``,
        itemsOf(owner),
      ],
      fix: rewrite(this.span(token), isState ? `${image}'` : `let ${image}`),
    };
  }

  outside(token: IToken): Problem {
    const isRule = token.tokenType === TargetName;
    return {
      code: misplaced,
      message: `${isRule ? "a rule" : quote(token.image)} stands outside of any definition`,
      labels: [this.label(token, `belongs in ${isRule ? "an algorithm" : holdersOf(token.image)}`)],
    };
  }

  wrongPlace(token: IToken, owner: DefinitionWord): Problem {
    const isRule = token.tokenType === TargetName;
    return {
      code: misplaced,
      message: `${isRule ? "a rule for a state" : quote(token.image)} does not belong in ${aDefinition(owner)}`,
      labels: [this.label(token, `belongs in ${isRule ? "an algorithm" : holdersOf(token.image)}`)],
      notes: [itemsOf(owner)],
    };
  }

  nested(token: IToken, owner: IToken): Problem {
    const [outer, inner] = [owner.image, token.image];
    return {
      code: misplaced,
      message:
        isDefinitionWord(outer) && isDefinitionWord(inner)
          ? `${aDefinition(outer)} cannot hold the definition of ${aDefinition(inner)}`
          : "a definition cannot hold another one",
      labels: [this.label(token, "this is a definition of its own"), this.label(owner, "within this one")],
      notes: ["definitions stand side by side in a file; a model refers to the others by name"],
    };
  }

  /** A model whose items stand below it without braces; `colon` is what stands there instead of `{`. */
  noBraces(definition: IToken, at: IToken, colon: IToken | undefined, last: IToken | undefined): Problem {
    const name = this.after(definition);
    const opening = colon ? { ...this.span(colon), start: name.end } : name;
    return {
      code: unexpected,
      message: "the items of a model stand in braces",
      labels: [
        { span: colon ? this.span(colon) : opening, text: "expected `{`" },
        this.label(at, "the items begin here"),
      ],
      fix: {
        text: "write `{` there, and `}` after the last item",
        edits: [
          { span: opening, insert: " {" },
          { span: this.after(last), insert: "\n}" },
        ],
      },
    };
  }

  noName(word: IToken, token: IToken): Problem {
    return {
      code: unexpected,
      message: `this ${word.image} has no name`,
      labels: [this.label(word), this.label(token, "expected a name before this")],
      fix: { text: `write one: \`${word.image} Mine {\``, edits: [] },
      garbles: false,
    };
  }

  bracedFunction(token: IToken, closer: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: "the body of a function begins with `=` and has no braces",
      labels: [this.label(token, "expected `=`")],
      notes: [itemsOf("fn")],
      fix: {
        text: "write `=`, and leave the braces out",
        edits: closer
          ? [
              { span: this.span(token), insert: "=" },
              { span: this.span(closer), insert: "" },
            ]
          : [],
      },
    };
  }

  noBody(word: DefinitionWord, previous: IToken, at: IToken | undefined, repairs: boolean): Problem {
    const body = bodyOf(word);
    return {
      code: unexpected,
      message: `expected ${body} and the body of this ${word === "fn" ? "function" : word}`,
      labels: [
        this.label(previous, `expected ${body} after this`),
        ...(at ? [this.label(at, "found this instead")] : []),
      ],
      ...(repairs && { fix: rewrite(this.after(previous), " {", "write `{` there") }),
    };
  }

  needsBraces(word: DefinitionWord, token: IToken): Problem {
    return {
      code: unexpected,
      message: `the body of ${aDefinition(word)} stands in braces`,
      labels: [this.label(token, "expected `{`")],
      notes: [itemsOf(word)],
    };
  }

  reserved(token: IToken): Problem {
    return {
      code: "syntax-name",
      message: `${quote(token.image)} is a word of the language and cannot be a name`,
      labels: [this.label(token, "choose another name")],
    };
  }
}
