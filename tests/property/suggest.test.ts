import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closest } from "../../compiler/source/suggest.ts";

describe("closest", () => {
  it.each([
    ["gates", ["gate", "param"], "gate"],
    ["retenton", ["memory", "retention"], "retention"],
    ["aplha", ["beta", "alpha"], "alpha"],
    ["w1", ["W", "W1", "W2"], "W1"],
    ["k", ["K", "v"], "K"],
    ["Alpha", ["ALPHA", "alpha"], "alpha"],
  ])("takes %s of %j for %s", (name, candidates, meant) => {
    expect(closest(name, candidates)).toBe(meant);
  });

  it.each([
    ["q", ["k", "v"]],
    ["zeros", ["learned", "ones"]],
    ["x", []],
    ["same", ["same"]],
  ])("finds nothing for %s in %j", (name, candidates) => {
    expect(closest(name, candidates)).toBeUndefined();
  });

  it("finds a name of some length after any one slip", () => {
    const slip = fc.record({ at: fc.nat(), kind: fc.constantFrom("insert", "delete", "replace", "swap") });
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{3,20}$/), slip, (name, { at, kind }) => {
        const i = at % (name.length - 1);
        const [a, b] = [name[i] ?? "", name[i + 1] ?? ""];
        const middle = { insert: `${a}Q${b}`, delete: b, replace: `Q${b}`, swap: b + a }[kind];
        const written = name.slice(0, i) + middle + name.slice(i + 2);
        fc.pre(written !== name);
        expect(closest(written, ["something else", name])).toBe(name);
      }),
    );
  });

  it("answers with a candidate or nothing, whatever the names are", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (name, candidates) => {
        const found = closest(name, candidates);
        expect(found === undefined || (candidates.includes(found) && found !== name)).toBe(true);
      }),
    );
  });
});
