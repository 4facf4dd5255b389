/**
 * How long a kernel would take, before anything is compiled: the work of its program is counted, and weighed with what
 * such a machine takes for each kind of it. That is no clock, and is right about which of two forms is the faster one
 * where they are far apart; where they are not, measuring is better.
 */
import { type Block, type Index, isWide, type Stmt, type Value } from "./block.ts";
import type { Target } from "./target.ts";

/** Instructions of one workgroup, each for all of its lanes. */
export interface Work {
  readonly arithmetic: number;
  /** Reads and writes of storage memory; four numbers side by side take as long as two apart. */
  readonly accesses: number;
  /** Values that go from lane to lane, by a subgroup or through workgroup memory. */
  readonly exchanges: number;
  readonly barriers: number;
}

/** Nanoseconds of each kind of work, and what comes with every dispatch and every kernel. */
export interface Machine {
  readonly arithmetic: number;
  readonly access: number;
  readonly exchange: number;
  readonly barrier: number;
  readonly dispatch: number;
  readonly compilation: number;
  /** Workgroups at a time. */
  readonly units: number;
}

/** Two processor cores behind a software adapter, as measured with llvmpipe. */
const NARROW: Machine = {
  arithmetic: 0.6,
  access: 18,
  exchange: 1.2,
  barrier: 100,
  dispatch: 75_000,
  compilation: 3e8,
  units: 2,
};

/** A graphics processor of middling size, which hides little of its latencies behind one narrow workgroup. */
const WIDE: Machine = {
  arithmetic: 3,
  access: 20,
  exchange: 15,
  barrier: 60,
  dispatch: 5000,
  compilation: 2e7,
  units: 512,
};

export const machineFor = ({ narrow }: Target): Machine => (narrow ? NARROW : WIDE);

export interface Extents {
  readonly B: number;
  readonly T: number;
  readonly H: number;
}

/** What is dispatched for a run: how often, of how many workgroups, each with what work. */
export interface Dispatches {
  readonly count: number;
  readonly workgroups: number;
  readonly work: Work;
}

/** A recurrent kernel goes over all tokens at once. */
export const recurrentDispatches = (block: Block, { B, T, H }: Extents): Dispatches[] => [
  { count: 1, workgroups: block.tiles * B * H, work: workOf(block, T) },
];

interface Staged {
  readonly length: number;
  readonly kernels: readonly { readonly block: Block; readonly stage: string; readonly groups: number }[];
}

/** Kernels of tiles go over all of them at once, or from tile to tile. */
export function tileDispatches({ kernels, length }: Staged, { B, T, H }: Extents): Dispatches[] {
  return kernels.map(({ block, stage, groups }) => {
    const tiles = Math.ceil((T * block.steps) / length);
    const own = groups * B * H;
    const work = workOf(block, length / block.steps, groups);
    return stage === "along"
      ? { count: tiles, workgroups: own, work }
      : { count: 1, workgroups: own * tiles, work };
  });
}

/** Of the run itself, and with the compilation of its kernels. */
export function nanoseconds(
  dispatches: readonly Dispatches[],
  m: Machine,
): { readonly run: number; readonly whole: number } {
  const run = dispatches.reduce((total, { count, workgroups, work: w }) => {
    const one =
      w.arithmetic * m.arithmetic + w.accesses * m.access + w.exchanges * m.exchange + w.barriers * m.barrier;
    return total + count * (m.dispatch + Math.ceil(workgroups / m.units) * one);
  }, 0);
  return { run, whole: run + dispatches.length * m.compilation };
}

/** The work of a workgroup that goes over `tokens`, and shares its rows with others of a `group`. */
export const workOf = (block: Block, tokens: number, groups = 1): Work =>
  counted(block.body, (s) => {
    if (s.kind === "loop") return turnsOf(s, tokens);
    return s.kind === "share" ? Math.ceil(s.to / s.step / groups) : 1 / s.period;
  });

/** What is written, each instruction once: so much of it has to be compiled. */
export const writtenIn = (body: readonly Stmt[]): Work => counted(body, () => 1);

type Repeated = Extract<Stmt, { kind: "loop" | "share" | "every" }>;

/** The instructions of a program, those of a loop as often as it has turns. */
function counted(program: readonly Stmt[], turns: (s: Repeated) => number): Work {
  const total = { arithmetic: 0, accesses: 0, exchanges: 0, barriers: 0 };
  const value = (v: Value, times: number): void => {
    switch (v.kind) {
      case "load":
        total.accesses += times * (v.wide ? 2 : 1);
        return;
      case "four":
        for (const x of v.of) value(x, times);
        return;
      case "component":
      case "total":
        value(v.of, times);
        return;
      case "apply":
        total.arithmetic += times * (isWide(v) ? 4 : 1) * Math.max(1, v.args.length - 1);
        for (const a of v.args) value(a, times);
        return;
      case "shuffle":
      case "reduce-lanes":
        total.exchanges += times;
        value(v.value, times);
        return;
      case "masked":
        value(v.value, times);
        return;
      default:
    }
  };
  const walk = (body: readonly Stmt[], times: number): void => {
    for (const s of body) {
      switch (s.kind) {
        case "let":
          value(s.value, times);
          break;
        case "variable":
          if (s.value) value(s.value, times);
          break;
        case "assign":
        case "merge":
          total.arithmetic += s.kind === "merge" ? times * (s.place.wide ? 4 : 1) : 0;
          value(s.value, times);
          break;
        case "store":
          total.accesses += times * (isWide(s.value) ? 2 : 1);
          value(s.value, times);
          break;
        case "loop":
        case "share":
        case "every":
          walk(s.body, times * turns(s));
          break;
        case "when":
          walk(s.body, times);
          break;
        case "barrier":
          total.barriers += times;
          break;
        default:
      }
    }
  };
  walk(program, 1);
  return total;
}

function turnsOf({ from, to, step }: Extract<Stmt, { kind: "loop" }>, tokens: number): number {
  const each = typeof step === "number" ? step : 1;
  return Math.max(0, Math.ceil((sizeOf(to, tokens) - sizeOf(from, tokens)) / each));
}

/** An index as a number: the first token is 0, and what is not known until the run is the end of its tokens. */
function sizeOf(i: Index, tokens: number): number {
  if (typeof i === "number") return i;
  const all = (xs: readonly Index[]): number[] => xs.map((x) => sizeOf(x, tokens));
  switch (i.kind) {
    case "name":
      return i.name === "run.first" ? 0 : tokens;
    case "sum":
      return all(i.terms).reduce((a, b) => a + b, 0);
    case "product":
      return all(i.factors).reduce((a, b) => a * b, 1);
    case "least":
      return Math.min(...all(i.of));
    case "difference":
      return Math.max(0, sizeOf(i.from, tokens) - sizeOf(i.less, tokens));
    case "quotient":
      return sizeOf(i.of, tokens) / sizeOf(i.by, tokens);
    case "remainder":
      return sizeOf(i.by, tokens);
    case "load":
      return tokens;
  }
}
