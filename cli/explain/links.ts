/** What a link does to what is accumulated, as numbers tell it. */
import { showDim } from "../../compiler/check/dimensions.ts";
import type { MemoryState, Spec } from "../../compiler/check/spec.ts";
import { linkProfile } from "../../compiler/derive/near-zero.ts";
import type { Dim } from "../../compiler/math/axis.ts";
import { domainOf } from "../../compiler/math/domain.ts";
import { showInterval } from "../../compiler/math/interval.ts";
import { inRange } from "./choices.ts";
import { show } from "./notation.ts";
import { type Fact, fact } from "./rows.ts";

export function links(state: MemoryState, spec: Spec): Fact[] {
  const profile = linkProfile(state, spec);
  if (!profile || !state.link) return [];
  const { atZero, slope, degree, largest } = profile;
  const short = (x: number): string => String(Number(x.toPrecision(2)));
  const range = domainOf(state.link);
  const over = state.penalty?.over;
  const always =
    over?.kind === "simplex"
      ? `each element is not negative, and they sum to ${show(over.total, [], spec, "unicode")} along ${showDim(state.shape[over.axis] as Dim)}`
      : range.low > -Infinity || range.high < Infinity
        ? `each element is ${inRange(showInterval(range))}`
        : undefined;
  const isLarge = largest.gain > 1.5;
  const fade =
    degree < 0
      ? `‖W‖ falls as ‖A‖^${degree}`
      : degree === 0
        ? "‖W‖ stays bounded"
        : `‖W‖ grows as ‖A‖^${degree}`;
  const start = Number.isNaN(atZero)
    ? "no value"
    : atZero === undefined
      ? "W is not zero"
      : atZero === 0
        ? "W = 0"
        : "all elements of W are equal";
  const steep = slope === undefined ? "" : `, W moves ${short(slope)} times as far as A`;
  return [
    fact(state.name, `at A = 0: ${start}${steep}`),
    ...(isLarge
      ? [
          fact(
            "",
            `largest at ‖A‖ near ${short(largest.at)}: ‖W‖ is ${short(largest.gain)} times what it is at ‖A‖ = 1; it must not start at zero`,
          ),
        ]
      : []),
    fact("", `far from zero: ${fade}`),
    ...(always ? [fact("", `always: ${always}`)] : []),
  ];
}
