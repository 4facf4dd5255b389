/** Numbers that should be the same, and how far apart they are. */
import type { Spec } from "../../compiler/check/spec.ts";
import { type Extents, elements, type Result } from "../../compiler/derive/interpret.ts";
import type { Model } from "../../compiler/pipeline.ts";
import type { Violation } from "./property.ts";

/** RMS(got − want) / RMS(want); the plain RMS of the error where the reference is next to nothing. */
export function errorRatio(got: Float64Array, want: Float64Array): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  const rms = (of: (x: number, i: number) => number): number =>
    Math.sqrt(want.reduce((sum, x, i) => sum + of(x, i) ** 2, 0) / Math.max(1, want.length));
  const error = rms((x, i) => (got[i] as number) - x);
  const size = rms((x) => x);
  // What is smaller than this beside inputs of about 1 is what cancelling left of them.
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / (size > 1e-6 ? size : 1);
}

interface Compared {
  readonly what: string;
  readonly got: Float64Array;
  readonly want: Float64Array;
  readonly extents: readonly number[];
}

/** y and each state, as they are compared. */
export function tensorsOf(
  got: Result,
  want: Result,
  { spec, rule }: Pick<Model, "spec" | "rule">,
  { B, T, H, sizes }: Extents,
): Compared[] {
  return [
    { what: "y", got: got.y, want: want.y, extents: [B, T, H, ...lengths(spec.outputShape, sizes)] },
    ...rule.states.map((s) => ({
      what: s.name,
      got: got.states.get(s.name) ?? new Float64Array(),
      want: want.states.get(s.name) as Float64Array,
      extents: [B, H, ...lengths(s.shape, sizes)],
    })),
  ];
}

const lengths = (shape: Spec["outputShape"], sizes: Extents["sizes"]): number[] =>
  shape.map((d) => elements([d], sizes));

/** What is not the same number, down to the last bit. */
export function unequal({ what, got, want, extents }: Compared): Violation | undefined {
  const at = want.findIndex((x, i) => x !== got[i]);
  if (at < 0 && got.length === want.length) return undefined;
  const [left, right] = [got[at] ?? Number.NaN, want[at] ?? Number.NaN];
  return { what, where: unflatten(at, extents), left, right, error: Math.abs(left - right), bound: 0 };
}

/** Where rounding alone moves a result by so much of it, nothing is known of how much further it may. */
const NO_DIGIT = 0.1;

/** What is further apart than `bound` and more than rounding explains. */
export function apart(
  compared: readonly Compared[],
  bound: number,
  allowed: () => number,
): Violation | undefined {
  for (const { what, got, want, extents } of compared) {
    const error = errorRatio(got, want);
    if (error <= bound) continue;
    const most = Math.max(bound, allowed());
    if (error <= most || most >= NO_DIGIT) continue;
    let at = 0;
    const gap = (i: number): number => {
      const d = Math.abs((got[i] as number) - (want[i] as number));
      return Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
    };
    for (let i = 0; i < want.length; i++) if (gap(i) > gap(at)) at = i;
    const [left, right] = [got[at] as number, want[at] as number];
    return { what, where: unflatten(at, extents), left, right, error, bound: most };
  }
  return undefined;
}

export function unflatten(position: number, extents: readonly number[]): number[] {
  const index: number[] = [];
  let rest = position;
  for (const n of [...extents].reverse()) {
    index.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return index;
}
