/** The form of a tile of tokens against the rule, token by token: the same numbers, whatever the tile. */
import { describe, expect, it } from "vitest";
import { classOf, type FormClass } from "../../cli/explain/parallel.ts";
import { interpret } from "../../compiler/derive/interpret.ts";
import { interpretTiles } from "../../compiler/form/interpret.ts";
import { isObstacle } from "../../compiler/form/planes.ts";
import { tileForm } from "../../compiler/form/tiles.ts";
import { printExpr } from "../../compiler/math/print.ts";
import { unicode } from "../../compiler/math/style.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { largest, sequenceOf, slice, split } from "../support/sequences.ts";
import { modelOf } from "../support/specs.ts";
import { sizesOf, tiled } from "../support/tiles.ts";

const BOUND = 1e-10;
const TILES = [1, 3, 8, 16, 32, 64];

interface Case {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  /** Tokens read before. */
  readonly chunksBefore: number;
  readonly edge: boolean;
}

const CASES: readonly Case[] = [
  { B: 1, T: 0, H: 2, chunksBefore: 1, edge: false },
  { B: 2, T: 1, H: 1, chunksBefore: 0, edge: true },
  { B: 2, T: 19, H: 3, chunksBefore: 1, edge: true },
  { B: 1, T: 70, H: 1, chunksBefore: 2, edge: false },
];

const told = ({ B, T, H, chunksBefore, edge }: Case): string =>
  `B=${B} T=${T} H=${H}${chunksBefore > 0 ? ", states carried in" : ""}${edge ? ", gates at their edges" : ""}`;

/** Some tokens, after which a sequence may be split. */
const turn = ({ spec }: Model): number => spec.chunk ?? 7;

describe.each(tiled)("$name", ({ model, form, ranges }) => {
  it.each(CASES.map((c) => [told(c), c] as const))("%s: every tile gives what the rule gives", (_, c) => {
    const extents = { B: c.B, T: c.T, H: c.H, sizes: sizesOf(model, 4, 3) };
    const before = c.chunksBefore * turn(model);
    const options = { before, edge: c.edge, ranges: ranges(before + c.T) };
    const drawn = sequenceOf(model, extents, 1 + c.T, options);
    const want = interpret(model.rule, drawn.extents, drawn.run);
    for (const tile of TILES) {
      const got = interpretTiles(form, drawn.extents, drawn.run, tile);
      expect(largest(got, want), `tiles of ${tile}`).toBeLessThanOrEqual(BOUND);
    }
  });

  it("goes on from the states that it left where a chunk starts", () => {
    const extents = { B: 2, T: 43, H: 1, sizes: sizesOf(model, 3, 4) };
    const drawn = sequenceOf(model, extents, 5, { ranges: ranges(extents.T) });
    const want = interpret(model.rule, drawn.extents, drawn.run);
    const [first, second] = split(drawn, 2 * turn(model));
    const { states } = interpretTiles(form, first.extents, first.run, 8);
    const got = interpretTiles(form, second.extents, { ...second.run, states }, 16);
    const y = slice(want.y, drawn.extents, first.extents.T, extents.T);
    expect(largest(got, { ...want, y })).toBeLessThanOrEqual(BOUND);
  });
});

/** The class of each model of specs/, by the operations of its rule. */
const CLASSES: Readonly<Record<FormClass, readonly string[]>> = {
  associative: [
    "DecayingFastWeights", "GLA", "HGRN2", "LightningAttention", "LinearAttention", "Mamba2", "MesaNet", "RetNet",
    "RWKV6",
  ],
  triangular: [
    "Comba", "DeltaNet", "DeltaProduct", "GatedDeltaNet", "KDA", "Longhorn", "MomentumGLA", "Omega", "RWKV7",
  ],
  substitution: ["HuberMatrix", "LpMatrix", "RobustMatrix"],
  frozen: [
    "Memora", "MemoraByChannel", "Moneta", "MonetaByChannel", "Titans", "TTTLinear", "TTTMLP", "Yaad",
    "YaadByChannel",
  ],
  streaming: ["Attention", "SlidingWindowAttention"],
  sequential: [],
}; // biome-ignore format: a table

