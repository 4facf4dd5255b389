/** What is said about each syntax error. */
import type { IToken } from "chevrotain";
import type { Fix, Label } from "../compiler/source/diagnostic.ts";
import type { SourceFile, Span } from "../compiler/source/span.ts";
import { tokenSpan } from "./cst.ts";
import {
  aDefinition,
  adviceOn,
  adviceOnNumber,
  bodyOf,
  found,
  holdersOf,
  itemsOf,
  list,
  quote,
  spell,
} from "./phrases.ts";
import type { Problem } from "./problems.ts";
import { BadNumber, TargetName } from "./tokens.ts";
import { DEFINITIONS, type DefinitionWord, isDefinitionWord } from "./vocabulary.ts";

const unexpected = "syntax-unexpected";
const unclosed = "syntax-unclosed";
const misplaced = "syntax-item";

/** Replaces the text of a span. */
const rewrite = (span: Span, insert: string, text = `write ${quote(insert.trim())}`): Fix => ({
  text,
  edits: [{ span, insert }],
});

export class Messages {
  readonly #file: SourceFile;

  constructor(file: SourceFile) {
    this.#file = file;
  }

  #span(token: IToken): Span {
    return tokenSpan(this.#file, token);
  }

  #label(token: IToken, text = ""): Label {
    return { span: this.#span(token), text };
  }

  /** The place just after a token. */
  #after(token: IToken | undefined): Span {
    const end = token ? this.#span(token).end : 0;
    return { file: this.#file, start: end, end };
  }

  #end(at: IToken | undefined, previous: IToken | undefined, missing: string): Label {
    if (at) return this.#label(at, `expected ${quote(missing)} before this`);
    return { span: this.#after(previous), text: `expected ${quote(missing)} before the file ends` };
  }

  // ------------------------------------------------------------------ items and definitions

