/** The f64 interpreter of a form's adjoint: tiles forwards, and their adjoints backwards. */
import type { Data, Extents, Run } from "../derive/interpret.ts";
import { elements, type Sizes } from "../math/axis.ts";
import type { Environment } from "../math/evaluate.ts";
import type { Tensor } from "../math/expr.ts";
import { stepper } from "./interpret-steps.ts";
import type { TileAdjoint } from "./tile-adjoint.ts";
import type { TileForm } from "./tile-form.ts";

/** The adjoints of what a run gives. */
export interface Seeds {
  /** `[B, T, H, …output shape]` */
  readonly y: Float64Array;
  /** `[B, H, …shape]` */
  readonly states: Data;
}

/** Those of what it is given, laid out like that. */
export interface Gradients {
  readonly tokens: Data;
  readonly parameters: Data;
  readonly states: Data;
}

type Bound = readonly [from: number, to: number];

/** Tiles of `tile` turns, or of a chunk; the result does not depend on it. */
export function interpretAdjoint(
  { rule }: TileForm,
  adjoint: TileAdjoint,
  { B, T, H, sizes: given }: Extents,
  run: Run,
  seeds: Seeds,
  tile: number,
): Gradients {
  const { spec } = rule;
  const { steps, chunk } = spec;
  const length = Math.max(1, Math.min(T, chunk ?? Math.floor(tile / steps)));
  const bounds: Bound[] = [];
  for (let t = 0; t < T; t += length) bounds.push([t, Math.min(T, t + length)]);
  const sizes: Sizes = { tokens: T, ...given, B, H };
  const tiles = new Map(
    bounds.map(([from, to]) => [to - from, prepared(adjoint, steps, { ...sizes, "tile.tokens": to - from })]),
  );
  const tileOf = ([from, to]: Bound): Prepared => tiles.get(to - from) as Prepared;

  const layer = run.layer ?? { index: 0, count: 1 };
  const fixed = new Map<Tensor, Float64Array>();
  for (const [name, t] of adjoint.tile.numbers)
    fixed.set(t, Float64Array.of(name === "layer" ? layer.index : layer.count));
  for (const [name, t] of adjoint.tile.parameters) fixed.set(t, run.parameters.get(name) as Float64Array);

  const part = (data: Float64Array, bound: Bound): Float64Array => ofTokens(data, { B, T }, bound);
  const inputsOf = (bound: Bound): [Tensor, Float64Array][] =>
    [...adjoint.tile.inputs].map(([name, t]) => [t, part(run.tokens.get(name) as Float64Array, bound)]);
  const zeros = (t: Tensor): Float64Array => new Float64Array(elements(t.shape, sizes));
  const orZeros = (data: Data): Map<string, Float64Array> =>
    new Map([...adjoint.tile.starts].map(([name, t]) => [name, data.get(name) ?? zeros(t)]));

  let held = orZeros(run.states);
  const starts = bounds.map((bound) => {
    const before = held;
    const made = tileOf(bound).forwards(
      new Map([...fixed, ...inputsOf(bound), ...at(adjoint.tile.starts, before)]),
    );
    held = new Map([...adjoint.tile.ends].map(([name, t]) => [name, made.get(t) as Float64Array]));
    return before;
  });

  const tokens = new Map([...run.tokens].map(([name, x]) => [name, new Float64Array(x.length)]));
  const parameters = new Map([...adjoint.tile.parameters].map(([name, t]) => [name, zeros(t)]));
  let bars = orZeros(seeds.states);
  for (const [i, bound] of [...bounds.entries()].reverse()) {
    const made = tileOf(bound).both(
      new Map([
        ...fixed,
        ...inputsOf(bound),
        ...at(adjoint.tile.starts, starts[i] as Data),
        ...at(adjoint.given.ends, bars),
        [adjoint.given.output, part(seeds.y, bound)],
      ]),
    );
    for (const [name, t] of adjoint.inputs)
      putTokens(made.get(t) as Float64Array, tokens.get(name) as Float64Array, { B, T }, bound);
    for (const [name, t] of adjoint.parameters) {
      const total = parameters.get(name) as Float64Array;
      for (const [n, x] of (made.get(t) as Float64Array).entries()) total[n] = (total[n] as number) + x;
    }
    bars = orZeros(new Map([...adjoint.starts].map(([name, t]) => [name, made.get(t) as Float64Array])));
  }
  return { tokens, parameters, states: bars };
}

type Runner = (given: Environment) => Map<Tensor, Float64Array>;
interface Prepared {
  readonly forwards: Runner;
  /** And then backwards. */
  readonly both: Runner;
}

function prepared({ tile, steps }: TileAdjoint, turns: number, given: Sizes): Prepared {
  const sizes = { ...given, tile: (given["tile.tokens"] as number) * turns };
  return { forwards: stepper(tile.steps, sizes), both: stepper([...tile.steps, ...steps], sizes) };
}

const at = (tensors: ReadonlyMap<string, Tensor>, data: Data): [Tensor, Float64Array][] =>
  [...tensors].map(([name, t]) => [t, data.get(name) as Float64Array]);

interface Grid {
  readonly B: number;
  readonly T: number;
}

/** Tokens `from` to `to` of `[B, T, …]`. */
function ofTokens(data: Float64Array, { B, T }: Grid, [from, to]: Bound): Float64Array {
  const each = data.length / (B * T);
  const out = new Float64Array(B * (to - from) * each);
  for (let b = 0; b < B; b++)
    out.set(data.subarray((b * T + from) * each, (b * T + to) * each), b * (to - from) * each);
  return out;
}

function putTokens(part: Float64Array, data: Float64Array, { B, T }: Grid, [from, to]: Bound): void {
  const each = data.length / (B * T);
  const count = (to - from) * each;
  for (let b = 0; b < B; b++) data.set(part.subarray(b * count, (b + 1) * count), (b * T + from) * each);
}
