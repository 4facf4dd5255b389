/** The interpreter of programs against the same networks written out in loops. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interpretProgram } from "../../compiler/network/interpret.ts";
import { lossOf } from "../../compiler/network/loss.ts";
import { type Case, caseOf, networkOf } from "../support/networks.ts";
import { compileText, specFile, specNames } from "../support/specs.ts";
import {
  conv,
  crossEntropy,
  dot,
  gelu,
  type Matrix,
  plus,
  range,
  rmsnorm,
  rotated,
  scaled,
  sigmoid,
  silu,
  softplus,
  times,
  unit,
  type Vector,
  Weights,
} from "./network-forward.ts";

/** Everything that a layer can be told, with lengths of keys and values that differ. */
const MIXED = `
memory kept {
  state W [dv, dk] = learned
  read(x [dk]) = W @ x
}

model Mixed {
  memory     kept
  bias       l2
  retention  decay(alpha)
  algorithm  gd(eta * speed)

  gate  alpha [dk] in (0.5, 1) rank 3 start 0.9
  gate  eta        in (0, 1)
  gate  speed      in [1, 3) = 1 + 2 * sigmoid(project |> tanh)
  param u [dv]     > 1 start 2
  const c = 1 / (1 + head + layer)
  input q, k = project |> conv(3) |> silu |> unit
  input v    = conv(2) |> project
  output     = norm(read(q) * c + u * v) * silu(project) + tanh(project)
}

network Net {
  vocabulary 11
  width      6
  heads      2
  dk         3
  dv         5
  layers     2
  block      Mixed, swiglu(hidden: 7)
  embeddings EMBEDDINGS
}`;

/** What head `h` has at token `t`. */
const row = (of: readonly Matrix[], h: number, t: number): Vector => of[h]?.[t] as Vector;

interface Extents {
  readonly V: number;
  readonly width: number;
  readonly H: number;
  readonly dk: number;
  readonly dv: number;
}

/** The memory of the text above on the rows `xs [T, width]`: what goes back to the width. */
function mixed(w: Weights, name: string, xs: Matrix, layer: number, { width, H, dk, dv }: Extents): Matrix {
  const at = (item: string): string => `${name}.${item}`;
  const T = xs.length;
  const out = xs.map(() => range(H).map((): Vector => []));
  const down = w.matrix(at("alpha.project.down"), 3, width);
  const up = w.stack(at("alpha.project.up"), H, dk, 3);
  const alphaBias = w.matrix(at("alpha.bias"), H, dk);
  const scalar = (item: string) => {
    const [m, b] = [w.matrix(at(`${item}.project`), H, width), w.vector(at(`${item}.bias`), H)];
    return (t: number, h: number): number => dot(m[h] as Vector, xs[t] as Vector) + (b[h] as number);
  };
  const [eta, speed] = [scalar("eta"), scalar("speed")];
  const u = w.matrix(at("u"), H, dv).map((row) => row.map((x) => 1 + softplus(x)));
  const projected = (item: string, n: number, of = xs) => {
    const m = w.stack(at(item), H, n, width);
    return m.map((map) => of.map((x) => times(map, x)));
  };
  const filtered = (item: string): Matrix[] => {
    const filters = w.stack(at(`${item}.conv`), H, dk, 3);
    return projected(`${item}.project`, dk).map((rows, h) =>
      conv(filters[h] as Matrix, rows).map((row) => unit(row.map(silu))),
    );
  };
  const [q, k] = [filtered("q"), filtered("k")];
  const v = projected("v.project", dv, conv(w.matrix(at("v.conv"), width, 2), xs));
  const gain = w.vector(at("output.norm"), dv);
  const [first, second] = [projected("output.project", dv), projected("output.project2", dv)];
  const starts = w.stack(at("W.start"), H, dv, dk);
  for (const h of range(H)) {
    let W = starts[h] as Matrix;
    for (const t of range(T)) {
      const low = times(down, xs[t] as Vector);
      const alpha = plus(times(up[h] as Matrix, low), alphaBias[h] as Vector).map(
        (x) => 0.5 + 0.5 * sigmoid(x),
      );
      const rate = sigmoid(eta(t, h)) * (1 + 2 * sigmoid(Math.tanh(speed(t, h))));
      const [qt, kt, vt] = [q, k, v].map((of) => row(of, h, t)) as [Vector, Vector, Vector];
      const error = times(W, kt).map((y, i) => y - (vt[i] as number));
      W = W.map((row, i) =>
        row.map((e, j) => e * (alpha[j] as number) - rate * (error[i] as number) * (kt[j] as number)),
      );
      const c = 1 / (1 + h + layer);
      const y = times(W, qt).map((e, i) => e * c + (u[h]?.[i] as number) * (vt[i] as number));
      const gated = scaled(rmsnorm(y, gain), row(first, h, t).map(silu));
      (out[t] as Matrix)[h] = plus(gated, row(second, h, t).map(Math.tanh));
    }
  }
  const back = w.matrix(at("output.back"), width, H * dv);
  return out.map((heads) => times(back, heads.flat()));
}

