/**
 * Random specs over the whole language, as records: fast-check makes these small by itself, since what is plainest
 * stands first in each choice. `variant-text.ts` writes them.
 */
import fc from "fast-check";

/** A number, or a gate: of one number, or of one for each row or column where the memory has these. */
export type Amount = number | "gate" | "gate by row" | "gate by column";

/** A function of one argument, element by element unless it says otherwise. */
export type Activation = (typeof ACTIVATIONS)[number];
const ACTIVATIONS = [
  "tanh",
  "silu",
  "relu",
  "sin",
  "softplus",
  "gelu",
  "abs",
  "softsign",
  "rmsnorm",
  "layernorm",
] as const;

export interface Layers {
  readonly kind: "layers";
  /** What is between the two matrices; one matrix alone without it. */
  readonly between: Activation | undefined;
  readonly hidden: "3" | "2 * dk";
  readonly before: Activation | undefined;
  readonly after: Activation | undefined;
  readonly hasOffset: boolean;
  readonly isResidual: boolean;
  readonly start: "zeros" | "learned";
}
export type Memory = { readonly kind: "matrix" } | Layers;

export type Piece = (typeof PIECES)[number];
/** Of one element of the error: smooth ones, then kinked ones. */
const PIECES = [
  "square",
  "fourth",
  "log cosh",
  "root",
  "welsch",
  "cauchy",
  "sine",
  "sigmoid",
  "size",
  "cube",
  "power",
  "near and far",
  "clipped",
  "unequal",
  "deadzone",
] as const;

export type Bias =
  | {
      readonly kind: "loss";
      readonly pieces: readonly { readonly piece: Piece; readonly times: Amount }[];
      readonly over: "sum" | "root" | "squared" | "share" | "largest" | "log";
      readonly target: "v" | "v / 2" | "sin(v)" | "v - k";
    }
  | { readonly kind: "dot" }
  /** dℓ/dy outright. */
  | { readonly kind: "gradient"; readonly of: "clipped" | "direction" | "squashed" };

export type Link = (typeof LINKS)[number];
const LINKS = [
  "tanh(A)",
  "sigmoid(A)",
  "A / (1 + abs(A))",
  "A * abs(A)",
  "softmax(A, last)",
  "A / sqrt(1 + sum(A^2))",
] as const;
export type Prox = (typeof PROXES)[number];
const PROXES = ["shrunk", "threshold", "max(min(A, 1), -1)", "max(A, 0)", "A / max(1, norm2(A))"] as const;

export type Retention =
  | { readonly kind: "none" }
  | { readonly kind: "decay"; readonly keep: Amount }
  | {
      readonly kind: "closed";
      readonly keep: Amount;
      readonly link: Link | undefined;
      readonly prox: Prox | undefined;
      readonly by: Amount;
    }
  | {
      readonly kind: "back";
      readonly near: "square" | "relative entropy" | "chi" | "coins";
      readonly small: "nothing" | "square" | "size" | "both" | "entropy";
      readonly over: "anywhere" | "simplex(last)" | "positive" | "box(-1, 1)" | "box(0, 1)";
      readonly rate: Amount;
      readonly by: Amount;
    }
  | {
      readonly kind: "forward";
      readonly of: "square" | "square and size" | "cube" | "fourth" | "norm" | "entropy" | "coins" | "cosh";
      readonly over:
        | "anywhere"
        | "simplex(last)"
        | "simplex(last, 2)"
        | "positive"
        | "box(-1, 1)"
        | "box(0, 1)";
      readonly keep: Amount;
      readonly by: Amount;
    };

export interface Steps {
  readonly kind: "steps";
  readonly rate: Amount;
  /** Linear states: what each keeps of itself, and what it takes up. */
  readonly states: readonly {
    readonly keep: Amount;
    readonly gain: Amount;
    readonly from: "grad" | "state";
  }[];
  /** How much of the gradient itself is in the step, besides the last state. */
  readonly plain: number;
  readonly at: "prev" | "kept";
  readonly window: number | undefined;
  readonly steps: number | undefined;
  readonly error: boolean;
}
export type Algorithm =
  | Steps
  | { readonly kind: "proximal"; readonly rate: Amount }
  | { readonly kind: "overall"; readonly weight: Amount; readonly ridge: Amount }
  | {
      readonly kind: "pairs";
      readonly window: "2" | "5" | "tokens";
      readonly weight: "exp" | "bell" | "inverse";
    };

