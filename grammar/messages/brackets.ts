/** What is said about brackets: unclosed, too many, too deep, or not of the kind that belongs there. */
import type { IToken } from "chevrotain";
import type { Label } from "../../compiler/source/diagnostic.ts";
import { quote } from "../phrases.ts";
import type { Problem } from "../problems.ts";
import { Messages, rewrite, unclosed, unexpected } from "./message.ts";

export class BracketMessages extends Messages {
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
        this.label(inner, "opened here"),
        ...others.slice(0, 2).map((opener) => this.label(opener, "this is not closed either")),
        this.#end(at, previous, closers),
      ],
      fix: rewrite(this.after(previous), closers, `write ${quote(closers)} there`),
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
      labels: [this.label(opener, "opened here"), this.#end(at, previous, "}")],
      fix: rewrite(this.after(previous), "\n}", "write `}` there"),
    };
  }

  #end(at: IToken | undefined, previous: IToken | undefined, missing: string): Label {
    if (at) return this.label(at, `expected ${quote(missing)} before this`);
    return { span: this.after(previous), text: `expected ${quote(missing)} before the file ends` };
  }

  noOpener(token: IToken, opener: string): Problem {
    return {
      code: unclosed,
      message: `${quote(token.image)} closes nothing`,
      labels: [this.label(token, `no \`${opener}\` is open here`)],
      fix: rewrite(this.span(token), "", "leave it out"),
    };
  }

  wrongCloser(token: IToken, opener: IToken, closer: string): Problem {
    return {
      code: unclosed,
      message: `${quote(opener.image)} is closed by ${quote(token.image)}`,
      labels: [this.label(token, `expected \`${closer}\``), this.label(opener, "opened here")],
      fix: rewrite(this.span(token), closer),
    };
  }

  tooDeep(token: IToken, most: number): Problem {
    return {
      code: "too-deep",
      message: `brackets are nested more than ${most} deep`,
      labels: [this.label(token, "one level too many")],
      notes: ["name a part of the expression with `let`"],
    };
  }

  noBlock(token: IToken, previous: IToken | undefined): Problem {
    if (previous?.image.endsWith("_")) return this.index(token);
    return {
      code: unexpected,
      message: "no block can begin here",
      labels: [this.label(token)],
      notes: ["braces hold the items of a definition, after its name"],
    };
  }

  /** `W[t]`, `W_{t-1}`, `read(q)[0]`. */
  index(token: IToken): Problem {
    return {
      code: unexpected,
      message: "nothing is indexed: names stand for whole tensors at this token",
      labels: [this.label(token)],
      notes: ["`W` is the state before the token, and `W'` the state after it"],
    };
  }

  /** `memory matrix[dv, dk]`. */
  choiceShape(token: IToken): Problem {
    return {
      code: unexpected,
      message: "a choice takes no shape",
      labels: [this.label(token)],
      notes: ["shapes stand where the states are declared; arguments stand in parentheses"],
      garbles: false,
    };
  }

  /** `gate alpha in {0, 1}`. */
  bracedRange(token: IToken): Problem {
    return {
      code: unexpected,
      message: "the ends of a range stand in `( )`, or in `[ ]` where they belong to it",
      labels: [this.label(token)],
      notes: ["a gate takes every value of its range; a choice of two is `where(condition, a, b)`"],
    };
  }

  /** `state W (dv, dk)`. */
  roundShape(token: IToken, closer: IToken): Problem {
    return {
      code: unexpected,
      message: "a shape stands in square brackets",
      labels: [this.label(token, "expected `[`")],
      fix: {
        text: "write `[` and `]`",
        edits: [
          { span: this.span(token), insert: "[" },
          { span: this.span(closer), insert: "]" },
        ],
      },
    };
  }

  /** `import { A } from "a.miras"`, `block [A, B]`. */
  wrapped(item: IToken, open: IToken, close: IToken): Problem {
    const what = item.image === "import" ? "the names of an import" : "the parts of a block";
    return {
      code: unexpected,
      message: `${what} stand without ${quote(open.image)} and ${quote(close.image)}`,
      labels: [this.label(open), this.label(close, "up to here")],
      fix: {
        text: "leave them out",
        edits: [
          { span: this.span(open), insert: "" },
          { span: this.span(close), insert: "" },
        ],
      },
    };
  }
}
