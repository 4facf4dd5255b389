/** Writes a random spec as text. What does not go together gives way to what is plainer, so that it compiles. */
import type {
  Activation,
  Algorithm,
  Amount,
  Bias,
  Layers,
  Memory,
  Piece,
  Retention,
  Variant,
} from "./variants.ts";

export function textOfVariant(drawn: Variant): string {
  const variant = reconciled(drawn);
  const { memory, bias, retention, algorithm, chunk, output } = variant;
  const model = new Model(variant);
  const isPairs = algorithm.kind === "pairs";
  const read = isPairs ? `memory holds { window ${algorithm.window} }` : memoryText(memory, retention);
  const definitions = [
    ...(read.includes("softsign") ? ["fn softsign(x) = x / (1 + abs(x))"] : []),
    read,
    biasText(bias, model.definition("bias")),
    retentionText(retention, model.definition("retention")),
    algorithmText(algorithm, model.definition("algorithm")),
  ];
  const target = bias.kind === "loss" && bias.target !== "v" ? [`v: ${bias.target}`] : [];
  const lines = [
    `memory holds`,
    `bias wants${model.argumentsOf("bias", target)}`,
    `retention keeps${model.argumentsOf("retention")}`,
    `algorithm learns${model.argumentsOf("algorithm", modifiersOf(algorithm))}`,
    ...(isSquare(variant) ? ["require dv = dk"] : []),
    ...(chunk === undefined ? [] : [`chunk ${chunk}`]),
    ...(algorithm.kind === "steps" && algorithm.steps !== undefined
      ? [`const n = ${algorithm.steps}`, `input k [n, dk]`, `input v [n, dv]`]
      : []),
    ...(algorithm.kind === "steps" && algorithm.error ? ["input p [dk]"] : []),
    ...(output.includes("u") ? [`param u [${output === "read(q * u)" ? "dk" : "dv"}]`] : []),
    ...model.gates,
    ...(output === "read(q)" ? [] : [`output = ${output}`]),
  ];
  return `${definitions.join("\n\n")}\n\nmodel Variant {\n${lines.map((l) => `  ${l}`).join("\n")}\n}\n`;
}

/** The nearest variant whose parts go together. */
function reconciled(v: Variant): Variant {
  const { algorithm, retention } = v;
  const matrix: Memory = { kind: "matrix" };
  const plain: Retention = retention.kind === "decay" ? retention : { kind: "none" };
  const square: Bias = { kind: "loss", pieces: [{ piece: "square", times: 1 }], over: "sum", target: "v" };
  if (algorithm.kind === "proximal") {
    const bias = v.bias.kind === "loss" ? v.bias : square;
    return { ...v, memory: matrix, retention: plain, bias };
  }
  if (algorithm.kind === "steps") return v;
  // What is kept of sums over all tokens is one number.
  const scalar: Retention =
    plain.kind === "decay" && typeof plain.keep !== "number" ? { kind: "decay", keep: "gate" } : plain;
  const target = v.bias.kind === "loss" ? v.bias.target : "v";
  return { ...v, memory: matrix, retention: scalar, bias: { ...square, target }, chunk: undefined };
}

const isSquare = ({ memory, bias }: Variant): boolean =>
  (memory.kind === "layers" && memory.isResidual) || (bias.kind === "loss" && bias.target === "v - k");

// ---------------------------------------------------------------- gates

/** The gates of a model, and the parameters of its definitions that they are given to. */
class Model {
  readonly gates: string[] = [];
  readonly #arguments = new Map<string, Parameter[]>();
  readonly #variant: Variant;

  constructor(variant: Variant) {
    this.#variant = variant;
  }

  definition(name: string): Definition {
    const parameters: Parameter[] = [];
    this.#arguments.set(name, parameters);
    return {
      fraction: (a) => this.#take(parameters, a, "in [0, 1]", "in (0, 1)"),
      positive: (a) => this.#take(parameters, a, "> 0", "> 0"),
      signature: (...first) => {
        const all = [...first, ...parameters.map((p) => `${p.name}: real ${p.range}`)];
        return all.length > 0 ? `(${all.join(", ")})` : "";
      },
    };
  }

  argumentsOf(name: string, more: readonly string[] = []): string {
    const all = [...(this.#arguments.get(name) ?? []).map((p) => p.argument), ...more];
    return all.length > 0 ? `(${all.join(", ")})` : "";
  }

  #take(parameters: Parameter[], amount: Amount, range: string, gateRange: string): string {
    if (typeof amount === "number") return String(amount);
    const gate = `g${this.gates.length + 1}`;
    this.gates.push(`gate ${gate}${this.#shapeOf(amount)} ${gateRange}`);
    const name = `a${parameters.length + 1}`;
    parameters.push({ name, range, argument: gate });
    return name;
  }

  /** A vector for rows or columns is for states that have these. */
  #shapeOf(amount: Amount): string {
    const { memory, algorithm } = this.#variant;
    const isMatrix = memory.kind === "matrix" || (!memory.between && !memory.hasOffset);
    if (algorithm.kind !== "steps" || !isMatrix) return "";
    return amount === "gate by row" ? " [dv]" : amount === "gate by column" ? " [dk]" : "";
  }
}

