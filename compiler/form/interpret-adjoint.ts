/** The f64 interpreter of a form's adjoint: tiles forwards, and their adjoints backwards. */
import type { Data, Extents, Run } from "../derive/interpret.ts";
import { type Dim, elements, type Sizes } from "../math/axis.ts";
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
  readonly tokens: Map<string, Float64Array>;
  readonly parameters: Map<string, Float64Array>;
  readonly states: Map<string, Float64Array>;
}

/** Tiles of `tile` turns, or of a chunk: the result does not depend on it where there is no chunk. */
export function interpretAdjoint(
  { rule }: TileForm,
  adjoint: TileAdjoint,
  { B, T, H, sizes: given }: Extents,
  run: Run,
  seeds: Seeds,
  tile: number,
): Gradients {
  const { spec } = rule;
  const { steps } = spec;
  const length = Math.max(1, Math.min(spec.chunk ?? Math.max(1, Math.floor(tile / steps)), Math.max(1, T)));
  const whole: Sizes = { tokens: T, ...given, B, H };
  const sizesOf = (tokens: number): Sizes => ({ ...whole, tile: tokens * steps, "tile.tokens": tokens });
  const runners = new Map<
    number,
    { forwards: ReturnType<typeof stepper>; both: ReturnType<typeof stepper> }
  >();
  const runnerOf = (tokens: number) => {
    let found = runners.get(tokens);
    if (!found) {
      const sizes = sizesOf(tokens);
      found = {
        forwards: stepper(adjoint.tile.steps, sizes),
        both: stepper([...adjoint.tile.steps, ...adjoint.steps], sizes),
      };
      runners.set(tokens, found);
    }
    return found;
  };
  const layer = run.layer ?? { index: 0, count: 1 };
  const each = new Map(spec.inputs.map((i) => [i.tensor.name, i.each === "step" ? steps : 1]));
  const width = (shape: readonly Dim[]): number => elements(shape, whole);
  const rest = (t: Tensor): number => width(t.shape.slice(3));

  const fixed = new Map<Tensor, Float64Array>();
  for (const [name, t] of adjoint.tile.numbers)
    fixed.set(t, Float64Array.of(name === "layer" ? layer.index : layer.count));
  for (const [name, t] of adjoint.tile.parameters) fixed.set(t, run.parameters.get(name) as Float64Array);

  const bounds: [from: number, to: number][] = [];
  for (let t = 0; t < T; t += length) bounds.push([t, Math.min(T, t + length)]);
  const inputsOf = ([from, to]: [number, number]): Map<Tensor, Float64Array> =>
    new Map(
      [...adjoint.tile.inputs].map(([name, t]) => [
        t,
        byHead(run.tokens.get(name) as Float64Array, { B, T, H }, [from, to], each.get(name) ?? 1, rest(t)),
      ]),
    );

  // Forwards: the states where each tile starts.
  let held = new Map(
    [...adjoint.tile.starts].map(([name, t]) => [
      name,
      run.states.get(name) ?? new Float64Array(width(t.shape)),
    ]),
  );
  const starts = bounds.map((bound) => {
    const before = held;
    const environment = new Map([...fixed, ...inputsOf(bound), ...named(adjoint.tile.starts, before)]);
    const made = runnerOf(bound[1] - bound[0]).forwards(environment);
    held = new Map([...adjoint.tile.ends].map(([name, t]) => [name, made.get(t) as Float64Array]));
    return before;
  });

  // Backwards.
  const tokens = new Map(
    [...adjoint.tile.inputs].map(([name, t]) => [
      name,
      new Float64Array(B * T * H * (each.get(name) ?? 1) * rest(t)),
    ]),
  );
  const parameters = new Map(
    [...adjoint.tile.parameters].map(([name, t]) => [name, new Float64Array(width(t.shape))]),
  );
  let bars = new Map(
    [...adjoint.tile.starts].map(([name, t]) => [
      name,
      seeds.states.get(name) ?? new Float64Array(width(t.shape)),
    ]),
  );
  const outputWidth = rest(adjoint.tile.output);
  for (const [i, bound] of [...bounds.entries()].reverse()) {
    const environment = new Map([
      ...fixed,
      ...inputsOf(bound),
      ...named(adjoint.tile.starts, starts[i] as Map<string, Float64Array>),
      ...named(adjoint.given.ends, bars),
      [adjoint.given.output, byHead(seeds.y, { B, T, H }, bound, 1, outputWidth)],
    ]);
    const made = runnerOf(bound[1] - bound[0]).both(environment);
    for (const [name, t] of adjoint.inputs)
      putBack(
        made.get(t) as Float64Array,
        tokens.get(name) as Float64Array,
        { B, T, H },
        bound,
        each.get(name) ?? 1,
        rest(t),
      );
    for (const [name, t] of adjoint.parameters) {
      const total = parameters.get(name) as Float64Array;
      for (const [n, x] of (made.get(t) as Float64Array).entries()) total[n] = (total[n] as number) + x;
    }
    bars = new Map(
      [...adjoint.tile.starts].map(([name, t]) => {
        const bar = adjoint.starts.get(name);
        return [name, bar ? (made.get(bar) as Float64Array) : new Float64Array(width(t.shape))];
      }),
    );
  }
  return { tokens, parameters, states: bars };
}

const named = (
  tensors: ReadonlyMap<string, Tensor>,
  data: ReadonlyMap<string, Float64Array>,
): [Tensor, Float64Array][] => [...tensors].map(([name, t]) => [t, data.get(name) as Float64Array]);

interface Grid {
  readonly B: number;
  readonly T: number;
  readonly H: number;
}

/** Visits the vectors of some tokens: where each lies in `[B, T, n, H, width]`, and in `[B, H, tokens · n, width]`. */
function visit(
  { B, T, H }: Grid,
  [from, to]: readonly [number, number],
  n: number,
  width: number,
  each: (whole: number, part: number) => void,
): void {
  const turns = (to - from) * n;
  for (let b = 0; b < B; b++)
    for (let turn = 0; turn < turns; turn++)
      for (let h = 0; h < H; h++)
        each((((b * T + from) * n + turn) * H + h) * width, ((b * H + h) * turns + turn) * width);
}

function byHead(
  data: Float64Array,
  grid: Grid,
  bound: readonly [number, number],
  n: number,
  width: number,
): Float64Array {
  const part = new Float64Array(grid.B * grid.H * (bound[1] - bound[0]) * n * width);
  visit(grid, bound, n, width, (from, to) => part.set(data.subarray(from, from + width), to));
  return part;
}

function putBack(
  part: Float64Array,
  data: Float64Array,
  grid: Grid,
  bound: readonly [number, number],
  n: number,
  width: number,
): void {
  visit(grid, bound, n, width, (to, from) => data.set(part.subarray(from, from + width), to));
}