describe("the class of a form", () => {
  it.each(tiled)("$name", ({ name, form }) => {
    expect(CLASSES[classOf(form)]).toContain(name);
  });

  it("every model of specs/ has one", () => {
    const names = new Set(tiled.map((t) => t.name));
    expect(Object.values(CLASSES).flat().sort()).toEqual([...names].sort());
  });

  const OWN = `bias logcosh(y, v) = sum(log(cosh(y - v)))
bias shifted(y, v) = sum((y - v - 1)^2) / 2
algorithm normed(eta) { step eta * grad / (1 + norm2(grad)) }
algorithm late(m, eta) {
  state S like W = zeros
  state P like W = zeros
  S' = m * S + eta * grad
  P' = S
  step P'
}
algorithm signed(eta) { step eta * sign(grad) }
`;
  const own = (choices: string): Model =>
    modelOf(`${OWN}model Own {
  ${choices}
  ${["alpha", "eta"]
    .filter((g) => choices.includes(g))
    .map((g) => `gate ${g} in (0, 1)`)
    .join("\n  ")}
}`);
  it.each([
    ["lp of 3", "memory matrix; bias lp(3); retention decay(alpha); algorithm gd(eta)", "substitution"],
    [
      "an error cut off by coordinate",
      "memory matrix; bias huber(eta); retention decay(alpha); algorithm gd(1)",
      "substitution",
    ],
    [
      "an error cut off by its norm",
      "memory matrix; bias huber_switch(eta); retention decay(alpha); algorithm gd(1)",
      "substitution",
    ],
    [
      "the worst of shifted values",
      "memory matrix; bias robust(eta); retention decay(alpha); algorithm gd(1)",
      "substitution",
    ],
    ["absolute values", "memory matrix; bias l1; retention decay(alpha); algorithm gd(eta)", "substitution"],
    [
      "a loss of one's own",
      "memory matrix; bias logcosh; retention decay(alpha); algorithm gd(eta)",
      "substitution",
    ],
    [
      "squares of one's own",
      "memory matrix; bias shifted; retention decay(alpha); algorithm gd(eta)",
      "triangular",
    ],
    [
      "a rate for each row, where every row has a system of its own",
      "memory matrix; bias l2; retention decay(outer(r, c)); algorithm gd(eta); gate r [dv] in (0, 1); gate c [dk] in (0, 1)",
      "substitution",
    ],
    [
      "a gradient whose size is bounded",
      "memory matrix; bias l2; retention decay(alpha); algorithm normed(eta)",
      "substitution",
    ],
    [
      "a penalty that is a decay",
      "memory matrix; bias l2; retention ridge(eta, alpha); algorithm gd(1)",
      "triangular",
    ],
    [
      "momentum",
      "memory matrix; bias l2; retention decay(alpha); algorithm momentum(eta, eta)",
      "triangular",
    ],
    [
      "momentum where both fade alike, along both axes",
      "memory matrix; bias l2; retention decay(outer(r, c)); algorithm momentum(outer(r, c), eta); gate r [dv] in (0, 1); gate c [dk] in (0, 1)",
      "substitution",
    ],
    [
      "momentum where both fade alike along one axis only",
      "memory matrix; bias l2; retention decay(outer(r, c)); algorithm momentum(eta * outer(r, d), eta); gate r [dv] in (0, 1); gate c [dk] in (0, 1); gate d [dk] in (0, 1)",
      "substitution",
    ],
    [
      "nothing but the momentum of the token before, which fades along both axes",
      "memory matrix; bias dot; retention decay(0); algorithm late(outer(r, c), eta); gate r [dv] in (0, 1); gate c [dk] in (0, 1)",
      "associative",
    ],
    [
      "the squares of several tokens",
      "memory matrix; bias l2; retention decay(c); algorithm gd(eta, window: 5, at: kept); gate c [dk] in (0, 1)",
      "triangular",
    ],
    [
      "a loss of one's own of several tokens, with momentum",
      "memory matrix; bias logcosh; retention decay(outer(r, c)); algorithm momentum(outer(r, c), eta, window: 3); gate r [dv] in (0, 1); gate c [dk] in (0, 1)",
      "substitution",
    ],
    [
      "several tokens, none of which is read",
      "memory matrix; bias dot; retention decay(alpha); algorithm gd(eta, window: 2)",
      "associative",
    ],
    [
      "several tokens in a deep memory in chunks",
      "memory mlp; bias l2; retention decay(alpha); algorithm momentum(eta, eta, window: 3); chunk 4",
      "frozen",
    ],
    [
      "a threshold in chunks",
      "memory matrix; bias l2; retention sparse(eta); algorithm gd(eta); chunk 4",
      "frozen",
    ],
    [
      "momentum of what is not read",
      "memory matrix; bias dot; retention decay(alpha); algorithm momentum(eta, eta)",
      "associative",
    ],
    [
      "a deep memory in chunks",
      "memory mlp; bias l2; retention decay(alpha); algorithm gd(eta); chunk 16",
      "frozen",
    ],
    [
      "a link in chunks",
      "memory matrix; bias l2; retention kl(alpha); algorithm gd(eta); chunk 16",
      "frozen",
    ],
    [
      "a sigmoid in chunks",
      "memory matrix; bias lp(3); retention logistic(alpha); algorithm gd(eta); chunk 4",
      "frozen",
    ],
  ])("of %s", (_, choices, wanted) => {
    const model = own(choices.replaceAll("; ", "\n  "));
    const form = tileForm(model.rule);
    expect(classOf(form)).toBe(wanted);
    if (isObstacle(form)) return;
    const sizes = sizesOf(model, 3, 3);
    const ranges = { eta: [0.01, 0.1], alpha: [0.01, 1] } as const;
    const drawn = sequenceOf(model, { B: 1, T: 18, H: 2, sizes }, 3, { edge: true, ranges });
    const want = interpret(model.rule, drawn.extents, drawn.run);
    for (const tile of TILES)
      expect(largest(interpretTiles(form, drawn.extents, drawn.run, tile), want)).toBeLessThanOrEqual(BOUND);
  });

  it.each([
    ["a deep memory", "memory mlp; bias l2; retention decay(alpha); algorithm gd(eta)", "right side", "W2 k"],
    [
      "a link",
      "memory matrix; bias l2; retention logistic(alpha); algorithm gd(eta)",
      "read as a whole",
      "W",
    ],
    [
      "a penalty on the state",
      "memory matrix; bias l2; retention elastic(eta, alpha, 1); algorithm gd(1)",
      "not linear",
      "max(|",
    ],
    [
      "the sign of a gradient",
      "memory matrix; bias l2; retention decay(alpha); algorithm signed(eta)",
      "does not split",
      "sign(",
    ],
    [
      "a rate for each element",
      "memory matrix; bias l2; retention decay(w); algorithm gd(eta); gate w [dv, dk] in (0, 1)",
      "mixed coefficient",
      "w",
    ],
    [
      "momentum that fades otherwise along both axes",
      "memory matrix; bias l2; retention decay(outer(r, c)); algorithm momentum(eta, eta); gate r [dv] in (0, 1); gate c [dk] in (0, 1)",
      "mixed sum",
      "r",
    ],
  ])("%s has none, and the part that is in the way is named", (_, choices, why, part) => {
    const form = tileForm(own(choices.replaceAll("; ", "\n  ")).rule);
    if (!isObstacle(form)) throw new Error(`it is ${form.class}`);
    expect(form.why).toBe(why);
    expect(printExpr(form.part, [...form.part.axes], { style: unicode })).toContain(part);
  });
});