interface Parameter {
  readonly name: string;
  readonly range: string;
  readonly argument: string;
}

interface Definition {
  fraction(amount: Amount): string;
  positive(amount: Amount): string;
  signature(...first: readonly string[]): string;
}

// ---------------------------------------------------------------- the four choices

function memoryText(memory: Memory, retention: Retention): string {
  const start =
    mustBeLearned(retention) || (memory.kind === "layers" && memory.start === "learned")
      ? "learned"
      : "zeros";
  const layers: Layers =
    memory.kind === "layers"
      ? memory
      : {
          kind: "layers",
          between: undefined,
          hidden: "3",
          before: undefined,
          after: undefined,
          hasOffset: false,
          isResidual: false,
          start,
        };
  const { between, hidden, before, after, hasOffset, isResidual } = layers;
  const x = applied(before, "x");
  const linear = between ? `W @ ${applied(between, `U @ ${x}`)}` : `W @ ${x}`;
  const read = applied(after, hasOffset ? `(${linear} + b)` : linear);
  const states = [
    `state W [dv, ${between ? hidden : "dk"}] = ${start}`,
    ...(between ? [`state U [${hidden}, dk] = ${start}`] : []),
    ...(hasOffset ? [`state b [dv] = ${start}`] : []),
  ];
  const lines = [
    ...(isResidual ? ["require dv = dk"] : []),
    ...states,
    `read(x [dk]) = ${isResidual ? "x + " : ""}${read}`,
  ];
  return `memory holds {\n${lines.map((l) => `  ${l}`).join("\n")}\n}`;
}

const applied = (f: Activation | undefined, x: string): string => (f ? `${f}(${x})` : x);

/** Whether zero is no place to start: outside of the constraint, or where a link divides by a norm. */
const mustBeLearned = (r: Retention): boolean =>
  (r.kind === "back" && placeOf(r) !== "anywhere" && placeOf(r) !== "box(-1, 1)") ||
  (r.kind === "forward" && r.of === "norm");

const PIECES: Readonly<Record<Piece, string>> = {
  square: "e^2 / 2",
  fourth: "e^4 / 4",
  "log cosh": "log(cosh(e))",
  root: "sqrt(1 + e^2)",
  welsch: "(1 - exp(-e^2))",
  cauchy: "log(1 + e^2)",
  sine: "sin(e)",
  sigmoid: "sigmoid(e)",
  size: "abs(e)",
  cube: "abs(e)^3 / 3",
  power: "abs(e)^1.5",
  "near and far": "where(abs(e) <= 0.5, e^2 / 2, 0.5 * (abs(e) - 0.25))",
  clipped: "min(e^2, 1)",
  unequal: "max(0.3 * e, -0.7 * e)",
  deadzone: "max(abs(e) - 0.2, 0)",
};

function biasText(bias: Bias, definition: Definition): string {
  const lines = ["let e = y - v"];
  if (bias.kind === "dot") return "bias wants(y, v) = -sum(y * v)";
  if (bias.kind === "gradient") {
    const grad = {
      clipped: "max(min(e, 0.5), -0.5)",
      direction: "where(norm2(e) <= 0.5, e, sign(e) / 2)",
      squashed: "tanh(e) * exp(-e^2)",
    }[bias.of];
    lines.push(`grad ${grad}`);
  } else {
    const each = bias.pieces.map(({ piece, times }) =>
      times === 1 ? PIECES[piece] : `${definition.fraction(times)} * ${PIECES[piece]}`,
    );
    const sum = `sum(${each.join(" + ")})`;
    const loss = {
      sum,
      root: `sqrt(1 + ${sum}^2)`,
      squared: `${sum}^2 / 2`,
      share: `${sum} / (1 + sum(e^2))`,
      largest: `${sum} + maxOver(abs(e))`,
      log: `log(1 + exp(-${sum}^2))`,
    }[bias.over];
    lines.push(`loss ${loss}`);
  }
  return `bias wants${definition.signature("y", "v")} {\n${lines.map((l) => `  ${l}`).join("\n")}\n}`;
}

function retentionText(retention: Retention, definition: Definition): string {
  const lines = retentionLines(retention, definition);
  return `retention keeps${definition.signature()} {\n${lines.map((l) => `  ${l}`).join("\n")}\n}`;
}

