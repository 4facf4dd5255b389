/**
 * The tensors of a run: what a model takes, whether the given ones are that, and everything that is wrong
 * with them, told at once.
 */
import type { Spec } from "../../compiler/check/spec.ts";
import { type Extents, elements, type Run } from "../../compiler/derive/interpret.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { type Dim, extentOf } from "../../compiler/math/axis.ts";
import { closure, contains, type Interval, showInterval } from "../../compiler/math/interval.ts";
import { closest } from "../../compiler/source/suggest.ts";
import type { Tensor as Given, TensorFile } from "../../runtime/safetensors.ts";
import { boundsProblem, lengthsOf, longestOf } from "../../runtime/sequences.ts";
import { UsageError } from "../errors.ts";
import { shapeText } from "../words.ts";

const STATE = "initial state";

/** What packs sequences of different lengths into a batch of one, by the name that the field gives it. */
const CU_SEQLENS = "cu_seqlens";

/** A tensor that the model takes. */
interface Wanted {
  readonly name: string;
  readonly what: string;
  /** The dimensions before the model's own: N is that of packed sequences, a number that of the steps of each token. */
  readonly lead: Lead;
  readonly shape: readonly Dim[];
  readonly domain: Interval | undefined;
  readonly required: boolean;
}

type Lead = readonly ("B" | "T" | "H" | "N" | number)[];

export interface Inputs {
  readonly extents: Extents;
  readonly run: Run;
}

export function inputsOf(rule: Rule, file: TensorFile, path: string): Inputs {
  const given = file.tensors;
  const wanted = wantedBy(rule, given.has(CU_SEQLENS));
  giveUp(path, [...nameProblems(wanted, given), ...wholeSequences(rule, given)]);
  const { extents, problems } = sizesOf(rule.spec, wanted, given);
  giveUp(path, problems);
  giveUp(
    path,
    wanted.flatMap((w) => valueProblems(w, given.get(w.name))),
  );
  return { extents, run: runOf(rule, extents, given) };
}

/** More than this is a list that nobody reads. */
const MOST = 12;

function giveUp(path: string, problems: readonly string[]): void {
  const [first, ...others] = problems;
  if (first === undefined) return;
  if (others.length === 0) throw new UsageError(`${path}: ${first}`);
  const shown = problems.slice(0, MOST);
  const rest = problems.length - shown.length;
  throw new UsageError(`${path} is not what the model takes`, [
    ...shown,
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ]);
}

function wantedBy({ spec, states }: Rule, isPacked: boolean): Wanted[] {
  // The inputs first: it is from q, k and v that people know their sizes.
  const inputs = spec.inputs.toSorted((a, b) => Number(a.role === "gate") - Number(b.role === "gate"));
  return [
    ...inputs.map(
      ({ tensor, role, each }): Wanted => ({
        name: tensor.name,
        what: role,
        lead: each === "step" ? ["B", "T", spec.steps, "H"] : ["B", "T", "H"],
        shape: tensor.shape,
        domain: tensor.domain,
        required: true,
      }),
    ),
    ...spec.parameters.map(
      ({ tensor }): Wanted => ({
        name: tensor.name,
        what: "param",
        lead: ["H"],
        shape: tensor.shape,
        domain: tensor.domain,
        required: true,
      }),
    ),
    ...states.map(
      (s): Wanted => ({
        name: s.name,
        what: STATE,
        lead: [isPacked ? "N" : "B", "H"],
        shape: s.shape,
        domain: undefined,
        required: s.initial === "learned",
      }),
    ),
  ];
}

// ---------------------------------------------------------------- names

function nameProblems(wanted: readonly Wanted[], given: ReadonlyMap<string, Given>): string[] {
  const names = [...wanted.map((w) => w.name), CU_SEQLENS];
  const missing = wanted.filter((w) => w.required && !given.has(w.name));
  const unknown = [...given.keys()].filter((name) => !names.includes(name));
  return [
    ...missing.map((w) => `missing: ${quote(w.name)} ${pattern(w)}, ${article(w.what)} of the model`),
    ...unknown.map((name) => {
      const near = closest(
        name,
        // What is there already is not what this was meant to be.
        names.filter((n) => !given.has(n)),
      );
      const hint = near ? `did you mean ${quote(near)}?` : `the model takes ${names.map(quote).join(", ")}`;
      return `unknown: ${quote(name)}; ${hint}`;
    }),
  ];
}

/** A memory of all tokens of the sequence starts with none: it is as long as they are. */
function wholeSequences({ states, spec }: Rule, given: ReadonlyMap<string, Given>): string[] {
  const isWhole = (shape: readonly Dim[]): boolean => shape.some((d) => d.names.includes("tokens"));
  const whole = states.filter((s) => isWhole(s.shape)).map((s) => s.name);
  if (whole.length === 0) return [];
  const carried = states.map((s) => s.name).filter((name) => given.has(name));
  return carried.map(
    (name) =>
      `${quote(name)} cannot be given: the memory of ${spec.name} is as long as the sequence, and starts empty; to go on from a state, give it a length of its own`,
  );
}

