/** What is said about an item up to its value: its name, its range, and the sign that gives the value. */
import type { IToken } from "chevrotain";
import { quote } from "../phrases.ts";
import type { Problem } from "../problems.ts";
import { Messages, misplaced, rewrite, unexpected } from "./message.ts";

export class DeclarationMessages extends Messages {
  /** `gate 0 < alpha`. */
  nameFirst(word: IToken, token: IToken): Problem {
    return {
      code: unexpected,
      message: `the name of a \`${word.image}\` comes first`,
      labels: [this.label(token, "expected a name")],
      notes: [`a range follows the name: \`${word.image} alpha in (0, 1)\`, or \`> 0\``],
    };
  }

  namedOutput(token: IToken): Problem {
    const { start, end } = this.span(token);
    return {
      code: unexpected,
      message: "the output of a model has no name",
      labels: [this.label(token)],
      fix: rewrite({ file: this.file, start, end: end + 1 }, "", "leave it out"),
    };
  }

  unprimed(previous: IToken, state: string | undefined): Problem {
    if (state) {
      return {
        code: unexpected,
        message: "a state after the token carries a prime, and no index",
        labels: [this.label(previous, `expected \`${state}'\``)],
        notes: [`\`${state}\` is the state before the token, and \`${state}'\` the state after it`],
        fix: rewrite(this.span(previous), `${state}'`),
      };
    }
    const span = this.after(previous);
    return {
      code: unexpected,
      message: "`expect` states what a state is after the token, which a prime says",
      labels: [{ span, text: "expected `'`" }],
      fix: rewrite(span, "'", "write the prime"),
    };
  }

  /** A state of an algorithm that is like no other. */
  stateAlone(name: IToken): Problem {
    const span = this.after(name);
    return {
      code: misplaced,
      message: `a state of an algorithm is written \`state ${name.image} like W = zeros\``,
      labels: [{ span, text: "expected `like`" }],
      notes: ["it has one tensor for each state of the memory, which it names after `like`"],
      fix: rewrite(span, " like W"),
    };
  }

  /** `gate alpha, beta in (0, 1)`. */
  oneGate(word: IToken, token: IToken, rest: string): Problem {
    return {
      code: unexpected,
      message: `a \`${word.image}\` declares one name`,
      labels: [this.label(token)],
      fix: rewrite(this.span(token), `${rest}\n  ${word.image}`, "write a line for each"),
    };
  }

  /** `gate alpha = (0, 1)`, `gate alpha (0, 1)`. */
  rangeWithoutIn(token: IToken, isEquals: boolean): Problem {
    return {
      code: unexpected,
      message: "a range is given with `in`",
      labels: [this.label(token, isEquals ? "expected `in`" : "expected `in` before this")],
      fix: rewrite(
        isEquals ? this.span(token) : { ...this.span(token), end: token.startOffset },
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
      labels: [this.label(token)],
      notes: ["a range is written `in (0, 1)`, `> 0`, `>= 1`, …; `=` says how the value is made"],
    };
  }

  noEquals(token: IToken, previous: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: `expected \`=\` before ${quote(token.image)}`,
      labels: [this.label(token)],
      fix: rewrite(this.after(previous), " =", "write `=` before it"),
    };
  }

  sameDefines(token: IToken): Problem {
    return {
      code: unexpected,
      message: "`==` compares; it cannot define",
      labels: [this.label(token, "expected `=`")],
      fix: rewrite(this.span(token), "="),
    };
  }

  /** `=>`, `<-` or `:` for `=`. */
  arrow(token: IToken, head: IToken): Problem {
    const before = this.file.text.slice(token.startOffset - 1, token.startOffset);
    const isColon = token === head && !/\s/.test(before);
    const span = { file: this.file, start: token.startOffset, end: this.span(head).end };
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

  noComma(token: IToken, previous: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: `expected \`,\` or \`=\` before ${quote(token.image)}`,
      labels: [this.label(token)],
      fix: rewrite(this.after(previous), ",", "write `,` before it"),
    };
  }

  noCommaBetween(token: IToken, previous: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: `expected \`,\` before ${quote(token.image)}`,
      labels: [this.label(token)],
      fix: rewrite(this.after(previous), ",", "write `,` before it"),
    };
  }

  /** A sign between a word and its value: `memory = matrix`, `bias: l2`. */
  needlessSign(word: IToken, token: IToken): Problem {
    const { end } = this.span(token);
    const start = this.span(word).end;
    const gap = /\s/.test(this.file.text.slice(end, end + 1)) ? "" : " ";
    return {
      code: unexpected,
      message: `${quote(word.image)} takes its value without ${quote(token.image)}`,
      labels: [this.label(token)],
      fix: rewrite({ file: this.file, start, end }, gap, "leave it out"),
      habit: `needless ${token.image}`,
    };
  }

  needlessComma(token: IToken): Problem {
    return {
      code: unexpected,
      message: "items are not separated by commas",
      labels: [this.label(token)],
      fix: rewrite(this.span(token), "", "leave it out"),
      habit: "commas",
    };
  }

  needlessColon(token: IToken): Problem {
    return {
      code: unexpected,
      message: "nothing stands between a name and its shape or range",
      labels: [this.label(token)],
      fix: rewrite(this.span(token), "", "leave it out"),
      habit: "colons",
    };
  }
}
