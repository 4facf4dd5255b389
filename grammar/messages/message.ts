/** What all messages about syntax have in common: their codes, and how they point into the file. */
import type { IToken } from "chevrotain";
import type { Fix, Label } from "../../compiler/source/diagnostic.ts";
import type { SourceFile, Span } from "../../compiler/source/span.ts";
import { tokenSpan } from "../cst.ts";
import { quote } from "../phrases.ts";

export const unexpected = "syntax-unexpected";
export const unclosed = "syntax-unclosed";
export const misplaced = "syntax-item";

/** Replaces the text of a span. */
export const rewrite = (span: Span, insert: string, text = `write ${quote(insert.trim())}`): Fix => ({
  text,
  edits: [{ span, insert }],
});

export abstract class Messages {
  protected readonly file: SourceFile;

  constructor(file: SourceFile) {
    this.file = file;
  }

  protected span(token: IToken): Span {
    return tokenSpan(this.file, token);
  }

  protected label(token: IToken, text = ""): Label {
    return { span: this.span(token), text };
  }

  /** The place just after a token. */
  protected after(token: IToken | undefined): Span {
    const end = token ? this.span(token).end : 0;
    return { file: this.file, start: end, end };
  }
}
