/**
 * The grammar. Expressions are read flat, as operands and operators in a row; `to-ast.ts` builds
 * the tree by precedence. All items share one rule: where each may stand, `arrange.ts` has checked.
 */
import {
  type CstNode,
  CstParser,
  EOF,
  type IParserErrorMessageProvider,
  type IToken,
  type TokenType,
  tokenMatcher,
} from "chevrotain";
import { mismatch, noAlternative } from "./phrases.ts";
import * as T from "./tokens.ts";

/** Recovery from each error in a row of items costs stack; nobody reads this many messages. */
const MOST_ERRORS = 100;

/** Ends a parse that has gone wrong too often. */
class TooManyErrors extends Error {
  override readonly name = "TooManyErrors";
}

/** The tokens that are being parsed, and how often that went wrong. */
const run: { tokens: readonly IToken[]; errors: number } = { tokens: [], errors: 0 };

/** The token before one; Chevrotain's own answer is the last one that it skipped. */
function before(token: IToken): IToken {
  const at = run.tokens.indexOf(token);
  return run.tokens.at(at === -1 ? -1 : Math.max(0, at - 1)) ?? token;
}

function counted(message: string): string {
  if (++run.errors > MOST_ERRORS) throw new TooManyErrors();
  return message;
}

const words: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual, ruleName }) =>
    counted(mismatch(expected, actual, before(actual), ruleName)),
  buildNotAllInputParsedMessage: ({ firstRedundant }) =>
    counted(mismatch(EOF, firstRedundant, before(firstRedundant), "file")),
  buildNoViableAltMessage: ({ actual: [actual], previous, ruleName }) =>
    counted(noAlternative(ruleName, actual ?? previous, before(actual ?? previous))),
  buildEarlyExitMessage: ({ actual: [actual], previous, ruleName }) =>
    counted(noAlternative(ruleName, actual ?? previous, before(actual ?? previous))),
};

/** Rules whose errors are dealt with by the rule that called them. */
const passOn = { resyncEnabled: false };

class MirasParser extends CstParser {
  constructor() {
    super(T.vocabulary, {
      recoveryEnabled: true,
      nodeLocationTracking: "onlyOffset",
      maxLookahead: 2,
      errorMessageProvider: words,
    });
    this.performSelfAnalysis();
  }

  readonly file = this.RULE("file", () => {
    this.MANY(() => {
      this.OR([{ ALT: () => this.SUBRULE(this.import) }, { ALT: () => this.SUBRULE(this.definition) }]);
    });
  });