const article = (what: string): string => (/^[aeiou]/.test(what) ? `an ${what}` : `a ${what}`);

/** A name of the file as a terminal may see it. */
const quote = (name: string): string => `\`${name.replace(/\p{C}/gu, "·").slice(0, 60)}\``;

/** `[B, T, H, dk]` */
function pattern({ lead, shape }: Wanted): string {
  const own = shapeText(shape).slice(1, -1);
  return `[${[...lead, ...(own ? [own] : [])].join(", ")}]`;
}

// ---------------------------------------------------------------- sizes

/** A size, and the tensor that it was read from. */
interface Known {
  readonly value: number;
  readonly from: string;
}

function sizesOf(spec: Spec, wanted: readonly Wanted[], given: ReadonlyMap<string, Given>) {
  const sizes = new Map<string, Known>();
  const problems: string[] = [];
  const learn = (name: string | number, value: number, from: string): void => {
    if (typeof name === "string" && !sizes.has(name)) sizes.set(name, { value, from });
  };
  const packed = given.get(CU_SEQLENS);
  if (packed) learn("N", packed.data.length - 1, CU_SEQLENS);
  for (const w of wanted) {
    const tensor = given.get(w.name);
    const lead = tensor && leadOf(w, tensor.shape);
    if (!tensor || !lead) {
      if (tensor) problems.push(rankProblem(w, tensor.shape));
      continue;
    }
    for (const [i, name] of lead.entries()) learn(name, tensor.shape[i] as number, w.name);
    for (const [i, d] of w.shape.entries()) {
      const [only] = d.names;
      if (only && d.names.length === 1 && d.scale === 1)
        learn(only, tensor.shape[lead.length + i] as number, w.name);
    }
  }
  if (packed)
    problems.push(...packedProblems(packed, sizes.get("B")?.value ?? 1, sizes.get("T")?.value ?? 0));
  if (problems.length > 0) return { extents: NOTHING, problems };

  for (const [name, { value, from }] of sizes) {
    if (value === 0 && name !== "T" && name !== "N")
      problems.push(`${quote(from)} has ${name} = 0; it should be at least 1`);
  }
  for (const [a, b] of spec.equalities.required) {
    const [x, y] = [sizes.get(a), sizes.get(b)];
    // A size that no tensor has alone is the one that it must equal.
    if (x && !y) learn(b, x.value, x.from);
    if (y && !x) learn(a, y.value, y.from);
    if (!x || !y || x.value === y.value) continue;
    problems.push(
      `the model requires ${a} = ${b}, but ${a} is ${x.value} in ${quote(x.from)} and ${b} is ${y.value} in ${quote(y.from)}`,
    );
  }
  const numbers = Object.fromEntries([...sizes].map(([name, { value }]) => [name, value]));
  // The sequence, or the longest of packed ones, decides how many tokens a memory of all of them holds.
  const withTokens = { ...numbers, tokens: packed ? longestOf(lengthsOf(packed.data)) : (numbers.T ?? 0) };
  for (const w of wanted) {
    const tensor = given.get(w.name);
    const lead = tensor && leadOf(w, tensor.shape);
    if (!tensor || !lead) continue;
    const should = [
      ...lead.map((name) => (typeof name === "number" ? name : (sizes.get(name)?.value ?? 0))),
      ...w.shape.map((d) => extentOf(d, withTokens)),
    ];
    if (should.every((n, i) => n === tensor.shape[i])) continue;
    problems.push(shapeProblem(w, lead, tensor.shape, should, sizes));
  }
  const { B = 1, T = 0, H = 1, N = B, ...own } = numbers;
  for (const w of wanted.filter((w) => w.what === STATE)) {
    const count = N * H * elements(w.shape, withTokens);
    if (count > MOST_NUMBERS)
      problems.push(
        `${quote(w.name)} ${pattern(w)} would be ${count.toPrecision(3)} numbers, which is too many`,
      );
  }
  const { tokens } = withTokens;
  return { extents: { B, T, H, sizes: packed ? { ...own, tokens } : own } satisfies Extents, problems };
}

function packedProblems({ shape, data }: Given, B: number, T: number): string[] {
  const problem =
    shape.length === 1
      ? boundsProblem(data, { B, T })
      : `is ${list(shape)}, and should be [N + 1]: where each of N sequences starts, and where the last ends`;
  return problem ? [`${quote(CU_SEQLENS)} ${problem}`] : [];
}

/** What one array of the runtime can hold. */
const MOST_NUMBERS = 2 ** 31;

const NOTHING: Extents = { B: 0, T: 0, H: 0, sizes: {} };

/** The leading dimensions that a tensor has: a state may leave out the batch. */
function leadOf(w: Wanted, shape: readonly number[]): Lead | undefined {
  const n = shape.length - w.shape.length;
  if (n === w.lead.length) return w.lead;
  return w.what === STATE && n === 1 ? ["H"] : undefined;
}

const list = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

