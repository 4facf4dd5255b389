/**
 * Whether a memory layer of ours computes what one of flash-linear-attention does: how its inputs and gates are made,
 * what becomes of its output, and the memory itself, each tried on numbers. Where it is so, weights mean the same in
 * both, and where it is not, no weights of one are those of the other.
 */
import type { LayerOperation, Made, TokenInput } from "../../compiler/check/spec.ts";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { uniform } from "../../compiler/derive/sample.ts";
import { axesFor, type Dim, extentOf, type Sizes } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import type { Expr, Tensor } from "../../compiler/math/expr.ts";
import type { FlaModel } from "./fla-config.ts";

type Vector = readonly number[];

/** How far apart numbers of about 1 may be: what is inside a root to keep it from 0 is not the same everywhere. */
const TOLERANCE = 1e-4;
const TRIES = 5;

/** What differs, each with what would be the same. Names are looked at elsewhere: what is missing here is not told. */
export function differences(rule: Rule, model: FlaModel): string[] {
  const inputs = new Map(rule.spec.inputs.map((input) => [input.tensor.name, input]));
  const found = wantedOf(model).flatMap(({ name, of, write, isWhat }) => {
    const input = inputs.get(name);
    return input === undefined || isMade(rule, input, of, model)
      ? []
      : [`\`${name}\` ${isWhat}; write \`${write}\``];
  });
  const output = isOutput(rule, model)
    ? []
    : [
        `what becomes of the memory's output: there it is its norm${model.isGated ? " times the silu of a projection" : ""}; write \`output = norm(read(…))${model.isGated ? " * silu(project)" : ""}\``,
      ];
  const memory =
    found.length > 0 || isMemory(rule, model) ? [] : [`the memory: there it is ${RULES[model.kind]}`];
  return [...found, ...output, ...memory];
}

const RULES: Readonly<Record<FlaModel["kind"], string>> = {
  delta_net: "W' = W (I − β k kᵀ) + β v kᵀ, read as W' q / √dk",
  gated_deltanet: "W' = α W (I − β k kᵀ) + β v kᵀ, read as W' q / √dk",
  gla: "W' = W diag(α) + v kᵀ, read as W' q / √dk",
};

// ---------------------------------------------------------------- inputs and gates

