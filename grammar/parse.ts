/** From text to the syntax tree. */
import { EOF, type IToken, tokenMatcher } from "chevrotain";
import type { Diagnostics } from "../compiler/source/diagnostic.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { arrange } from "./arrange.ts";
import type * as ast from "./ast.ts";
import { parseTokens, type SyntaxProblem } from "./parser.ts";
import { Problems } from "./problems.ts";
import { toAst } from "./to-ast.ts";
import { ItemStart, lex, RCurly } from "./tokens.ts";

const LARGEST = 1_000_000;

/**
 * Reads any text and never throws. What is wrong is reported, one diagnostic for one root cause,
 * and the rest of the file is read all the same.
 */
export function parse(file: SourceFile, diagnostics: Diagnostics): ast.File {
  const problems = new Problems(file);
  const result = file.text.length > LARGEST ? refuse(problems) : read(problems);
  problems.flush(diagnostics);
  return result;
}

function refuse(problems: Problems): ast.File {
  problems.report(0, {
    code: "file-too-large",
    message: `a file of ${problems.file.text.length} characters is not a spec`,
    labels: [{ span: problems.span(0, 0), text: `files up to ${LARGEST} characters are read` }],
  });
  return { imports: [], definitions: [], span: problems.span(0, problems.file.text.length) };
}

function read(problems: Problems): ast.File {
  const tokens = arrange(lex(problems.file.text), problems);
  const parsed = parseTokens(tokens);
  for (const problem of parsed.problems) reportProblem(problem, problems);
  return toAst(parsed.tree, problems);
}

function reportProblem({ message, token, previous }: SyntaxProblem, problems: Problems): void {
  const isGap = isMissing(token, previous, problems.file.text);
  const { startOffset: start, endOffset = start } = isGap ? previous : token;
  const span = Number.isFinite(start)
    ? problems.span(start, endOffset + 1)
    : problems.span(problems.file.text.length, problems.file.text.length);
  problems.reportFirst(span.start, {
    code: "syntax-unexpected",
    message,
    labels: [{ span, text: isGap ? "something is missing after this" : "" }],
  });
}

/** Where an item or a line ends too early, the place to look at is before that. */
function isMissing(token: IToken, previous: IToken, text: string): boolean {
  if (token.tokenType === EOF || token.tokenType === RCurly || tokenMatcher(token, ItemStart)) return true;
  return /[\r\n]/.test(text.slice((previous.endOffset ?? previous.startOffset) + 1, token.startOffset));
}
