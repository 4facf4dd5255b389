/** What is said about the values of items: operators, calls and names within them. */
import type { IToken } from "chevrotain";
import { adviceBetween, found, quote } from "../phrases.ts";
import type { Problem } from "../problems.ts";
import { Messages, rewrite, unexpected } from "./message.ts";

export class ExpressionMessages extends Messages {
  sideBySide(token: IToken, previous: IToken | undefined): Problem {
    return {
      code: unexpected,
      message: `${quote(token.image)} follows ${previous ? found(previous) : "nothing"} with no operator between them`,
      labels: [this.label(token)],
      notes: [adviceBetween(previous?.image, token.image)],
    };
  }

  connective(token: IToken): Problem {
    return {
      code: unexpected,
      message: `${quote(token.image)} is not an operator`,
      labels: [this.label(token)],
      notes: [adviceBetween(undefined, token.image)],
    };
  }

  transpose(token: IToken): Problem {
    return {
      code: unexpected,
      message: "a transpose is a function",
      labels: [this.label(token)],
      notes: ["write `transpose(W)`; the product v kᵀ of two vectors is `outer(v, k)`"],
    };
  }

  /** `y.dot(v)`, `np.sum(x)`. */
  method(object: IToken, name: IToken, isLibrary: boolean): Problem {
    const { start } = this.span(object);
    return {
      code: unexpected,
      message: isLibrary ? "functions are called by their name alone" : "tensors have no methods",
      labels: [this.label(object, isLibrary ? `write \`${name.image}(…)\`` : "")],
      fix: isLibrary
        ? rewrite({ file: this.file, start, end: name.startOffset }, "", `leave \`${object.image}.\` out`)
        : { text: `call a function: \`${name.image}(${object.image}, …)\``, edits: [] },
      garbles: true,
      ...(isLibrary && { habit: `library ${object.image}` }),
    };
  }

  /** `norm^2(x)`. */
  powerBeforeCall(token: IToken): Problem {
    return {
      code: unexpected,
      message: "a power stands after the call",
      labels: [this.label(token, "this argument belongs to the function")],
      notes: ["`f^2(x)` is written `f(x)^2`"],
    };
  }

  doubleStar(token: IToken, second: IToken): Problem {
    const span = { file: this.file, start: token.startOffset, end: this.span(second).end };
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
    const span = { file: this.file, start: dot.startOffset, end: this.span(times).end };
    return {
      code: unexpected,
      message: "an elementwise product is written `*`",
      labels: [{ span, text: "" }],
      fix: rewrite(span, "*"),
      habit: "dotted",
    };
  }

  equalsCompares(token: IToken): Problem {
    return {
      code: unexpected,
      message: "`=` defines; it cannot compare",
      labels: [this.label(token, "expected `==`")],
      notes: ["two values are compared with `==`"],
      fix: rewrite(this.span(token), "=="),
    };
  }

  equalsNames(token: IToken, name: IToken): Problem {
    return {
      code: unexpected,
      message: "an argument is named with `:`",
      labels: [this.label(token, "expected `:`")],
      fix: rewrite(
        {
          file: this.file,
          start: this.span(name).end,
          end: this.span(token).end,
        },
        /\s/.test(this.file.text.slice(token.startOffset + 1, token.startOffset + 2)) ? ":" : ": ",
        "write `:`",
      ),
    };
  }

  gapBeforePrime(token: IToken, previous: IToken): Problem {
    const start = this.span(previous).end;
    return {
      code: unexpected,
      message: "a prime stands directly after the name",
      labels: [this.label(token, "there is a gap before it")],
      fix: rewrite({ file: this.file, start, end: token.startOffset }, "", "close the gap"),
    };
  }

  tooLong(token: IToken, most: number): Problem {
    return {
      code: "too-deep",
      message: `an item has more than ${most} operators`,
      labels: [this.label(token, "one too many")],
      notes: ["name a part of the expression with `let`"],
    };
  }
}
