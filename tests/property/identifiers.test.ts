/** Names in generated code are distinct, those of the parts of planar arrays among them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { identifiers } from "../../compiler/kernel/identifiers.ts";

const PARTS = ["x", "at"];
/** Names that come close to each other's parts. */
const name = fc.constantFrom("W", "W_w", "W_w_x", "W'", "x", "W@w", "α");
const suffix = fc.constantFrom("", "w", "x", "at");
const request = fc.record({ name, suffix, isPlanar: fc.boolean() });

test("whatever is asked for, in any order", () => {
  fc.assert(
    fc.property(fc.array(request, { minLength: 2, maxLength: 12 }), (requests) => {
      const next = identifiers();
      const all = requests.flatMap(({ name, suffix, isPlanar }) => {
        const parts = isPlanar ? PARTS : [];
        const given = next(name, suffix, parts);
        return [given, ...parts.map((p) => `${given}_${p}`)];
      });
      expect(new Set(all).size, all.join(" ")).toBe(all.length);
    }),
  );
});
