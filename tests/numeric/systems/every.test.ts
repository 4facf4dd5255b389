/** What holds of every reference. */
import { describe, expect, it } from "vitest";
import { norm, subtract } from "../reference/algebra.ts";
import {
  Random,
  type Reference,
  type Result,
  randomCase,
  references,
  type Sizes,
  type Tensor,
  type Tensors,
  titleOf,
} from "../reference/index.ts";
import { at, distance, expectClose, expectSame, get, run, slice, tensor } from "./tensors.ts";

function sizesFor(reference: Reference, T: number): Sizes {
  return { B: 2, T, H: 3, dk: 4, dv: reference.requires?.square ? 4 : 3, n: 3 };
}

/** The states, as the shapes say they are. */
function expectShapes(reference: Reference, sizes: Sizes, result: Result): void {
  expect(result.y.shape).toEqual([sizes.B, sizes.T, sizes.H, sizes.dv]);
  const shapes = reference.states(sizes);
  expect(Object.keys(result.states).sort()).toEqual(Object.keys(shapes).sort());
  for (const [name, shape] of Object.entries(shapes)) expect(get(result.states, name).shape).toEqual(shape);
}

it("there are 27 systems in 24 files, each title once", () => {
  expect(new Set(references.map(({ name }) => name)).size).toBe(24);
  expect(new Set(references.map(titleOf)).size).toBe(27);
  expect(references.length).toBe(27);
});

