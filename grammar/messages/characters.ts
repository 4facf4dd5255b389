/** What is said about text that is no part of the language: characters, quotes, numbers, comments. */
import type { IToken } from "chevrotain";
import { adviceOn, adviceOnNumber, quote, spell } from "../phrases.ts";
import type { Problem } from "../problems.ts";
import { BadNumber } from "../tokens.ts";
import { Messages, rewrite, unclosed } from "./message.ts";

export class CharacterMessages extends Messages {
  stray(token: IToken): Problem {
    const { image } = token;
    const advice = adviceOn(image);
    const span = this.span(token);
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
        labels: [this.label(token)],
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
      labels: [this.label(token)],
      notes: advice ? [advice] : [],
      ...(isPower && { fix: rewrite(span, `^${power.join("")}`) }),
      garbles: true,
      ...(image === "||" && { habit: image }),
    };
  }

  quoted(token: IToken, name: string): Problem {
    return {
      code: "syntax-character",
      message: "names are not quoted",
      labels: [this.label(token)],
      fix: rewrite(this.span(token), name, "leave the quotes out"),
      habit: "quotes",
    };
  }

  /** `import A from '../a.miras'`. */
  singleQuotes(open: IToken, close: IToken, path: string): Problem {
    const span = { ...this.span(open), end: this.span(close).end };
    return {
      code: "syntax-character",
      message: "a path stands in double quotes",
      labels: [{ span, text: "" }],
      fix: rewrite(span, `"${path}"`),
      habit: "single quotes",
    };
  }

  badNumber(token: IToken): Problem {
    const isBad = token.tokenType === BadNumber;
    return {
      code: "syntax-number",
      message: `${quote(token.image)} is ${isBad ? "not" : "too large"} a number`,
      labels: [this.label(token, isBad ? "" : "no larger than 1.8e308")],
      notes: isBad ? [adviceOnNumber(token.image)] : [],
    };
  }

  unclosedComment({ startOffset: start }: IToken): Problem {
    return {
      code: unclosed,
      message: "this comment is not closed",
      labels: [
        { span: { file: this.file, start, end: start + 2 }, text: "expected `*/` before the file ends" },
      ],
    };
  }
}