export interface Variant {
  readonly memory: Memory;
  readonly bias: Bias;
  readonly retention: Retention;
  readonly algorithm: Algorithm;
  readonly chunk: number | undefined;
  readonly output: "read(q)" | "read(prev, q)" | "tanh(read(q))" | "read(q) + u" | "read(q * u)";
}

/** Shrinks to `undefined`. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });
const one = <const T extends string | number>(...of: T[]): fc.Arbitrary<T> => fc.constantFrom(...of);
const activation = fc.constantFrom(...ACTIVATIONS);

/** A fraction. */
const amount: fc.Arbitrary<Amount> = fc.constantFrom<Amount[]>(
  0.5,
  1,
  0.9,
  0.1,
  "gate",
  "gate",
  "gate by row",
  "gate by column",
);

const memory: fc.Arbitrary<Memory> = fc.oneof(
  { withCrossShrink: true },
  fc.constant({ kind: "matrix" }),
  fc.record({
    kind: fc.constant("layers" as const),
    between: maybe(activation),
    hidden: one("3", "2 * dk"),
    before: maybe(activation),
    after: maybe(activation),
    hasOffset: fc.boolean(),
    isResidual: fc.boolean(),
    start: one("zeros", "learned"),
  }),
);

const bias: fc.Arbitrary<Bias> = fc.oneof(
  { withCrossShrink: true },
  fc.constant({ kind: "dot" }),
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("loss" as const),
      pieces: fc.array(
        fc.record({
          piece: fc.constantFrom(...PIECES),
          times: fc.constantFrom<Amount[]>(1, 0.5, 2, "gate", "gate by row"),
        }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
      over: one("sum", "sum", "sum", "root", "squared", "share", "largest", "log"),
      target: one("v", "v", "v", "v / 2", "sin(v)", "v - k"),
    }),
  },
  fc.record({ kind: fc.constant("gradient" as const), of: one("clipped", "direction", "squashed") }),
);

const retention: fc.Arbitrary<Retention> = fc.oneof(
  { withCrossShrink: true },
  fc.constant({ kind: "none" }),
  fc.record({ kind: fc.constant("decay" as const), keep: amount }),
  fc.record({
    kind: fc.constant("closed" as const),
    keep: amount,
    link: maybe(fc.constantFrom(...LINKS)),
    prox: maybe(fc.constantFrom(...PROXES)),
    by: amount,
  }),
  fc.record({
    kind: fc.constant("back" as const),
    near: one("square", "square", "relative entropy", "chi", "coins"),
    small: one("nothing", "square", "size", "both", "entropy"),
    over: one("anywhere", "simplex(last)", "positive", "box(-1, 1)", "box(0, 1)"),
    rate: amount,
    by: amount,
  }),
  fc.record({
    kind: fc.constant("forward" as const),
    of: one("square", "square and size", "cube", "fourth", "norm", "entropy", "coins", "cosh"),
    over: one("anywhere", "simplex(last)", "simplex(last, 2)", "positive", "box(-1, 1)", "box(0, 1)"),
    keep: amount,
    by: amount,
  }),
);

const algorithm: fc.Arbitrary<Algorithm> = fc.oneof(
  { withCrossShrink: true },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("steps" as const),
      rate: amount,
      states: fc.array(fc.record({ keep: amount, gain: amount, from: one("grad", "state") }), {
        maxLength: 2,
      }),
      plain: one(0, 1, 0.5),
      at: one("prev", "kept"),
      window: fc.option(one(2, 3, 1), { nil: undefined, freq: 4 }),
      steps: fc.option(one(2, 3), { nil: undefined, freq: 4 }),
      error: fc.nat(5).map((n) => n === 5),
    }),
  },
  fc.record({ kind: fc.constant("proximal" as const), rate: amount }),
  fc.record({ kind: fc.constant("overall" as const), weight: amount, ridge: amount }),
  fc.record({
    kind: fc.constant("pairs" as const),
    window: one("2", "5", "tokens"),
    weight: one("exp", "bell", "inverse"),
  }),
);

export const variants: fc.Arbitrary<Variant> = fc.record({
  memory,
  bias,
  retention,
  algorithm,
  chunk: maybe(one(2, 3, 1, 5)),
  output: one("read(q)", "read(q)", "read(prev, q)", "tanh(read(q))", "read(q) + u", "read(q * u)"),
});
