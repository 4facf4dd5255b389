/** What is said about each syntax error. */
import type { IToken } from "chevrotain";
import type { Fix, Label } from "../compiler/source/diagnostic.ts";
import type { SourceFile, Span } from "../compiler/source/span.ts";
import { tokenSpan } from "./cst.ts";
import {
  aDefinition,
  adviceBetween,
  adviceOn,
  adviceOnItem,
  adviceOnNumber,
  adviceOutside,
  bodyOf,
  found,
  holdersOf,
  itemsOf,
  list,
  quote,
  RULE,
  spell,
  withoutTime,
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

  /** A word of the language in capital letters. */
  #capitals(token: IToken, meant: string): Problem {
    return {
      code: misplaced,
      message: "the words of the language are written in small letters",
      labels: [this.#label(token, `write \`${meant}\``)],
      fix: rewrite(this.#span(token), meant, "write them in small letters"),
      habit: "capitals",
    };
  }

  unknownDefinition(token: IToken, meant: string): Problem {
    if (meant === token.image.toLowerCase()) return this.#capitals(token, meant);
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
      labels: [this.#label(token, meant && `did you mean \`${meant}\`?`)],
      notes: [advice ?? itemsOf(owner)],
      ...(meant && { fix: rewrite(this.#span(token), meant) }),
      ...(isBare && owner === "model" && { habit: "bare" }),
    };
  }

  /** `W = alpha * W + …`, `W_t = …` or `W += …` in a model. */
  ruleInModel(token: IToken, isPlain: boolean): Problem {
    const state = withoutTime(token.image) ?? token.image;
    return {
      code: misplaced,
      message: "a model does not say how its memory is updated",
      labels: [this.#label(token, "this looks like the rule of a state")],
      notes: [RULE],
      fix: isPlain
        ? rewrite(this.#span(token), `expect ${state}'`)
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

  /** A model whose items stand below it without braces; `colon` is what stands there instead of `{`. */
  noBraces(definition: IToken, at: IToken, colon: IToken | undefined, last: IToken | undefined): Problem {
    const name = this.#after(definition);
    const opening = colon ? { ...this.#span(colon), start: name.end } : name;
    return {
      code: unexpected,
      message: "the items of a model stand in braces",
      labels: [
        { span: colon ? this.#span(colon) : opening, text: "expected `{`" },
        this.#label(at, "the items begin here"),
      ],
      fix: {
        text: "write `{` there, and `}` after the last item",
        edits: [
          { span: opening, insert: " {" },
          { span: this.#after(last), insert: "\n}" },
        ],
      },
    };
  }

  noName(word: IToken, token: IToken): Problem {
    return {
      code: unexpected,
      message: `this ${word.image} has no name`,
      labels: [this.#label(word), this.#label(token, "expected a name before this")],
      fix: { text: `write one: \`${word.image} Mine {\``, edits: [] },
      garbles: false,
    };
  }

  bracedFunction(token: IToken, closer: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: "the body of a function begins with `=` and has no braces",
      labels: [this.#label(token, "expected `=`")],
      notes: [itemsOf("fn")],
      fix: {
        text: "write `=`, and leave the braces out",
        edits: closer
          ? [
              { span: this.#span(token), insert: "=" },
              { span: this.#span(closer), insert: "" },
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

  noBlock(token: IToken, previous: IToken | undefined): Problem {
    if (previous?.image.endsWith("_")) return this.index(token);
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
      notes: [adviceBetween(previous?.image, token.image)],
    };
  }

  /** `norm^2(x)`. */
  powerBeforeCall(token: IToken): Problem {
    return {
      code: unexpected,
      message: "a power stands after the call",
      labels: [this.#label(token, "this argument belongs to the function")],
      notes: ["`f^2(x)` is written `f(x)^2`"],
    };
  }

  connective(token: IToken): Problem {
    return {
      code: unexpected,
      message: `${quote(token.image)} is not an operator`,
      labels: [this.#label(token)],
      notes: [adviceBetween(undefined, token.image)],
    };
  }

  transpose(token: IToken): Problem {
    return {
      code: unexpected,
      message: "a transpose is a function",
      labels: [this.#label(token)],
      notes: ["write `transpose(W)`; the product v kᵀ of two vectors is `outer(v, k)`"],
    };
  }

  /** `W[t]`, `W_{t-1}`, `read(q)[0]`. */
  index(token: IToken): Problem {
    return {
      code: unexpected,
      message: "nothing is indexed: names stand for whole tensors at this token",
      labels: [this.#label(token)],
      notes: ["`W` is the state before the token, and `W'` the state after it"],
    };
  }

  /** `y.dot(v)`, `np.sum(x)`. */
  method(object: IToken, name: IToken, isLibrary: boolean): Problem {
    const { start } = this.#span(object);
    return {
      code: unexpected,
      message: isLibrary ? "functions are called by their name alone" : "tensors have no methods",
      labels: [this.#label(object, isLibrary ? `write \`${name.image}(…)\`` : "")],
      fix: isLibrary
        ? rewrite({ file: this.#file, start, end: name.startOffset }, "", `leave \`${object.image}.\` out`)
        : { text: `call a function: \`${name.image}(${object.image}, …)\``, edits: [] },
      garbles: true,
      ...(isLibrary && { habit: `library ${object.image}` }),
    };
  }

  doubleStar(token: IToken, second: IToken): Problem {
    const span = { file: this.#file, start: token.startOffset, end: this.#span(second).end };
    return {
      code: unexpected,
      message: "a power is written `^`",
      labels: [{ span, text: "" }],
      fix: rewrite(span, "^"),
      habit: "power",
    };
  }

  /** `W .* alpha`. */
  dottedProduct(dot: IToken, times: IToken): Problem {
    const span = { file: this.#file, start: dot.startOffset, end: this.#span(times).end };
    return {
      code: unexpected,
      message: "an elementwise product is written `*`",
      labels: [{ span, text: "" }],
      fix: rewrite(span, "*"),
      habit: "dotted",
    };
  }

  /** `memory matrix[dv, dk]`. */
  choiceShape(token: IToken): Problem {
    return {
      code: unexpected,
      message: "a choice takes no shape",
      labels: [this.#label(token)],
      notes: ["shapes stand where the states are declared; arguments stand in parentheses"],
      garbles: false,
    };
  }

  /** `gate 0 < alpha`. */
  nameFirst(word: IToken, token: IToken): Problem {
    return {
      code: unexpected,
      message: `the name of a \`${word.image}\` comes first`,
      labels: [this.#label(token, "expected a name")],
      notes: [`a range follows the name: \`${word.image} alpha in (0, 1)\`, or \`> 0\``],
    };
  }

  /** `gate alpha in {0, 1}`. */
  bracedRange(token: IToken): Problem {
    return {
      code: unexpected,
      message: "the ends of a range stand in `( )`, or in `[ ]` where they belong to it",
      labels: [this.#label(token)],
      notes: ["a gate takes every value of its range; a choice of two is `where(condition, a, b)`"],
    };
  }

  noCommaBetween(token: IToken, previous: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: `expected \`,\` before ${quote(token.image)}`,
      labels: [this.#label(token)],
      fix: rewrite(this.#after(previous), ",", "write `,` before it"),
    };
  }

  /** `=>`, `<-` or `:` for `=`. */
  arrow(token: IToken, head: IToken): Problem {
    const before = this.#file.text.slice(token.startOffset - 1, token.startOffset);
    const isColon = token === head && !/\s/.test(before);
    const span = { file: this.#file, start: token.startOffset, end: this.#span(head).end };
    if (isColon) {
      return {
        code: unexpected,
        message: "a value is given with `=`",
        labels: [{ span, text: "expected `=`" }],
        fix: rewrite(span, " =", "write `=`"),
        habit: "colon for =",
      };
    }
    return {
      code: unexpected,
      message: "a value is given with `=`",
      labels: [{ span, text: "expected `=`" }],
      fix: rewrite(span, "="),
    };
  }

  /** A sign between a word and its value: `memory = matrix`, `bias: l2`. */
  needlessSign(word: IToken, token: IToken): Problem {
    const { end } = this.#span(token);
    const start = this.#span(word).end;
    const gap = /\s/.test(this.#file.text.slice(end, end + 1)) ? "" : " ";
    return {
      code: unexpected,
      message: `${quote(word.image)} takes its value without ${quote(token.image)}`,
      labels: [this.#label(token)],
      fix: rewrite({ file: this.#file, start, end }, gap, "leave it out"),
      habit: `needless ${token.image}`,
    };
  }

  needlessComma(token: IToken): Problem {
    return {
      code: unexpected,
      message: "items are not separated by commas",
      labels: [this.#label(token)],
      fix: rewrite(this.#span(token), "", "leave it out"),
      habit: "commas",
    };
  }

  needlessColon(token: IToken): Problem {
    return {
      code: unexpected,
      message: "nothing stands between a name and its shape or range",
      labels: [this.#label(token)],
      fix: rewrite(this.#span(token), "", "leave it out"),
      habit: "colons",
    };
  }

  /** `gate alpha, beta in (0, 1)`. */
  oneGate(word: IToken, token: IToken, rest: string): Problem {
    return {
      code: unexpected,
      message: `a \`${word.image}\` declares one name`,
      labels: [this.#label(token)],
      fix: rewrite(this.#span(token), `${rest}\n  ${word.image}`, "write a line for each"),
    };
  }

  /** `gate alpha = (0, 1)`, `gate alpha (0, 1)`. */
  rangeWithoutIn(token: IToken, isEquals: boolean): Problem {
    return {
      code: unexpected,
      message: "a range is given with `in`",
      labels: [this.#label(token, isEquals ? "expected `in`" : "expected `in` before this")],
      fix: rewrite(
        isEquals ? this.#span(token) : { ...this.#span(token), end: token.startOffset },
        isEquals ? "in" : "in ",
        "write `in`",
      ),
      habit: "in",
    };
  }

  rangeInWords(token: IToken): Problem {
    return {
      code: unexpected,
      message: `expected a range or \`=\`, found ${quote(token.image)}`,
      labels: [this.#label(token)],
      notes: ["a range is written `in (0, 1)`, `> 0`, `>= 1`, …; `=` says how the value is made"],
    };
  }

  /** `state W (dv, dk)`. */
  roundShape(token: IToken, closer: IToken): Problem {
    return {
      code: unexpected,
      message: "a shape stands in square brackets",
      labels: [this.#label(token, "expected `[`")],
      fix: {
        text: "write `[` and `]`",
        edits: [
          { span: this.#span(token), insert: "[" },
          { span: this.#span(closer), insert: "]" },
        ],
      },
    };
  }

  /** A state of an algorithm that is like no other. */
  stateAlone(name: IToken): Problem {
    const span = this.#after(name);
    return {
      code: misplaced,
      message: `a state of an algorithm is written \`state ${name.image} like W = zeros\``,
      labels: [{ span, text: "expected `like`" }],
      notes: ["it has one tensor for each state of the memory, which it names after `like`"],
      fix: rewrite(span, " like W"),
    };
  }

  namedOutput(token: IToken): Problem {
    const { start, end } = this.#span(token);
    return {
      code: unexpected,
      message: "the output of a model has no name",
      labels: [this.#label(token)],
      fix: rewrite({ file: this.#file, start, end: end + 1 }, "", "leave it out"),
    };
  }

  quoted(token: IToken, name: string): Problem {
    return {
      code: "syntax-character",
      message: "names are not quoted",
      labels: [this.#label(token)],
      fix: rewrite(this.#span(token), name, "leave the quotes out"),
      habit: "quotes",
    };
  }

  /** `import { A } from "a.miras"`, `block [A, B]`. */
  wrapped(item: IToken, open: IToken, close: IToken): Problem {
    const what = item.image === "import" ? "the names of an import" : "the parts of a block";
    return {
      code: unexpected,
      message: `${what} stand without ${quote(open.image)} and ${quote(close.image)}`,
      labels: [this.#label(open), this.#label(close, "up to here")],
      fix: {
        text: "leave them out",
        edits: [
          { span: this.#span(open), insert: "" },
          { span: this.#span(close), insert: "" },
        ],
      },
    };
  }

  /** `import A from '../a.miras'`. */
  singleQuotes(open: IToken, close: IToken, path: string): Problem {
    const span = { ...this.#span(open), end: this.#span(close).end };
    return {
      code: "syntax-character",
      message: "a path stands in double quotes",
      labels: [{ span, text: "" }],
      fix: rewrite(span, `"${path}"`),
      habit: "single quotes",
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

  equalsNames(token: IToken, name: IToken): Problem {
    return {
      code: unexpected,
      message: "an argument is named with `:`",
      labels: [this.#label(token, "expected `:`")],
      fix: rewrite(
        {
          file: this.#file,
          start: this.#span(name).end,
          end: this.#span(token).end,
        },
        /\s/.test(this.#file.text.slice(token.startOffset + 1, token.startOffset + 2)) ? ":" : ": ",
        "write `:`",
      ),
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

  unprimed(previous: IToken, state: string | undefined): Problem {
    if (state) {
      return {
        code: unexpected,
        message: "a state after the token carries a prime, and no index",
        labels: [this.#label(previous, `expected \`${state}'\``)],
        notes: [`\`${state}\` is the state before the token, and \`${state}'\` the state after it`],
        fix: rewrite(this.#span(previous), `${state}'`),
      };
    }
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
    const { image } = token;
    const advice = adviceOn(image);
    const span = this.#span(token);
    const code = "syntax-character";
    if (/^(#|%.)/.test(image)) {
      const sign = { ...span, end: span.start + (/^[#%]+/.exec(image)?.[0].length ?? 1) };
      return {
        code,
        message: "a comment begins with `//`",
        labels: [{ span: sign, text: "" }],
        fix: rewrite(sign, "//"),
        habit: "comments",
        garbles: false,
      };
    }
    if (image.startsWith(";")) {
      return {
        code,
        message: "items are not separated by `;`",
        labels: [this.#label(token)],
        fix: rewrite(span, "", "leave it out"),
        habit: "semicolons",
        garbles: false,
      };
    }
    const power = [...image].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c));
    const isPower = power.every((digit) => digit >= 0);
    return {
      code,
      message: `${spell(image)} has no meaning in this language`,
      labels: [this.#label(token)],
      notes: advice ? [advice] : [],
      ...(isPower && { fix: rewrite(span, `^${power.join("")}`) }),
      garbles: true,
      ...(image === "||" && { habit: image }),
    };
  }
}
