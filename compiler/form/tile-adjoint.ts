/**
 * The adjoint of a tile: from those of its outputs and of the states where it ends, those of its inputs, of the
 * layer's parameters and of the states where it starts. Over a sequence, tiles are taken backwards.
 */
import { axesFor } from "../math/axis.ts";
import { type Expr, leaf, type Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { adjointOf } from "./adjoint.ts";
import type { Step } from "./steps.ts";
import type { TileForm } from "./tile-form.ts";
import { type WholeTile, wholeTile } from "./whole-tile.ts";

export interface TileAdjoint {
  readonly tile: WholeTile;
  /** Of the output, and of the states where the tile ends, by name: these are given. */
  readonly given: { readonly output: Tensor; readonly ends: ReadonlyMap<string, Tensor> };
  /** After the steps of the tile, whose tensors these read. */
  readonly steps: readonly Step[];
  /** By name; absent where nothing depends on it. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly starts: ReadonlyMap<string, Tensor>;
}

/** What the adjoint of a tensor is called. */
const barName = (t: Tensor): string => `d ${t.name}`;

export function tileAdjoint(form: TileForm): TileAdjoint {
  const tile = wholeTile(form);
  const seeds = new Map<Tensor, Expr>();
  const seed = (t: Tensor): Tensor => {
    const given: Tensor = { name: `${barName(t)} given`, shape: t.shape, domain: REAL };
    seeds.set(t, leaf(given, axesFor(t.shape)));
    return given;
  };
  const output = seed(tile.output);
  const ends = new Map([...tile.ends].map(([name, t]) => [name, seed(t)]));
  const wanted = [...tile.inputs.values(), ...tile.parameters.values(), ...tile.starts.values()];
  const { steps, of } = adjointOf(tile.steps, seeds, wanted, barName);
  const found = (some: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
    new Map(
      [...some].flatMap(([name, t]) => {
        const bar = of.get(t);
        return bar ? [[name, bar] as const] : [];
      }),
    );
  return {
    tile,
    given: { output, ends },
    steps,
    inputs: found(tile.inputs),
    parameters: found(tile.parameters),
    starts: found(tile.starts),
  };
}
