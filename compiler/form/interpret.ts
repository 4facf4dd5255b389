/** The f64 interpreter of tile forms: tile by tile, phase by phase, token by token. */
import { boundsOf, type Extents, type Result, type Run, slice } from "../derive/interpret.ts";
import { axesFor, elements, type Sizes } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import type { Tensor } from "../math/expr.ts";
import type { Quantity, TileForm } from "./tile-form.ts";

/**
 * Runs a form with tiles of `tile` tokens, or of fewer where chunks are shorter; the result does not depend on it. A tile is
 * of one sequence, packed or not.
 */
export function interpretTiles(
  form: TileForm,
  { B, T, H, sizes: given }: Extents,
  run: Run,
  tile: number,
): Result {
  const { rule } = form;
  const { spec } = rule;
  const { steps } = spec;
  const longest = Math.max(1, Math.min(tile, T * steps, (spec.chunk ?? Infinity) * steps));
  const sizes: Sizes = { tokens: T, ...given, tile: longest };
  const compute = (q: Quantity) => ({
    ...q,
    value: evaluator([{ expr: q.value, axes: axesFor(q.tensor.shape) }], sizes),
  });
  const constants = form.constants.map(compute);
  const phases = form.phases.map((p) => p.quantities.map(compute));
  const output = evaluator([{ expr: form.output, axes: axesFor(spec.outputShape) }], sizes);
  const ends = evaluator(
    rule.states.map((s) => ({ expr: form.ends.get(s) as never, axes: axesFor(s.shape) })),
    sizes,
  );
  const width = elements(spec.outputShape, sizes);
  const y = new Float64Array(B * T * H * width);
  const bounds = boundsOf(run, { B, T });
  const records = (bounds.length - 1) * H;
  const final = new Map(
    rule.states.map((s) => [s.name, new Float64Array(records * elements(s.shape, sizes))]),
  );
  const layer = run.layer ?? { index: 0, count: 1 };

  for (const [b, end] of bounds.slice(1).entries()) {
    const start = bounds[b] as number;
    const turns = (end - start) * steps;
    for (let h = 0; h < H; h++) {
      const fixed = new Map<Tensor, Float64Array>();
      const numbers: Record<string, number> = { head: h, heads: H, layer: layer.index, layers: layer.count };
      for (const t of spec.numbers) fixed.set(t, Float64Array.of(numbers[t.name] ?? 0));
      for (const { tensor } of spec.parameters)
        fixed.set(tensor, slice(run.parameters, tensor.name, h, elements(tensor.shape, sizes)));
      let held = rule.states.map((s): Float64Array => {
        const n = elements(s.shape, sizes);
        return run.states.has(s.name) ? slice(run.states, s.name, b * H + h, n).slice() : new Float64Array(n);
      });
      /** The inputs of one turn. */
      const inputs = (turn: number): [Tensor, Float64Array][] => [
        ...spec.inputs.map(({ tensor, each }): [Tensor, Float64Array] => {
          const at = each === "step" ? start * steps + turn : start + Math.floor(turn / steps);
          const place = at * H + h;
          return [tensor, slice(run.tokens, tensor.name, place, elements(tensor.shape, sizes))];
        }),
        ...spec.numbers
          .filter((t) => t.name === "step")
          .map((t): [Tensor, Float64Array] => [t, Float64Array.of(turn % steps)]),
      ];

      for (let first = 0; first < turns; ) {
        const period = (spec.chunk ?? Infinity) * steps;
        const toChunk = spec.chunk === undefined ? longest : period - (first % period);
        const count = Math.min(longest, turns - first, toChunk);
        const common = fixed;
        for (const [i, s] of rule.states.entries()) {
          common.set(form.starts.get(s) as Tensor, held[i] as Float64Array);
          if (s.start && first % period === 0) common.set(s.start, (held[i] as Float64Array).slice());
        }
        for (const c of constants) common.set(c.tensor, c.value(common)[0] as Float64Array);
        for (const [t, stack] of form.stacks)
          common.set(stack, new Float64Array(longest * elements(t.shape, sizes)));
        const tokens = Array.from({ length: count }, (_, n) => {
          const environment = new Map<Tensor, Float64Array>(inputs(first + n));
          environment.set(form.now, Float64Array.of(n));
          return environment;
        });
        const put = (n: number, t: Tensor, value: Float64Array): void => {
          tokens[n]?.set(t, value);
          const stack = form.stacks.get(t);
          if (stack) common.get(stack)?.set(value, n * value.length);
        };
        for (const [n, environment] of tokens.entries())
          for (const t of form.stacks.keys()) {
            const value = environment.get(t) ?? fixed.get(t);
            if (value) put(n, t, value);
          }
        for (const phase of phases) {
          for (const [n, environment] of tokens.entries()) {
            for (const { before, tensor } of phase) {
              if (!before) continue;
              const was = tokens[n - 1]?.get(tensor);
              const fromStart = () =>
                typeof before.start === "number"
                  ? new Float64Array(elements(tensor.shape, sizes)).fill(before.start)
                  : (common.get(before.start) as Float64Array);
              environment.set(before.tensor, was ?? fromStart());
            }
            for (const { tensor, value } of phase)
              put(n, tensor, value(new Map([...common, ...environment]))[0] as Float64Array);
          }
        }
        for (const [n, environment] of tokens.entries()) {
          const turn = first + n;
          if (turn % steps !== steps - 1) continue;
          const token = (start + Math.floor(turn / steps)) * H + h;
          y.set(output(new Map([...common, ...environment]))[0] as Float64Array, token * width);
        }
        held = ends(new Map([...common, ...(tokens.at(-1) as Map<Tensor, Float64Array>)]));
        first += count;
      }
      for (const [i, s] of rule.states.entries()) {
        const data = held[i] as Float64Array;
        final.get(s.name)?.set(data, (b * H + h) * data.length);
      }
    }
  }
  return { y, states: final };
}