function mixedLogits(w: Weights, tokens: Vector, e: Extents, isTied: boolean): Matrix {
  const { V, width } = e;
  const embedding = w.matrix("embedding", V, width);
  let xs = tokens.map((t) => embedding[t] as Vector);
  const normed = (name: string): Matrix => {
    const gain = w.vector(name, width);
    return xs.map((x) => rmsnorm(x, gain));
  };
  for (const layer of range(2)) {
    const memory = `layers.${layer}.Mixed`;
    const read = mixed(w, memory, normed(`${memory}.input.norm`), layer, e);
    xs = xs.map((x, t) => plus(x, read[t] as Vector));
    const mixer = `layers.${layer}.swiglu`;
    const [up, gate, down] = [
      w.matrix(`${mixer}.up`, 7, width),
      w.matrix(`${mixer}.gate`, 7, width),
      w.matrix(`${mixer}.down`, width, 7),
    ];
    const inner = normed(`${mixer}.input.norm`).map((x) => scaled(times(gate, x).map(silu), times(up, x)));
    xs = xs.map((x, t) => plus(x, times(down, inner[t] as Vector)));
  }
  const unembedding = isTied ? embedding : w.matrix("unembedding", V, width);
  return normed("final_norm").map((x) => times(unembedding, x));
}

const ATTENDING = `
model Rotary {
  memory     pairs
  bias       l2
  retention  none
  algorithm  nonparametric(dk ^ (-1/2))
  input q, k = project |> rope(500)
  input v    = project
}

network Net {
  vocabulary 7
  width      8
  heads      2
  block      Rotary(window: 3), feedforward(expand: 1.5), feedforward(hidden: 5, act: tanh)
  norm       none
  embeddings untied
}`;

function attendingLogits(w: Weights, tokens: Vector): Matrix {
  const [V, width, H, d] = [7, 8, 2, 4];
  const embedding = w.matrix("embedding", V, width);
  let xs = tokens.map((t) => embedding[t] as Vector);
  const normed = (name: string): Matrix => {
    const gain = w.vector(name, width);
    return xs.map((x) => rmsnorm(x, gain));
  };
  const own = normed("layers.0.Rotary.input.norm");
  const [q, k, v] = ["q", "k", "v"].map((item) =>
    w
      .stack(`layers.0.Rotary.${item}.project`, H, d, width)
      .map((map) => own.map((x, t) => (item === "v" ? times(map, x) : rotated(times(map, x), t, 500)))),
  ) as [Matrix[], Matrix[], Matrix[]];
  const back = w.matrix("layers.0.Rotary.output.back", width, H * d);
  xs = xs.map((x, t) => {
    const heads = range(H).map((h) => {
      const seen = range(t + 1).filter((s) => s > t - 3);
      const weights = seen.map((s) => Math.exp(dot(row(q, h, t), row(k, h, s)) / 2));
      const total = weights.reduce((a, b) => a + b, 0);
      return range(d).map((c) =>
        seen.reduce((sum, s, i) => sum + ((weights[i] as number) / total) * (v[h]?.[s]?.[c] as number), 0),
      );
    });
    return plus(x, times(back, heads.flat()));
  });
  for (const [name, hidden, act] of [
    ["feedforward", 12, gelu],
    ["feedforward_2", 5, Math.tanh],
  ] as const) {
    const [up, down] = [
      w.matrix(`layers.0.${name}.up`, hidden, width),
      w.matrix(`layers.0.${name}.down`, width, hidden),
    ];
    const inner = normed(`layers.0.${name}.input.norm`).map((x) => times(up, x).map((e) => act(e)));
    xs = xs.map((x, t) => plus(x, times(down, inner[t] as Vector)));
  }
  const unembedding = w.matrix("unembedding", V, width);
  return xs.map((x) => times(unembedding, x));
}