function retentionLines(r: Retention, { fraction, positive }: Definition): string[] {
  if (r.kind === "none") return ["keep 1"];
  if (r.kind === "decay") return [`keep ${fraction(r.keep)}`];
  if (r.kind === "closed") {
    const prox =
      r.prox === "shrunk"
        ? `A / (1 + ${positive(r.by)})`
        : r.prox === "threshold"
          ? `sign(A) * max(abs(A) - ${positive(r.by)}, 0)`
          : r.prox;
    return [
      `keep ${fraction(r.keep)}`,
      ...(r.link ? [`link(A) = ${r.link}`] : []),
      ...(prox ? [`prox(A) = ${prox}`] : []),
    ];
  }
  const over = placeOf(r) === "anywhere" ? "" : ` over ${placeOf(r)}`;
  if (r.kind === "back") return [`minimize ${backward(r, positive)}${over}`];
  return [`keep ${fraction(r.keep)}`, `minimize ${forward(r, positive)}${over}`];
}

/** Where the penalty has values: a logarithm is of positive numbers. */
function placeOf(r: Retention & { kind: "back" | "forward" }): string {
  if (r.kind === "back" ? r.near === "coins" : r.of === "coins") return "box(0, 1)";
  const isAnywhere = r.kind === "back" ? r.near === "square" && r.small !== "entropy" : r.of !== "entropy";
  return isAnywhere || (r.over !== "anywhere" && r.over !== "box(-1, 1)") ? r.over : "positive";
}

function backward(r: Retention & { kind: "back" }, positive: Definition["positive"]): string {
  const rate = positive(r.rate);
  const near = {
    square: `sum((W - prev)^2 / ${rate}) / 2`,
    "relative entropy": `sum((W * log(W / prev) - W + prev) / ${rate})`,
    chi: `sum((W - prev)^2 / prev / ${rate}) / 2`,
    coins: `sum((W * log(W / prev) + (1 - W) * log((1 - W) / (1 - prev))) / ${rate})`,
  }[r.near];
  const small = {
    nothing: () => [],
    square: () => [`sum(${positive(r.by)} * W^2) / 2`],
    size: () => [`sum(${positive(r.by)} * abs(W))`],
    both: () => [`sum(W^2) / 2`, `sum(${positive(r.by)} * abs(W))`],
    entropy: () => [`sum(${positive(r.by)} * W * log(W))`],
  }[r.small]();
  return [near, ...small].join(" + ");
}

function forward(r: Retention & { kind: "forward" }, positive: Definition["positive"]): string {
  const by = (): string => positive(r.by);
  return {
    square: () => `sum(${by()} * W^2) / 2`,
    "square and size": () => `sum(W^2) / 2 + sum(${by()} * abs(W))`,
    cube: () => `sum(${by()} * abs(W)^3) / 3`,
    fourth: () => `sum(${by()} * W^4)`,
    norm: () => "sum(abs(W)^3)^(2 / 3) / 2",
    entropy: () => `sum(${by()} * W * log(W))`,
    coins: () => `sum(${by()} * (W * log(W) + (1 - W) * log(1 - W)))`,
    cosh: () => `sum(${by()} * cosh(W))`,
  }[r.of]();
}

const modifiersOf = (a: Algorithm): string[] =>
  a.kind !== "steps"
    ? []
    : [
        ...(a.at === "kept" ? ["at: kept"] : []),
        ...(a.error ? ["error: p"] : []),
        ...(a.window === undefined ? [] : [`window: ${a.window}`]),
        ...(a.steps === undefined ? [] : ["steps: n"]),
      ];

function algorithmText(algorithm: Algorithm, definition: Definition): string {
  const lines = algorithmLines(algorithm, definition);
  return `algorithm learns${definition.signature()} {\n${lines.map((l) => `  ${l}`).join("\n")}\n}`;
}

function algorithmLines(a: Algorithm, { fraction, positive }: Definition): string[] {
  if (a.kind === "proximal") return [`minimize sum((W - kept)^2) / (2 * ${positive(a.rate)}) + loss`];
  if (a.kind === "overall")
    return [`minimize past(${positive(a.weight)} * loss) + sum(${positive(a.ridge)} * W^2) / 2`];
  if (a.kind === "pairs") {
    const weight = {
      exp: "exp(dot(x, k))",
      bell: "exp(-sum((x - k)^2))",
      inverse: "1 / (1 + sum((x - k)^2))",
    }[a.weight];
    return [`minimize past(${weight} * loss) over y`];
  }
  const names = ["S", "R"];
  const states = a.states.map((s, i) => {
    const from = s.from === "state" && i > 0 ? `${names[i - 1]}'` : "grad";
    return `${names[i]}' = ${fraction(s.keep)} * ${names[i]} + ${fraction(s.gain)} * ${from}`;
  });
  const last = states.length > 0 ? `${names[states.length - 1]}'` : undefined;
  const terms = [
    ...(last ? [last] : ["grad"]),
    ...(last && a.plain !== 0 ? [`${a.plain} * grad`] : []),
    // A state that nothing else reads is in the step.
    ...(a.states.length === 2 && a.states[1]?.from !== "state" ? ["0.5 * S'"] : []),
  ];
  return [
    ...states.map((_, i) => `state ${names[i]} like W = zeros`),
    ...states,
    `step ${fraction(a.rate)} * ${terms.length > 1 ? `(${terms.join(" + ")})` : terms[0]}`,
  ];
}
