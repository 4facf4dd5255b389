/** The interpreter of the rule against independent references, written from the published recurrences. */
import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { errorRatio } from "../support/compare.ts";
import { specModels, specNames } from "../support/specs.ts";
import {
  type Reference,
  randomCase,
  references,
  type Sizes,
  type Tensors,
  titleOf,
} from "./reference/index.ts";

const BOUND = 1e-12;

const data = (tensors: Tensors): Map<string, Float64Array> =>
  new Map(Object.entries(tensors).map(([name, t]) => [name, t.data]));

const SIZES: readonly Sizes[] = [
  { B: 1, T: 0, H: 1, dk: 3, dv: 3 },
  { B: 2, T: 1, H: 2, dk: 5, dv: 5 },
  { B: 2, T: 37, H: 3, dk: 7, dv: 4 },
  { B: 1, T: 50, H: 2, dk: 8, dv: 8 },
];

function compare(rule: Rule, reference: Reference, sizes: Sizes, edge: boolean, seed: number): void {
  const title = titleOf(reference);
  const drawn = randomCase(reference, sizes, seed, { edge, states: true, steady: sizes.T > 20 });
  const want = reference.run(sizes, drawn.inputs, drawn.params, drawn.states);
  const { B, T, H, dk, dv } = sizes;
  const extents = { B, T, H, sizes: { dk, dv } };
  const got = interpret(rule, extents, {
    tokens: data(drawn.inputs),
    parameters: data(drawn.params),
    states: data(drawn.states),
  });
  expect(errorRatio(got.y, want.y.data), `y of ${title}`).toBeLessThanOrEqual(BOUND);
  for (const [name, state] of Object.entries(want.states)) {
    const mine = got.states.get(name);
    expect(mine, `${title} has no state ${name}`).toBeDefined();
    expect(errorRatio(mine ?? [], state.data), `${name} of ${title}`).toBeLessThanOrEqual(BOUND);
  }
}

/** Every model of every spec: the first of a file is that of the file's name. */
const models = specNames.flatMap((file) =>
  specModels(file).map(({ spec, rule }, i) => {
    const model = i === 0 ? undefined : spec.name;
    const reference = references.find((r) => r.name === file && r.model === model);
    return { title: model === undefined ? file : `${file}, ${model}`, rule, reference };
  }),
);

describe.each(models)("$title", ({ rule, reference }) => {
  test("has a reference", () => expect(reference).toBeDefined());
  if (!reference) return;
  for (const given of SIZES) {
    const sizes = reference.requires?.square ? { ...given, dv: given.dk } : given;
    for (const edge of [false, true]) {
      test(`B=${sizes.B} T=${sizes.T} H=${sizes.H} dk=${sizes.dk} dv=${sizes.dv}${edge ? ", gates at their edges" : ""}`, () => {
        for (const seed of [1, 2, 3]) compare(rule, reference, sizes, edge, seed);
      });
    }
  }
});