describe.each(references.map((reference) => [titleOf(reference), reference] as const))(
  "%s",
  (name, reference) => {
    it("gives finite numbers of the right shapes, also at the edges and for large values", () => {
      for (const edge of [false, true]) {
        for (const values of [1, 1e4]) {
          const sizes = sizesFor(reference, 40);
          const made = randomCase(reference, sizes, 20, { edge, states: true, values });
          const result = run(reference, made);
          expectShapes(reference, sizes, result);
          for (const { data } of [result.y, ...Object.values(result.states)]) {
            expect(data.every(Number.isFinite)).toBe(true);
          }
        }
      }
    });

    it("with no tokens gives no output and the states that came in", () => {
      const sizes = sizesFor(reference, 0);
      const made = randomCase(reference, sizes, 21, { edge: false, states: true });
      const result = run(reference, made);
      expectShapes(reference, sizes, result);
      for (const [state, { data }] of Object.entries(result.states))
        expect(data).toEqual(get(made.states, state).data);
    });

    it("starts at zero what is not given, and refuses to start without what is learned", () => {
      const sizes = sizesFor(reference, 5);
      const made = randomCase(reference, sizes, 22, { edge: false });
      const states: Record<string, Tensor> = {};
      for (const [state, shape] of Object.entries(reference.states(sizes))) {
        const count = shape.reduce((product, extent) => product * extent, 1);
        states[state] = made.states[state] ?? { shape, data: new Float64Array(count) };
      }
      expectSame(run(reference, { ...made, states }), run(reference, made), 0);
      for (const state of reference.learned) {
        const rest = Object.fromEntries(Object.entries(made.states).filter(([other]) => other !== state));
        expect(() => run(reference, { ...made, states: rest })).toThrow();
      }
    });

    it("changes nothing that it is given", () => {
      const made = randomCase(reference, sizesFor(reference, 5), 23, { edge: false, states: true });
      const copy = structuredClone(made);
      run(reference, made);
      expect(made).toEqual(copy);
    });

    it("treats each batch entry alone, and takes states without the batch dimension", () => {
      const sizes = sizesFor(reference, 5);
      const one = { ...sizes, B: 1 };
      const made = randomCase(reference, one, 24, { edge: false, states: true });
      const twice = (tensors: Tensors): Tensors =>
        Object.fromEntries(
          Object.entries(tensors).map(([key, { shape, data }]) => [
            key,
            tensor([2, ...shape.slice(1)], [...data, ...data]),
          ]),
        );
      const unbatched = Object.fromEntries(
        Object.entries(made.states).map(([key, { shape, data }]) => [key, tensor(shape.slice(1), [...data])]),
      );
      const single = run(reference, made);
      const double = run(reference, { ...made, sizes, inputs: twice(made.inputs), states: unbatched });
      expectSame(
        double,
        {
          y: get(twice({ y: single.y }), "y"),
          states: twice(single.states),
        },
        0,
      );
    });

    it("does not look ahead", () => {
      const sizes = sizesFor(reference, 21);
      const made = randomCase(reference, sizes, 25, { edge: false, states: true });
      const other = randomCase(reference, sizes, 26, { edge: false, states: true });
      const whole = run(reference, made).y;
      for (const t of [1, 7, 16, 18]) {
        const inputs: Record<string, Tensor> = {};
        for (const [input, { shape, data }] of Object.entries(made.inputs)) {
          const step = data.length / 2 / 21;
          const strange = get(other.inputs, input).data;
          inputs[input] = {
            shape,
            data: data.map((x, i) => (Math.floor(i / step) % 21 < t ? x : at(strange, i))),
          };
        }
        const changed = run(reference, { ...made, inputs }).y;
        expectClose(get(slice({ y: changed }, 0, t), "y"), get(slice({ y: whole }, 0, t), "y"), 0);
        expect(distance(changed.data, whole.data)).toBeGreaterThan(1e-3);
      }
    });

    // Attention has no state to carry.
    it.skipIf(
      name.endsWith("attention") && Object.keys(reference.states(sizesFor(reference, 1))).length === 0,
    )("read in two parts, with the state carried over, is the same", () => {
      const sizes = sizesFor(reference, 37);
      for (const edge of [false, true]) {
        const made = randomCase(reference, sizes, 27, { edge, states: true });
        const whole = run(reference, made);
        const cuts = reference.chunk === undefined ? [0, 1, 20, 37] : [0, 16, 32];
        for (const cut of cuts) {
          const first = run(reference, {
            ...made,
            sizes: { ...sizes, T: cut },
            inputs: slice(made.inputs, 0, cut),
          });
          const second = run(reference, {
            ...made,
            sizes: { ...sizes, T: 37 - cut },
            inputs: slice(made.inputs, cut, 37),
            states: first.states,
          });
          expectClose(first.y, get(slice({ y: whole.y }, 0, cut), "y"), 0);
          expectClose(second.y, get(slice({ y: whole.y }, cut, 37), "y"), 0);
          for (const state of Object.keys(whole.states)) {
            expectClose(get(second.states, state), get(whole.states, state), 0);
          }
        }
      }
    });

    it("answers a small change of its inputs with a small change, in its steady ranges", () => {
      const sizes = { B: 1, T: 200, H: 1, dk: 8, dv: 8, n: 2 };
      const made = randomCase(reference, sizes, 28, { edge: false, states: true, steady: true });
      const nudge = new Random(29);
      const nudged = (tensors: Tensors): Tensors =>
        Object.fromEntries(
          Object.entries(tensors).map(([key, { shape, data }]) => [
            key,
            { shape, data: data.map((x) => x * (1 + 1e-9 * nudge.between(-1, 1))) },
          ]),
        );
      const moved = run(reference, { ...made, inputs: nudged(made.inputs) });
      const whole = run(reference, made);
      expect(norm(subtract(moved.y.data, whole.y.data)) / norm(whole.y.data)).toBeLessThan(1e-7);
      for (const [gate, [low, high]] of Object.entries(reference.steady ?? {})) {
        const [lowest, highest] = reference.ranges[gate] ?? [0, 0];
        expect(low).toBeGreaterThanOrEqual(lowest);
        expect(high).toBeLessThanOrEqual(highest);
      }
    });

    it("makes its random cases from the seed alone, inside the ranges", () => {
      const sizes = sizesFor(reference, 6);
      const options = { edge: true, states: true };
      expect(randomCase(reference, sizes, 1, options)).toEqual(randomCase(reference, sizes, 1, options));
      expect(randomCase(reference, sizes, 1, options)).not.toEqual(randomCase(reference, sizes, 2, options));
      const { inputs, params } = randomCase(reference, sizes, 1, options);
      for (const [gate, [low, high]] of Object.entries(reference.ranges)) {
        const { data } = get({ ...inputs, ...params }, gate);
        expect(data.every((x) => x >= low && x <= high)).toBe(true);
      }
    });
  },
);