  unknownDefinition(token: IToken, meant: string): Problem {
    return {
      code: misplaced,
      message: `${quote(token.image)} is not a kind of definition`,
      labels: [this.#label(token, `did you mean \`${meant}\`?`)],
      notes: [`a file holds ${list(DEFINITIONS, "and")} definitions`],
      fix: rewrite(this.#span(token), meant),
    };
  }

  notADefinition(token: IToken): Problem {
    return {
      code: misplaced,
      message: `expected a definition, found ${found(token)}`,
      labels: [this.#label(token)],
      notes: [`a file holds ${list(DEFINITIONS, "and")} definitions`],
    };
  }

  unknownItem(token: IToken, owner: DefinitionWord, meant: string | undefined): Problem {
    return {
      code: misplaced,
      message: `${quote(token.image)} is not an item of ${aDefinition(owner)}`,
      labels: [this.#label(token, meant && `did you mean \`${meant}\`?`)],
      notes: [itemsOf(owner)],
      ...(meant && { fix: rewrite(this.#span(token), meant) }),
    };
  }

  /** `S = …` as an item. */
  bareAssignment(token: IToken, owner: DefinitionWord): Problem {
    const { image } = token;
    const isState = owner === "algorithm";
    return {
      code: misplaced,
      message: `${quote(image)} is not an item of ${aDefinition(owner)}`,
      labels: [this.#label(token)],
      notes: [
        isState
          ? `the value of a state after the token carries a prime: \`${image}' = …\``
          : `a quantity is named with \`let ${image} = …\``,
        itemsOf(owner),
      ],
      fix: rewrite(this.#span(token), isState ? `${image}'` : `let ${image}`),
    };
  }

  outside(token: IToken): Problem {
    const isRule = token.tokenType === TargetName;
    return {
      code: misplaced,
      message: `${isRule ? "a rule" : quote(token.image)} stands outside of any definition`,
      labels: [this.#label(token, `belongs in ${isRule ? "an algorithm" : holdersOf(token.image)}`)],
    };
  }

  wrongPlace(token: IToken, owner: DefinitionWord): Problem {
    const isRule = token.tokenType === TargetName;
    return {
      code: misplaced,
      message: `${isRule ? "a rule for a state" : quote(token.image)} does not belong in ${aDefinition(owner)}`,
      labels: [this.#label(token, `belongs in ${isRule ? "an algorithm" : holdersOf(token.image)}`)],
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
      labels: [this.#label(token, "this is a definition of its own"), this.#label(owner, "within this one")],
      notes: ["definitions stand side by side in a file; a model refers to the others by name"],
    };
  }

  noBody(word: DefinitionWord, previous: IToken, at: IToken | undefined, repairs: boolean): Problem {
    const body = bodyOf(word);
    return {
      code: unexpected,
      message: `expected ${body} and the body of this ${word === "fn" ? "function" : word}`,
      labels: [
        this.#label(previous, `expected ${body} after this`),
        ...(at ? [this.#label(at, "found this instead")] : []),
      ],
      ...(repairs && { fix: rewrite(this.#after(previous), " {", "write `{` there") }),
    };
  }

  needsBraces(word: DefinitionWord, token: IToken): Problem {
    return {
      code: unexpected,
      message: `the body of ${aDefinition(word)} stands in braces`,
      labels: [this.#label(token, "expected `{`")],
      notes: [itemsOf(word)],
    };
  }

  noBlock(token: IToken): Problem {
    return {
      code: unexpected,
      message: "no block can begin here",
      labels: [this.#label(token)],
      notes: ["braces hold the items of a definition, after its name"],
    };
  }

  reserved(token: IToken): Problem {
    return {
      code: "syntax-name",
      message: `${quote(token.image)} is a word of the language and cannot be a name`,
      labels: [this.#label(token, "choose another name")],
    };
  }

  // ------------------------------------------------------------------ brackets

  /** Brackets, the innermost first, that are open where none can be. */
  unclosedBrackets(
    [inner, ...others]: readonly [IToken, ...IToken[]],
    closers: string,
    at: IToken | undefined,
    previous: IToken | undefined,
  ): Problem {
    return {
      code: unclosed,
      message: `${quote(inner.image)} is not closed`,
      labels: [
        this.#label(inner, "opened here"),
        ...others.slice(0, 2).map((opener) => this.#label(opener, "this is not closed either")),
        this.#end(at, previous, closers),
      ],
      fix: rewrite(this.#after(previous), closers, `write ${quote(closers)} there`),
    };
  }

  unclosedBlock(
    opener: IToken,
    definition: IToken,
    at: IToken | undefined,
    previous: IToken | undefined,
  ): Problem {
    return {
      code: unclosed,
      message: `the block of this ${definition.image} is not closed`,
      labels: [this.#label(opener, "opened here"), this.#end(at, previous, "}")],
      fix: rewrite(this.#after(previous), "\n}", "write `}` there"),
    };
  }

  unclosedComment({ startOffset: start }: IToken): Problem {
    return {
      code: unclosed,
      message: "this comment is not closed",
      labels: [
        { span: { file: this.#file, start, end: start + 2 }, text: "expected `*/` before the file ends" },
      ],
    };
  }

  noOpener(token: IToken, opener: string): Problem {
    return {
      code: unclosed,
      message: `${quote(token.image)} closes nothing`,
      labels: [this.#label(token, `no \`${opener}\` is open here`)],
      fix: rewrite(this.#span(token), "", "leave it out"),
    };
  }

  wrongCloser(token: IToken, opener: IToken, closer: string): Problem {
    return {
      code: unclosed,
      message: `${quote(opener.image)} is closed by ${quote(token.image)}`,
      labels: [this.#label(token, `expected \`${closer}\``), this.#label(opener, "opened here")],
      fix: rewrite(this.#span(token), closer),
    };
  }

  // ------------------------------------------------------------------ limits

  tooDeep(token: IToken, most: number): Problem {
    return {
      code: "too-deep",
      message: `brackets are nested more than ${most} deep`,
      labels: [this.#label(token, "one level too many")],
      notes: ["name a part of the expression with `let`"],
    };
  }

  tooLong(token: IToken, most: number): Problem {
    return {
      code: "too-deep",
      message: `an item has more than ${most} operators`,
      labels: [this.#label(token, "one too many")],
      notes: ["name a part of the expression with `let`"],
    };
  }

  // ------------------------------------------------------------------ within an item

  noEquals(token: IToken, previous: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: `expected \`=\` before ${quote(token.image)}`,
      labels: [this.#label(token)],
      fix: rewrite(this.#after(previous), " =", "write `=` before it"),
    };
  }

  noComma(token: IToken, previous: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: `expected \`,\` or \`=\` before ${quote(token.image)}`,
      labels: [this.#label(token)],
      fix: rewrite(this.#after(previous), ",", "write `,` before it"),
    };
  }

  sideBySide(token: IToken, previous: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: `${quote(token.image)} follows ${previous ? found(previous) : "nothing"} with no operator between them`,
      labels: [this.#label(token)],
      notes: ["a product is written `a * b`; an argument stands in parentheses, as in `f(a)`"],
    };
  }

  needlessEquals(word: IToken, token: IToken): Problem {
    return {
      code: unexpected,
      message: `${quote(word.image)} takes its value without \`=\``,
      labels: [this.#label(token)],
      fix: rewrite(this.#span(token), "", "leave it out"),
    };
  }

  equalsCompares(token: IToken): Problem {
    return {
      code: unexpected,
      message: "`=` defines; it cannot compare",
      labels: [this.#label(token, "expected `==`")],
      notes: ["two values are compared with `==`"],
      fix: rewrite(this.#span(token), "=="),
    };
  }

  equalsNames(token: IToken): Problem {
    return {
      code: unexpected,
      message: "an argument is named with `:`",
      labels: [this.#label(token, "expected `:`")],
      fix: rewrite(this.#span(token), ":"),
    };
  }

  sameDefines(token: IToken): Problem {
    return {
      code: unexpected,
      message: "`==` compares; it cannot define",
      labels: [this.#label(token, "expected `=`")],
      fix: rewrite(this.#span(token), "="),
    };
  }

  unprimed(previous: IToken): Problem {
    const span = this.#after(previous);
    return {
      code: unexpected,
      message: "`expect` states what a state is after the token, which a prime says",
      labels: [{ span, text: "expected `'`" }],
      fix: rewrite(span, "'", "write the prime"),
    };
  }

  gapBeforePrime(token: IToken, previous: IToken): Problem {
    const start = this.#span(previous).end;
    return {
      code: unexpected,
      message: "a prime stands directly after the name",
      labels: [this.#label(token, "there is a gap before it")],
      fix: rewrite({ file: this.#file, start, end: token.startOffset }, "", "close the gap"),
    };
  }

  badNumber(token: IToken): Problem {
    const isBad = token.tokenType === BadNumber;
    return {
      code: "syntax-number",
      message: `${quote(token.image)} is ${isBad ? "not" : "too large"} a number`,
      labels: [this.#label(token, isBad ? "" : "no larger than 1.8e308")],
      notes: isBad ? [adviceOnNumber(token.image)] : [],
    };
  }

  stray(token: IToken): Problem {
    const advice = adviceOn(token.image);
    return {
      code: "syntax-character",
      message: `${spell(token.image)} has no meaning in this language`,
      labels: [this.#label(token)],
      notes: advice ? [advice] : [],
    };
  }
}