/** A generator of numbers in [0, 1) with a seed of fast-check's. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

const relativeError = (is: Float64Array, wants: Vector): number => {
  const rms = (xs: readonly number[]): number => Math.sqrt(xs.reduce((s, x) => s + x * x, 0) / xs.length);
  return rms(wants.map((x, i) => x - (is[i] as number))) / rms(wants);
};

function compareWithLoops(one: Case, reference: (w: Weights, tokens: Vector) => Matrix): void {
  const { program, sizes, data } = one;
  const loss = lossOf(program);
  const wanted = [program.logits, loss.loss, loss.correct, loss.counted];
  const out = interpretProgram([...program.steps, ...loss.steps], sizes, data, wanted);
  const weights = new Weights(data);
  const [B, T] = [sizes.B as number, sizes.T as number];
  const tokens = [...(data.get("tokens") as Float64Array)];
  const logits = range(B).flatMap((b) => reference(weights, tokens.slice(b * T, (b + 1) * T)));
  expect(relativeError(out.get("logits") as Float64Array, logits.flat())).toBeLessThan(1e-12);
  const wants = crossEntropy(logits, [...(data.get("targets") as Float64Array)]);
  expect(out.get("loss")?.[0]).toBeCloseTo(wants.loss, 10);
  expect(out.get("correct")?.[0]).toBe(wants.correct);
  expect(out.get("counted")?.[0]).toBe(wants.counted);
  // What is learned is used, all of it.
  expect([...weights.used].sort()).toEqual(program.learned.map((l) => l.tensor.name).sort());
}

const seeds = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  B: fc.integer({ min: 1, max: 2 }),
  T: fc.constantFrom(1, 2, 5, 9),
});

describe("a program is the network written out in loops", () => {
  it.each(["tied", "untied"])("with all that a layer can be told, %s", (embeddings) => {
    const network = networkOf(MIXED.replace("EMBEDDINGS", embeddings));
    const extents: Extents = { V: 11, width: 6, H: 2, dk: 3, dv: 5 };
    fc.assert(
      fc.property(seeds, ({ seed, B, T }) => {
        compareWithLoops(caseOf(network, B, T, randomFrom(seed)), (w, tokens) =>
          mixedLogits(w, tokens, extents, embeddings === "tied"),
        );
      }),
      { numRuns: 12 },
    );
  });

  it("with rotated attention in a window, and maps of channels", () => {
    const network = networkOf(ATTENDING);
    fc.assert(
      fc.property(seeds, ({ seed, B, T }) => {
        compareWithLoops(caseOf(network, B, T, randomFrom(seed)), attendingLogits);
      }),
      { numRuns: 12 },
    );
  });
});

describe.each(specNames)("%s is a layer", (name) => {
  const { models } = compileText(specFile(name).text);
  const imported = models.map((m) => m.spec.name);
  const network = networkOf(`import ${imported.join(", ")} from "specs/${name}.miras"
network Net {
  vocabulary 5
  width      8
  heads      2
  block      ${imported.join(", ")}, swiglu(hidden: 3)
  embeddings tied
}`);

  it("gives finite logits, which see no later token", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.nat({ max: 5 }), (seed, at) => {
        const one = caseOf(network, 1, 6, randomFrom(seed));
        const { program, sizes, data } = one;
        const loss = lossOf(program);
        const run = (tokens: Float64Array) =>
          interpretProgram([...program.steps, ...loss.steps], sizes, new Map(data).set("tokens", tokens), [
            program.logits,
            loss.loss,
          ]);
        const tokens = data.get("tokens") as Float64Array;
        const before = run(tokens);
        expect(Number.isFinite(before.get("loss")?.[0])).toBe(true);
        const logits = before.get("logits") as Float64Array;
        expect(logits.length).toBe(6 * 5);
        const changed = tokens.map((t, i) => (i < at ? t : (t + 1) % 5));
        const after = run(changed).get("logits") as Float64Array;
        expect([...after.subarray(0, at * 5)]).toEqual([...logits.subarray(0, at * 5)]);
      }),
      { numRuns: 3 },
    );
  });
});
