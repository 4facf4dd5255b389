/** Systems with a deep memory: their links, slopes and chunks, and one as another. */
import { describe, expect, it } from "vitest";
import {
  memoraWith,
  monetaWith,
  type Reference,
  randomCase,
  referenceFor,
  references,
  type Sizes,
  type Tensor,
  titansWith,
  titleOf,
  tttLinearWith,
  tttMlpWith,
  yaadWith,
} from "../reference/index.ts";
import { memoraLink } from "../reference/memora.ts";
import { monetaLink, monetaSlope } from "../reference/moneta.ts";
import { yaadSlope } from "../reference/yaad.ts";
import { at, distance, expectClose, expectSame, get, run } from "./tensors.ts";

describe("worked by hand", () => {
  it("the links", () => {
    // ‖A‖₄⁴ = 1 + 16 + 16 + 256 − 0 = 289, so ‖A‖₄² = 17
    const A = { rows: 2, columns: 2, data: Float64Array.from([1, -2, 2, 4]) };
    expect(
      distance(
        monetaLink(A).data,
        A.data.map((x) => x / (17 + 1e-6)),
      ),
    ).toBeLessThan(1e-15);
    expect([...monetaLink({ ...A, data: new Float64Array(4) }).data]).toEqual([0, 0, 0, 0]);
    const logs = { rows: 2, columns: 2, data: Float64Array.from([0, Math.log(3), 1000 + Math.log(4), 1000]) };
    expect(distance(memoraLink(logs).data, Float64Array.from([0.25, 0.75, 0.8, 0.2]))).toBeLessThan(1e-12);
  });

  it("the slopes", () => {
    const y = Float64Array.from([1, -2, 5]);
    const target = Float64Array.from([1, 0, 2]);
    expect([...monetaSlope(y, target)]).toEqual([0, -12, 27]);
    // e = (0, −2, 3), ‖e‖ = √13: below, at and above the switch.
    const all = (delta: number) => Float64Array.of(delta, delta, delta);
    expect([...yaadSlope(y, target, all(4))]).toEqual([0, -2, 3]);
    expect([...yaadSlope(y, target, all(Math.sqrt(13)))]).toEqual([0, -2, 3]);
    expect([...yaadSlope(y, target, all(3))]).toEqual([0, -3, 3]);
    // Each channel has its own.
    expect([...yaadSlope(y, target, Float64Array.of(1, 4, 2))]).toEqual([0, -2, 2]);
  });
});

describe("equivalences", () => {
  const sizes: Sizes = { B: 2, T: 9, H: 3, dk: 4, dv: 3, n: 1 };

  it("Titans without momentum is Yaad far below its switch", () => {
    const made = randomCase(referenceFor("yaad"), { ...sizes, dv: 4, T: 35 }, 17, { edge: false });
    const eta = get(made.inputs, "eta");
    const delta = { ...eta, data: eta.data.map(() => 1e6) };
    const yaad = run(referenceFor("yaad"), { ...made, inputs: { ...made.inputs, delta } });
    const zero = { ...eta, data: eta.data.map(() => 0) };
    const titans = run(referenceFor("titans"), {
      ...made,
      inputs: { ...made.inputs, eta: zero, theta: eta },
    });
    expectClose(titans.y, yaad.y);
    expectClose(get(titans.states, "W1"), get(yaad.states, "W1"));
    expectClose(get(titans.states, "W2"), get(yaad.states, "W2"));
  });

  it.each(["moneta", "yaad", "memora"])(
    "%s with one number for all channels is that of one number",
    (name) => {
      const made = randomCase(referenceFor(name), { ...sizes, dv: 4, T: 35 }, 19, {
        edge: true,
        states: true,
      });
      const inputs = Object.fromEntries(
        Object.entries(made.inputs).map(([input, given]): [string, Tensor] => [
          input,
          given.shape.length > 3
            ? given
            : {
                shape: [...given.shape, 4],
                data: new Float64Array(given.data.length * 4).map((_, i) =>
                  at(given.data, Math.floor(i / 4)),
                ),
              },
        ]),
      );
      const byChannel = references.find((r) => r.name === name && r.model !== undefined) as Reference;
      expectSame(run(byChannel, { ...made, inputs }), run(referenceFor(name), made), 0);
    },
  );

  it("Memora reads weights that sum to one, and a constant added to a row of its accumulator changes nothing", () => {
    const reference = referenceFor("memora");
    const made = randomCase(reference, { ...sizes, dv: 4, T: 35 }, 18, { edge: true });
    const W1 = get(made.states, "W1");
    const shifted = { ...W1, data: W1.data.map((x, i) => x + Math.floor(i / 16)) };
    const moved = run(reference, { ...made, states: { ...made.states, W1: shifted } });
    expectClose(moved.y, run(reference, made).y, 1e-11);
  });
});

describe("the chunk", () => {
  const families: ((chunk: number) => Reference)[] = [
    tttLinearWith,
    tttMlpWith,
    titansWith,
    monetaWith,
    (chunk) => monetaWith(chunk, "by channel"),
    yaadWith,
    (chunk) => yaadWith(chunk, "by channel"),
    memoraWith,
    (chunk) => memoraWith(chunk, "by channel"),
  ];
  const titled = families.map((family) => [titleOf(family(16)), family] as const);

  it.each(titled)("%s is 16 unless it is set, and matters", (_, family) => {
    const { name, model } = family(16);
    const reference = referenceFor(name, model);
    const made = randomCase(reference, { B: 1, T: 20, H: 1, dk: 4, dv: 4 }, 30, { edge: false });
    const standard = run(reference, made);
    expectSame(run(family(16), made), standard, 0);
    for (const other of [1, 4, 20]) {
      expect(distance(run(family(other), made).y.data, standard.y.data)).toBeGreaterThan(1e-6);
    }
  });
});