  readonly import = this.RULE("import", () => {
    this.CONSUME(T.ImportWord);
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => this.CONSUME(T.Identifier) });
    this.CONSUME(T.FromWord);
    this.CONSUME(T.Text);
  });

  readonly definition = this.RULE("definition", () => {
    this.CONSUME(T.DefineWord);
    this.CONSUME(T.Identifier);
    this.OPTION(() => this.SUBRULE(this.params));
    this.OR([{ ALT: () => this.SUBRULE(this.block) }, { ALT: () => this.SUBRULE(this.value) }]);
  });

  readonly params = this.RULE("params", () => {
    this.CONSUME(T.LParen);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.param) });
    this.CONSUME(T.RParen);
  });

  readonly param = this.RULE(
    "param",
    () => {
      this.CONSUME(T.Identifier);
      this.OPTION(() => this.SUBRULE(this.shape));
      this.OPTION1(() => {
        this.CONSUME(T.Colon);
        this.CONSUME1(T.Identifier);
      });
      this.OPTION2(() => this.SUBRULE(this.range));
      this.OPTION3(() => {
        this.CONSUME(T.DefaultEquals);
        this.SUBRULE(this.expression);
      });
    },
    passOn,
  );

  readonly shape = this.RULE(
    "shape",
    () => {
      this.CONSUME(T.LSquare);
      this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.sum) });
      this.CONSUME(T.RSquare);
    },
    passOn,
  );

  readonly range = this.RULE(
    "range",
    () => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(T.InWord);
            this.OR1([{ ALT: () => this.CONSUME(T.LParen) }, { ALT: () => this.CONSUME(T.LSquare) }]);
            this.SUBRULE(this.sum);
            this.CONSUME(T.Comma);
            this.SUBRULE1(this.sum);
            this.OR2([{ ALT: () => this.CONSUME(T.RParen) }, { ALT: () => this.CONSUME(T.RSquare) }]);
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.Limit);
            this.SUBRULE2(this.sum);
          },
        },
      ]);
    },
    passOn,
  );

  readonly block = this.RULE("block", () => {
    this.CONSUME(T.LCurly);
    this.MANY(() => this.SUBRULE(this.item));
    this.CONSUME(T.RCurly);
  });

  // ------------------------------------------------------------------ items

  readonly item = this.RULE("item", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.choice) },
      { ALT: () => this.SUBRULE(this.gate) },
      { ALT: () => this.SUBRULE(this.letItem) },
      { ALT: () => this.SUBRULE(this.inputItem) },
      { ALT: () => this.SUBRULE(this.output) },
      { ALT: () => this.SUBRULE(this.valued) },
      { ALT: () => this.SUBRULE(this.parts) },
      { ALT: () => this.SUBRULE(this.minimize) },
      { ALT: () => this.SUBRULE(this.require) },
      { ALT: () => this.SUBRULE(this.expect) },
      { ALT: () => this.SUBRULE(this.state) },
      { ALT: () => this.SUBRULE(this.read) },
      { ALT: () => this.SUBRULE(this.map) },
      { ALT: () => this.SUBRULE(this.assign) },
    ]);
  });

  readonly choice = this.RULE("choice", () => {
    this.CONSUME(T.ChoiceWord);
    this.CONSUME(T.Identifier);
    this.OPTION(() => this.SUBRULE(this.args));
  });

  readonly gate = this.RULE("gate", () => {
    this.CONSUME(T.GateWord);
    this.CONSUME(T.Identifier);
    this.OPTION(() => this.SUBRULE(this.shape));
    this.OPTION1(() => this.SUBRULE(this.range));
    this.OPTION2(() => {
      this.CONSUME(T.RankWord);
      this.SUBRULE(this.sum);
    });
    this.OPTION3(() => {
      this.CONSUME(T.StartWord);
      this.SUBRULE1(this.sum);
    });
    this.OPTION4(() => this.SUBRULE(this.value));
  });

  readonly letItem = this.RULE("letItem", () => {
    this.CONSUME(T.LetWord);
    this.CONSUME(T.Identifier);
    this.SUBRULE(this.value);
  });

  readonly inputItem = this.RULE("inputItem", () => {
    this.CONSUME(T.InputWord);
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => this.CONSUME(T.Identifier) });
    this.OPTION(() => this.SUBRULE(this.shape));
    this.OPTION1(() => this.SUBRULE(this.value));
  });

  readonly output = this.RULE("output", () => {
    this.CONSUME(T.OutputWord);
    this.SUBRULE(this.value);
  });

  readonly valued = this.RULE("valued", () => {
    this.CONSUME(T.ValueWord);
    this.SUBRULE(this.expression);
  });

  /** The parts of a network's block. */
  readonly parts = this.RULE("parts", () => {
    this.CONSUME(T.BlockWord);
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.expression) });
  });

  readonly minimize = this.RULE("minimize", () => {
    this.CONSUME(T.MinimizeWord);
    this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(T.OverWord);
      this.SUBRULE1(this.expression);
    });
  });

  readonly require = this.RULE("require", () => {
    this.CONSUME(T.RequireWord);
    this.SUBRULE(this.sum);
    this.CONSUME(T.Equals);
    this.SUBRULE1(this.sum);
  });

  readonly expect = this.RULE("expect", () => {
    this.CONSUME(T.ExpectWord);
    this.CONSUME(T.Identifier);
    this.OPTION(() => {
      this.CONSUME(T.Dot);
      this.CONSUME1(T.Identifier);
    });
    this.CONSUME(T.Prime);
    this.SUBRULE(this.value);
  });

  readonly state = this.RULE("state", () => {
    this.CONSUME(T.StateWord);
    this.CONSUME(T.Identifier);
    this.OPTION(() => this.SUBRULE(this.shape));
    this.OPTION1(() => {
      this.CONSUME(T.LikeWord);
      this.CONSUME1(T.Identifier);
    });
    this.OPTION2(() => this.SUBRULE(this.value));
  });

  readonly read = this.RULE("read", () => {
    this.CONSUME(T.ReadWord);
    this.CONSUME(T.LParen);
    this.SUBRULE(this.param);
    this.CONSUME(T.RParen);
    this.SUBRULE(this.value);
  });

  readonly map = this.RULE("map", () => {
    this.CONSUME(T.MapWord);
    this.CONSUME(T.LParen);
    this.CONSUME(T.Identifier);
    this.CONSUME(T.RParen);
    this.SUBRULE(this.value);
  });

  readonly assign = this.RULE("assign", () => {
    this.CONSUME(T.TargetName);
    this.OPTION(() => {
      this.CONSUME(T.Dot);
      this.CONSUME(T.Identifier);
    });
    this.CONSUME(T.Prime);
    this.SUBRULE(this.value);
  });

  readonly value = this.RULE("value", () => {
    this.CONSUME(T.Equals);
    this.SUBRULE(this.expression);
  });

  // ------------------------------------------------------------------ expressions

  readonly expression = this.RULE(
    "expression",
    () => {
      this.SUBRULE(this.term);
      this.MANY(() => {
        this.CONSUME(T.Operator);
        this.SUBRULE1(this.term);
      });
    },
    passOn,
  );

  /** An expression without comparisons and pipes: a bound, a dimension, a size. */
  readonly sum = this.RULE(
    "sum",
    () => {
      this.SUBRULE(this.term);
      this.MANY(() => {
        this.CONSUME(T.Arithmetic);
        this.SUBRULE1(this.term);
      });
    },
    passOn,
  );

  readonly term = this.RULE(
    "term",
    () => {
      this.MANY(() => this.CONSUME(T.Minus));
      this.OR([
        { ALT: () => this.CONSUME(T.NumberLiteral) },
        {
          ALT: () => {
            this.CONSUME(T.Identifier);
            this.SUBRULE(this.args);
          },
        },
        {
          ALT: () => {
            this.CONSUME1(T.Identifier);
            this.OPTION(() => this.SUBRULE(this.suffix));
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.LParen);
            this.SUBRULE(this.expression);
            this.CONSUME(T.RParen);
          },
        },
      ]);
    },
    passOn,
  );

  readonly suffix = this.RULE(
    "suffix",
    () => {
      this.OR([
        { ALT: () => this.CONSUME(T.Prime) },
        {
          ALT: () => {
            this.CONSUME(T.Dot);
            this.CONSUME(T.Identifier);
            this.OPTION(() => this.CONSUME1(T.Prime));
          },
        },
      ]);
    },
    passOn,
  );

  /** Arguments are no rule of their own, to spare the stack; a name belongs to the value after it. */
  readonly args = this.RULE(
    "args",
    () => {
      this.CONSUME(T.LParen);
      this.MANY_SEP({
        SEP: T.Comma,
        DEF: () => {
          this.OPTION(() => {
            this.CONSUME(T.Identifier);
            this.CONSUME(T.Colon);
          });
          this.SUBRULE(this.expression);
        },
      });
      this.CONSUME(T.RParen);
    },
    passOn,
  );

  /** Brackets are balanced already, so only a name or an `=` may be taken as read. */
  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return type === T.Identifier || type === T.Equals;
  }

  /** No item is lost to a mistake before it. */
  protected override canTokenTypeBeDeletedInRecovery(): boolean {
    return !tokenMatcher(this.LA(1), T.ItemStart);
  }
}

const parser = new MirasParser();

export interface SyntaxProblem {
  readonly message: string;
  readonly token: IToken;
  readonly previous: IToken;
}

export interface Parsed {
  /** Absent if the parser gave up. */
  readonly tree: CstNode | undefined;
  readonly problems: readonly SyntaxProblem[];
}

export function parseTokens(tokens: IToken[]): Parsed {
  run.tokens = tokens;
  run.errors = 0;
  parser.input = tokens;
  let tree: CstNode | undefined;
  try {
    tree = parser.file();
  } catch (error) {
    if (!(error instanceof TooManyErrors)) throw error;
  }
  const problems = parser.errors.map(({ message, token }) => ({ message, token, previous: before(token) }));
  return { tree, problems };
}