interface Wanted {
  readonly name: string;
  /** Of what the projection gives, after its convolution, and of the parameter A_log. */
  readonly of: (z: Vector, logA: number) => Vector;
  readonly isWhat: string;
  readonly write: string;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const silu = (x: number): number => x * sigmoid(x);
const softplus = (x: number): number => Math.log1p(Math.exp(x));

const ACTIVATIONS: Readonly<
  Record<FlaModel["activation"], readonly [of: (x: number) => number, text: string]>
> = {
  silu: [silu, " |> silu"],
  relu: [(x) => Math.max(x, 0), " |> relu"],
  elu: [(x) => (x > 0 ? x + 1 : Math.exp(x)), " |> elu1, with fn elu1(x) = max(x, 0) + exp(min(x, 0))"],
  identity: [(x) => x, ""],
};

const LENGTHS: Readonly<Record<FlaModel["length"], readonly [of: (x: Vector) => Vector, text: string]>> = {
  l2: [(x) => x.map((xi) => xi / Math.sqrt(x.reduce((s, xj) => s + xj * xj, 1e-6))), " |> unit"],
  sum: [
    (x) => x.map((xi) => xi / x.reduce((s, xj) => s + xj, 0)),
    " |> share, with fn share(x) = x / sum(x)",
  ],
  free: [(x) => x, ""],
};

function wantedOf({ kind, activation, length, conv, mostBeta }: FlaModel): Wanted[] {
  const [act, actText] = ACTIVATIONS[activation];
  const [measure, lengthText] = LENGTHS[length];
  const start = conv === undefined ? "project" : `project |> conv(${conv})`;
  const isPlain = kind === "gla" && conv === undefined;
  const fed = (name: string): Wanted => ({
    name,
    of: (z) => measure(z.map(act)),
    isWhat: "is made in another way there",
    write: `input ${name} = ${start}${actText}${lengthText}`,
  });
  const v: Wanted = {
    name: "v",
    of: (z) => (isPlain ? z : z.map(silu)),
    isWhat: "is made in another way there",
    write: `input v = ${start}${isPlain ? "" : " |> silu"}`,
  };
  const beta: Wanted = {
    name: "beta",
    of: (z) => z.map((x) => (mostBeta ?? 1) * sigmoid(x)),
    isWhat: `is ${mostBeta === 2 ? "twice " : ""}the sigmoid of a projection there`,
    write: `gate beta in (0, ${mostBeta})`,
  };
  const alpha: Wanted =
    kind === "gla"
      ? {
          name: "alpha",
          of: (z) => z.map((x) => sigmoid(x) ** (1 / NORMALIZER)),
          isWhat: `is the ${NORMALIZER}th root of the sigmoid of a projection there, which a plain sigmoid is not for any weights`,
          write: `gate alpha [dk] in (0, 1) rank 16 = sigmoid(project) ^ (1/${NORMALIZER})`,
        }
      : {
          name: "alpha",
          of: (z, logA) => z.map((x) => Math.exp(-Math.exp(logA) * softplus(x))),
          isWhat:
            "is exp(−exp(A_log) softplus(a projection)) there, which a plain sigmoid is not for any weights",
          write: "param A_log` and `gate alpha in (0, 1) = exp(-exp(A_log) * softplus(project))",
        };
  return [
    fed("q"),
    fed("k"),
    v,
    ...(mostBeta === undefined ? [] : [beta]),
    ...(kind === "delta_net" ? [] : [alpha]),
  ];
}

/** Of GLA's decay, which no setting of fla's models changes. */
const NORMALIZER = 16;

const LENGTH_OF_NAME: Sizes = { dk: 3, dv: 3, width: 3 };

function isMade({ spec }: Rule, { tensor, made }: TokenInput, of: Wanted["of"], { conv }: FlaModel): boolean {
  const isGate = spec.inputs.some((input) => input.tensor === tensor && input.role === "gate");
  const last = chainOf(made, isGate ? undefined : conv);
  if (!last) return false;
  const logA = spec.parameters.find((p) => p.tensor.name === "A_log")?.tensor;
  // One that is squashed into a range is not what the weights say.
  const isPlain = logA === undefined || (logA.domain.low === -Infinity && logA.domain.high === Infinity);
  return (
    isPlain &&
    agrees(made.value, tensor.shape, [last, ...(logA ? [logA] : [])], ([z = [], a]) => of(z, a?.[0] ?? 0))
  );
}

/** What a projection gives, or a convolution of it, with nothing between and nothing besides. */
function chainOf({ operations }: Made, conv: number | undefined): Tensor | undefined {
  const [project, filter, ...others] = operations;
  if (project?.kind !== "project" || !isBare(project, "x") || others.length > 0) return undefined;
  if (conv === undefined) return filter === undefined ? project.result : undefined;
  const isFilter = filter?.kind === "conv" && !filter.isWide && isBare(filter, project.result.name);
  return isFilter && extentOf(filter.width, {}) === conv ? filter.result : undefined;
}

/** Whether an operation acts on this tensor as it is. */
const isBare = ({ from }: LayerOperation, name: string): boolean =>
  from.kind === "leaf" && from.tensor.name === name && from.index.length === from.tensor.shape.length;

// ---------------------------------------------------------------- the output

function isOutput({ spec }: Rule, { isGated }: FlaModel): boolean {
  const { y, operations, value, shape } = spec.layerOutput;
  const norm = operations.find((o) => o.kind === "norm");
  const project = operations.find((o) => o.kind === "project");
  if (!norm || norm.isWide || !isBare(norm, y.name) || operations.length !== (isGated ? 2 : 1)) return false;
  if (!isGated) return agrees(value, shape, [norm.result], ([n = []]) => n);
  if (!project || !isBare(project, "x")) return false;
  return agrees(value, shape, [norm.result, project.result], ([n = [], g = []]) =>
    n.map((x, i) => x * silu(g[i] as number)),
  );
}

/** Whether an expression over these tensors is this function of them, at random. */
function agrees(
  value: Expr,
  shape: readonly Dim[],
  tensors: readonly Tensor[],
  of: (values: readonly Vector[]) => Vector,
): boolean {
  const random = uniform(1);
  const run = evaluator([{ expr: value, axes: axesFor(shape) }], LENGTH_OF_NAME);
  return Array.from({ length: TRIES }).every(() => {
    const values = tensors.map((t) =>
      Float64Array.from({ length: elements(t.shape, LENGTH_OF_NAME) }, () => 4 * random() - 2),
    );
    try {
      const [made] = run(new Map(tensors.map((t, i) => [t, values[i] as Float64Array])));
      return isNear(made ?? [], of(values.map((x) => [...x])));
    } catch {
      // It reads something else too.
      return false;
    }
  });
}

const isNear = (a: ArrayLike<number>, b: Vector): boolean =>
  a.length === b.length &&
  b.every((x, i) => Math.abs(x - (a[i] as number)) <= TOLERANCE * Math.max(1, Math.abs(x)));

// ---------------------------------------------------------------- the memory

const T = 4;
const D = 3;

/** Whether the memory, from a state of zeros, reads what fla's does. */
function isMemory(rule: Rule, { kind }: FlaModel): boolean {
  const { spec } = rule;
  const random = uniform(2);
  const draw = (n: number, from: number, to: number): Float64Array =>
    Float64Array.from({ length: n }, () => from + (to - from) * random());
  const sizes: Sizes = { dk: D, dv: D };
  const given = new Map([
    ...["q", "k", "v"].map((name): [string, Float64Array] => [name, draw(T * D, -1, 1)]),
    ["beta", kind === "gla" ? new Float64Array(T).fill(1) : draw(T, 0.1, 0.9)],
    ["alpha", kind === "delta_net" ? new Float64Array(T * D).fill(1) : draw(T * D, 0.1, 0.9)],
  ]);
  const takes = spec.inputs.map(({ tensor }) => [tensor.name, elements(tensor.shape, sizes)] as const);
  if (spec.steps !== 1 || takes.some(([name]) => !given.has(name))) return false;
  const tokens = new Map(takes.map(([name, n]) => [name, (given.get(name) as Float64Array).slice(0, T * n)]));
  const parameters = new Map(
    spec.parameters.map((p) => [p.tensor.name, new Float64Array(elements(p.tensor.shape, sizes))]),
  );
  const starts = rule.states.some((state) => state.initial === "learned");
  if (starts) return false;
  const { y } = interpret(rule, { B: 1, T, H: 1, sizes }, { tokens, parameters, states: new Map() });
  return isNear(y, recurrence(tokens, given, kind));
}

/** The three recurrences, token by token; beta is 1 where there is none, and so is alpha. */
function recurrence(
  tokens: ReadonlyMap<string, Float64Array>,
  otherwise: ReadonlyMap<string, Float64Array>,
  kind: FlaModel["kind"],
): Vector {
  const at = (name: string, i: number): number => (tokens.get(name) ?? otherwise.get(name))?.[i] as number;
  const W = Array.from({ length: D }, () => new Float64Array(D));
  return Array.from({ length: T }, (_, t) => {
    const k = Array.from({ length: D }, (_, j) => at("k", t * D + j));
    for (const [i, row] of W.entries()) {
      for (let j = 0; j < D; j++) row[j] = (row[j] as number) * at("alpha", kind === "gla" ? t * D + j : t);
      const read = kind === "gla" ? 0 : k.reduce((sum, kj, j) => sum + kj * (row[j] as number), 0);
      const write = at("beta", t) * (at("v", t * D + i) - read);
      for (let j = 0; j < D; j++) row[j] = (row[j] as number) + write * (k[j] as number);
    }
    return W.map((row) => row.reduce((sum, w, j) => sum + w * at("q", t * D + j), 0) / Math.sqrt(D));
  }).flat();
}
