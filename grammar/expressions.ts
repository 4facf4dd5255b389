/** From the parser's flat rows of operands and operators to trees. */
import type { CstNode, IToken, TokenType } from "chevrotain";
import { join, type Span } from "../compiler/source/span.ts";
import type * as ast from "./ast.ts";
import { first, nodeSpan, nodes, token, tokenSpan, tokens } from "./cst.ts";
import type { Problems } from "./problems.ts";
import * as T from "./tokens.ts";

const OPERATORS: ReadonlyMap<TokenType, ast.BinaryOp | "|>"> = new Map([
  [T.Pipe, "|>"],
  [T.Plus, "+"],
  [T.Minus, "-"],
  [T.Times, "*"],
  [T.Slash, "/"],
  [T.At, "@"],
  [T.Caret, "^"],
  [T.Same, "=="],
  [T.AtMost, "<="],
  [T.AtLeast, ">="],
  [T.Below, "<"],
  [T.Above, ">"],
]);

const COMPARE = 1;

/** How tightly an operator binds; `|>`, `^` and the unary minus are read apart. */
const STRENGTH: Readonly<Record<Exclude<ast.BinaryOp, "^">, number>> = {
  "<": COMPARE,
  "<=": COMPARE,
  ">": COMPARE,
  ">=": COMPARE,
  "==": COMPARE,
  "+": 2,
  "-": 2,
  "*": 3,
  "/": 3,
  "@": 3,
};

const binary = (op: ast.BinaryOp, left: ast.Expr, right: ast.Expr): ast.Binary => ({
  kind: "binary",
  op,
  left,
  right,
  span: join(left.span, right.span),
});

export class Expressions {
  readonly #problems: Problems;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  #span(node: CstNode): Span {
    return nodeSpan(this.#problems.file, node);
  }

  #tokenSpan(at: IToken): Span {
    return tokenSpan(this.#problems.file, at);
  }

  name(at: IToken): ast.Name {
    return { text: at.image, span: this.#tokenSpan(at) };
  }

  invalidAfter(node: CstNode): ast.Invalid {
    const { file, end } = this.#span(node);
    return { kind: "invalid", span: { file, start: end, end } };
  }

  /** The expression that a node holds, if the item that it is in can be trusted at all. */
  in(node: CstNode): ast.Expr {
    const row = first(node, "expression");
    return row && !this.#problems.isGarbled(this.#span(node).start) ? this.row(row) : this.invalidAfter(node);
  }

  args(node: CstNode | undefined): ast.Argument[] {
    const names = node ? tokens(node, T.Identifier) : [];
    return nodes(node, "expression").map((row) => {
      const span = this.#span(row);
      const before = names[0];
      if (!before || before.startOffset >= span.start) return { value: this.row(row), span };
      names.shift();
      const name = this.name(before);
      return { name, value: this.row(row), span: join(name.span, span) };
    });
  }

  primed(at: IToken, field: IToken | undefined, prime: IToken): ast.Primed {
    const of: ast.Primed["of"] = field ? this.#field(at, field) : { kind: "ident", ...this.name(at) };
    return { kind: "primed", of, span: join(of.span, this.#tokenSpan(prime)) };
  }

  /** The tree of a row. */
  row(node: CstNode): ast.Expr {
    const operands = nodes(node, "term");
    const signs = [...tokens(node, T.Operator), ...tokens(node, T.Arithmetic)];
    /** Comparisons written without parentheses. */
    const compared = new Set<ast.Expr>();
    let at = 0;
    const next = () => OPERATORS.get(signs[at]?.tokenType ?? T.Stray);

    const power = (): ast.Expr => {
      const term = operands[at];
      if (!term) return this.invalidAfter(node);
      let value = this.#operand(term);
      if (next() === "^") {
        at++;
        value = binary("^", value, power());
      }
      for (const minus of tokens(term, T.Minus).toReversed()) {
        value = { kind: "unary", op: "-", arg: value, span: join(this.#tokenSpan(minus), value.span) };
      }
      return value;
    };

    const climb = (least: number): ast.Expr => {
      let left = power();
      for (let op = next(); op && op !== "^" && op !== "|>"; op = next()) {
        const strength = STRENGTH[op];
        if (strength < least) break;
        const sign = signs[at];
        at++;
        const right = climb(strength + 1);
        if (sign && compared.has(left)) this.#chained(sign);
        left = binary(op, left, right);
        if (strength === COMPARE) compared.add(left);
      }
      return left;
    };

    const start = climb(COMPARE);
    const stages = [start];
    while (next() === "|>") {
      at++;
      stages.push(climb(COMPARE));
    }
    return stages.length > 1 ? { kind: "pipe", stages, span: this.#span(node) } : start;
  }

  #chained(sign: IToken): void {
    this.#problems.reportFirst(sign.startOffset, {
      code: "syntax-unexpected",
      message: "comparisons do not chain",
      labels: [{ span: this.#tokenSpan(sign), text: "a second comparison" }],
      notes: ["parentheses say which two sides are compared"],
    });
  }

  #operand(node: CstNode): ast.Expr {
    const number = token(node, T.NumberLiteral);
    if (number) return this.#number(number);
    const [open, close] = [token(node, T.LParen), token(node, T.RParen)];
    if (open) {
      const inner = this.in(node);
      return { ...inner, span: join(this.#tokenSpan(open), close ? this.#tokenSpan(close) : inner.span) };
    }
    const at = token(node, T.Identifier);
    if (!at) return this.invalidAfter(node);
    const args = first(node, "args");
    return args ? this.#call(at, args) : this.#named(at, first(node, "suffix"));
  }

  #number(at: IToken): ast.NumberLit | ast.Invalid {
    const value = Number(at.image);
    const span = this.#tokenSpan(at);
    return Number.isFinite(value) ? { kind: "number", value, span } : { kind: "invalid", span };
  }

  #call(at: IToken, args: CstNode): ast.Call {
    const callee = this.name(at);
    return { kind: "call", callee, args: this.args(args), span: join(callee.span, this.#span(args)) };
  }

  #named(at: IToken, suffix: CstNode | undefined): ast.Expr {
    if (!suffix) return { kind: "ident", ...this.name(at) };
    const field = token(suffix, T.Identifier);
    const prime = token(suffix, T.Prime);
    if (prime) return this.primed(at, field, prime);
    return field ? this.#field(at, field) : this.invalidAfter(suffix);
  }

  #field(object: IToken, name: IToken): ast.Field {
    const span = join(this.#tokenSpan(object), this.#tokenSpan(name));
    return { kind: "field", object: this.name(object), name: this.name(name), span };
  }
}