function rankProblem(w: Wanted, shape: readonly number[]): string {
  const also = w.what === STATE ? ` or ${pattern({ ...w, lead: ["H"] })}` : "";
  const n = w.lead.length + w.shape.length;
  return `${quote(w.name)} is ${list(shape)}, and should be ${pattern(w)}${also}: ${n} dimensions, not ${shape.length}${stepsOf(w)}`;
}

function shapeProblem(
  w: Wanted,
  lead: Lead,
  shape: readonly number[],
  should: readonly number[],
  sizes: ReadonlyMap<string, Known>,
): string {
  const names = [...lead, ...w.shape.flatMap((d) => d.names)].filter((name) => typeof name === "string");
  // Say where the numbers are from that this tensor does not fit.
  const sources = [...new Set(names)].flatMap((name) => {
    const known = sizes.get(name);
    return known && known.from !== w.name ? [{ name, from: known.from }] : [];
  });
  const by = new Map<string, string[]>();
  for (const { name, from } of sources) by.set(from, [...(by.get(from) ?? []), name]);
  const why = [...by].map(([from, of]) => `${of.join(", ")} as in ${quote(from)}`).join("; ");
  const wants = pattern({ ...w, lead });
  return `${quote(w.name)} is ${list(shape)}, and should be ${wants} = ${list(should)}${why ? `, with ${why}` : ""}${stepsOf(w)}`;
}

/** Where the steps of a token stand, for those who forget them. */
function stepsOf({ lead }: Wanted): string {
  const steps = lead.find((d) => typeof d === "number");
  return steps === undefined ? "" : `; it comes with each of the ${steps} steps of a token`;
}

// ---------------------------------------------------------------- values

/** The largest number of the kernels' arithmetic, and of the file that is written. */
const LARGEST = 3.4028234663852886e38;

function valueProblems(w: Wanted, tensor: Given | undefined): string[] {
  if (!tensor) return [];
  const { data } = tensor;
  const place = (i: number): string => `at ${list(indexOf(i, tensor.shape))}`;
  const bad = data.findIndex((x) => !(Math.abs(x) <= LARGEST));
  if (bad >= 0) {
    const x = data[bad] as number;
    const is = Number.isNaN(x)
      ? "NaN"
      : Number.isFinite(x)
        ? `${x}, which f32 cannot hold,`
        : x > 0
          ? "infinity"
          : "−infinity";
    return [`${quote(w.name)} has ${is} ${place(bad)}; every value should be a finite number`];
  }
  if (!w.domain) return [];
  const range = closure(w.domain);
  const outside = data.findIndex((x) => !contains(range, x));
  if (outside < 0) return [];
  const text = `${quote(w.name)} is ${data[outside]} ${place(outside)}, and should be ${inWords(range)}, as the ${w.what} is declared`;
  return [`${text}${hint(w.name, range, data)}`];
}

const inWords = (range: Interval): string => {
  const shown = showInterval(range);
  return shown.startsWith("[") ? `in ${shown}` : shown;
};

/** What people pass by mistake: logarithms of gates, and gates before they are squashed. */
function hint(name: string, range: Interval, data: Given["data"]): string {
  if (range.low < 0) return "";
  const isLogarithm = data.every((x) => x <= 0);
  if (isLogarithm) return `: this looks like a logarithm; pass ${name} itself, not log ${name}`;
  const isBoth = range.high <= 1 && data.some((x) => x < range.low) && data.some((x) => x > range.high);
  return isBoth ? `: this looks like the values before the sigmoid; pass ${name} itself` : "";
}

function indexOf(position: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = position;
  for (const n of shape.toReversed()) {
    index.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return index;
}

// ---------------------------------------------------------------- the run

function runOf(
  { spec, states }: Rule,
  { B, T, H, sizes: own }: Extents,
  given: ReadonlyMap<string, Given>,
): Run {
  const sizes = { tokens: T, ...own };
  const packed = given.get(CU_SEQLENS);
  const sequences = packed ? packed.data.length - 1 : B;
  const data = (name: string): Float64Array => Float64Array.from(given.get(name)?.data ?? []);
  const initial = (name: string, shape: readonly Dim[]): Float64Array => {
    const n = H * elements(shape, sizes);
    const all = new Float64Array(sequences * n);
    const tensor = given.get(name);
    if (!tensor) return all;
    // Without a batch of its own a state is the same for all sequences.
    const shared = tensor.shape.length === shape.length + 1;
    for (let b = 0; b < sequences; b++)
      all.set(shared ? tensor.data : tensor.data.subarray(b * n, (b + 1) * n), b * n);
    return all;
  };
  return {
    tokens: new Map(spec.inputs.map(({ tensor }) => [tensor.name, data(tensor.name)])),
    parameters: new Map(spec.parameters.map(({ tensor }) => [tensor.name, data(tensor.name)])),
    states: new Map(states.map((s) => [s.name, initial(s.name, s.shape)])),
    ...(packed ? { cuSeqlens: packed.data } : {}),
  };
}
