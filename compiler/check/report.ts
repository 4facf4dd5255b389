/** Reports a diagnostic by its code, with the text from the registry of messages. */
import { type Code, messages, type Params } from "../messages/index.ts";
import type { Diagnostics, Fix, Label } from "../source/diagnostic.ts";
import { type Span, textOf } from "../source/span.ts";

export interface Details {
  /** What is at the primary place. */
  readonly here?: string;
  readonly others?: readonly Label[];
  readonly notes?: readonly string[];
  readonly fix?: Fix;
}

export class Reporter {
  readonly diagnostics: Diagnostics;
  /** The calls that are being inlined, outermost first. */
  readonly calls: { name: string; span: Span }[] = [];
  /** How many errors there were, with those that had been told before. */
  errors = 0;
  #only: ReadonlySet<Code> | undefined;

  constructor(diagnostics: Diagnostics) {
    this.diagnostics = diagnostics;
  }

  /** Reports nothing but these codes while `work` is done. */
  telling(codes: ReadonlySet<Code>, work: () => void): void {
    this.#only = codes;
    try {
      work();
    } finally {
      this.#only = undefined;
    }
  }

  /** Whether something within the span has been reported already: what follows from it is not told again. */
  isBroken(span: Span): boolean {
    return this.diagnostics.all.some(
      ({ labels: [{ span: at }] }) => at.file === span.file && at.start >= span.start && at.start <= span.end,
    );
  }

  /** Whether a block within the span never ends: what it lacks is not known. */
  isOpen(span: Span): boolean {
    return this.diagnostics.all.some(
      ({ code, labels: [{ span: at }] }) =>
        code === "syntax-unclosed" &&
        at.file === span.file &&
        at.start >= span.start &&
        at.end <= span.end &&
        textOf(at) === "{",
    );
  }

  error<C extends Code>(code: C, params: Params<C>, span: Span, details: Details = {}): undefined {
    if (this.#only && !this.#only.has(code)) return undefined;
    this.errors++;
    const message = (messages[code].text as (p: Params<C>) => string)(params);
    const outermost = this.calls[0];
    // Inside an inlined function the user's place is the call; where it went wrong comes second.
    const inlined = outermost !== undefined && outermost.span !== span;
    const labels: [Label, ...Label[]] = inlined
      ? [
          { span: outermost.span, text: `in this use of \`${outermost.name}\`` },
          { span, text: details.here ?? "" },
          ...(details.others ?? []),
        ]
      : [{ span, text: details.here ?? "" }, ...(details.others ?? [])];
    // A definition that two models choose is in error once.
    const [{ span: at }] = labels;
    const isKnown = this.diagnostics.all.some(
      ({ code: c, message: m, labels: [{ span: s }] }) =>
        c === code && m === message && s.file === at.file && s.start === at.start && s.end === at.end,
    );
    if (isKnown) return undefined;
    this.diagnostics.report({
      severity: "error",
      code,
      message,
      labels,
      notes: details.notes ?? [],
      ...(details.fix ? { fix: details.fix } : {}),
    });
    return undefined;
  }
}
