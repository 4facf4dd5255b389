/**
 * Every expression has a place, such as a gradient by the shape of y, and no free axes but the canonical ones of it. An
 * axis that stays apart (that of a gate [dk] where a state is [dv] and dv = dk) makes no error: it is summed over.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { textOfVariant } from "../../cli/fuzz/variant-text.ts";
import { variants } from "../../cli/fuzz/variants.ts";
import { misplaced } from "../support/places.ts";
import { compileText, specFile, specNames, variantFile, variantNames } from "../support/specs.ts";

const NUMBER_OF_VARIANTS = 100;
/** Of one random spec in so many, the adjoint of its tile too. */
const EACH_DERIVED = 5;

const files = [...specNames.map(specFile), ...variantNames.map(variantFile)];
const models = files.flatMap(({ path, text }) => compileText(text, path).models);

test.each(models.map((m) => [m.spec.name, m] as const))("%s", (_, model) => {
  expect(misplaced(model, true)).toEqual([]);
});

test("random specs", () => {
  const texts = fc.sample(variants, { seed: 7, numRuns: NUMBER_OF_VARIANTS }).map(textOfVariant);
  let found = 0;
  for (const [i, text] of texts.entries()) {
    const { models } = compileText(text);
    for (const model of models) expect(misplaced(model, i % EACH_DERIVED === 0), text).toEqual([]);
    found += models.length;
  }
  expect(found).toBeGreaterThan(NUMBER_OF_VARIANTS / 2);
});
