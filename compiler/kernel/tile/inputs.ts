/** Copies of a tile's inputs, token after token, as all parts read them; 0 where there is no token. */
import type { TileForm } from "../../form/tile-form.ts";
import type { Tensor } from "../../math/expr.ts";
import { type Index, masked, named, plus, type Stmt, times, type Value, when } from "../block.ts";
import { baseOf, FOUR, type Home, type InBuffer } from "./layout.ts";
import type { Scope } from "./scope.ts";

type Spec = TileForm["rule"]["spec"];
type Places = ReadonlyMap<Tensor, { readonly buffer: string; readonly start: Index }>;

export function loads(
  scope: Scope,
  spec: Spec,
  inputs: ReadonlyMap<Tensor, Tensor>,
  places: Places,
  homes: ReadonlyMap<Tensor, Home>,
): Stmt[] {
  const { steps, fours } = scope.sizes;
  return [...inputs].flatMap(([t, tile]): Stmt[] => {
    const home = homes.get(tile) as InBuffer;
    const elements = scope.sizes.count(t.shape);
    const place = places.get(t);
    const one = (element: Index, token: Index): Value => {
      // An input that is given nowhere is the number of the step.
      if (!place)
        return { kind: "float", index: { kind: "remainder", of: plus(named("m"), token), by: steps } };
      const index = plus(place.start, times(turnOf(scope, spec, t, token), elements), element);
      return masked(
        { kind: "load", buffer: place.buffer, index },
        [{ index: token, bound: named("count") }],
        "0.0",
      );
    };
    const put = (element: Index, n: Index): Stmt => ({
      kind: "store",
      buffer: home.buffer,
      index: plus(baseOf(home), times(element, fours), n),
      value: { kind: "four", of: [0, 1, 2, 3].map((i) => one(element, plus(times(n, FOUR), i))) },
    });
    if (t.shape.length === 0) return scope.overLanes(fours, (n, within) => when(within, [put(0, n)]));
    return scope.overLanes(elements, (element, within) =>
      when(
        within,
        scope.rolled(fours, (n) => [put(element, n)], "t"),
      ),
    );
  });
}

/** Which record of all inputs `[B, T, (steps,) H, …]` is that of the turn `m + token`. */
function turnOf({ sizes: { steps } }: Scope, spec: Spec, t: Tensor, token: Index): Index {
  const isByStep = spec.inputs.find((i) => i.tensor === t)?.each === "step";
  const turn = plus(named("m"), token);
  const at: Index =
    isByStep || steps === 1
      ? plus(times(named("b"), named("run.tokens"), steps), turn)
      : plus(times(named("b"), named("run.tokens")), { kind: "quotient", of: turn, by: steps });
  return plus(times(at, named("heads")), named("h"));
}
