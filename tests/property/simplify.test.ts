/** The algebra of expressions on random ones: values kept, fixed points reached, nothing captured. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { gradient } from "../../compiler/derive/gradient.ts";
import { normalForm } from "../../compiler/derive/normal-form.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import { renameAxes, substitute, sumOver } from "../../compiler/math/algebra.ts";
import { type Axis, freshAxis } from "../../compiler/math/axis.ts";
import { domainOf } from "../../compiler/math/domain.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { type Expr, leaf, type Tensor, tensorsOf } from "../../compiler/math/expr.ts";
import { includes } from "../../compiler/math/interval.ts";
import {
  AXES,
  build,
  difference,
  environment,
  type Program,
  programs,
  SIZES,
} from "../support/expressions.ts";

const RUNS = Number(process.env.MIRAS_FUZZ_RUNS ?? 1500);
vi.setConfig({ testTimeout: 20_000 + RUNS * 20 });
const BOUND = 1e-9;

const evaluate = (e: Expr, axes: readonly Axis[], program: Program): Float64Array =>
  evaluator([{ expr: e, axes }], SIZES)(environment(program))[0] as Float64Array;

/** Checks a property of the expression that a random program makes. */
function check(
  holds: (program: Program, e: Expr, axes: readonly Axis[], value: Float64Array) => void,
  length = 40,
): void {
  fc.assert(
    fc.property(programs(length), (program) => {
      const made = build(program);
      if (made) holds(program, made.expr, made.table.axes, made.table.data);
    }),
    { numRuns: RUNS },
  );
}

describe("random expressions", () => {
  test("the constructors keep the value, and bound it", () => {
    check((program, e, axes, value) => {
      expect(e.axes.every((a) => axes.includes(a))).toBe(true);
      expect(difference(evaluate(e, axes, program), value)).toBeLessThan(BOUND);
      const { low, high } = domainOf(e);
      for (const v of value) {
        const slack = BOUND * Math.max(1, Math.abs(v));
        expect(v).toBeGreaterThanOrEqual(low - slack);
        expect(v).toBeLessThanOrEqual(high + slack);
      }
    });
  });

  test("simplify keeps the value", () => {
    check((program, e, axes, value) => {
      expect(difference(evaluate(simplify(e), axes, program), value)).toBeLessThan(BOUND);
    });
  });

  test("simplify is idempotent", () => {
    check((_, e) => {
      const simple = simplify(e);
      expect(simplify(simple) === simple).toBe(true);
    });
  });

  test("normalForm keeps the value", () => {
    check((program, e, axes, value) => {
      expect(difference(evaluate(normalForm(e), axes, program), value)).toBeLessThan(BOUND);
    });
  });

  test("normalForm is idempotent", () => {
    check((_, e) => {
      const normal = normalForm(e);
      expect(normalForm(normal) === normal).toBe(true);
    });
  });

  test("expressions that differ in the names of bound axes are one object", () => {
    check((program, e, axes) => {
      const names = new Map(AXES.map((a) => [a, freshAxis(a.dim)]));
      const other = build(program, (a) => names.get(a) as Axis);
      const back = renameAxes(other?.expr as Expr, new Map(axes.map((a) => [names.get(a) as Axis, a])));
      expect(back === e).toBe(true);
    });
  });

  test("renaming axes captures nothing", () => {
    check((program, e, axes, value) => {
      // To axes that the expression has bound somewhere, and back by a detour.
      const [m0, m1, n0, n1] = AXES as [Axis, Axis, Axis, Axis];
      const turn = new Map([
        [m0, m1],
        [m1, m0],
        [n0, n1],
        [n1, n0],
      ]);
      const turned = renameAxes(e, turn);
      const order = axes.map((a) => turn.get(a) as Axis);
      expect(difference(evaluate(turned, order, program), value)).toBeLessThan(BOUND);
      expect(renameAxes(turned, turn) === e).toBe(true);
    });
  });

  test("substitution captures nothing", () => {
    // x[i] := Σ over j of x[j] + x[i], by an expression and by data.
    fc.assert(
      fc.property(programs(), programs(), (program, filler) => {
        const made = build(program);
        const inside = build({ ...filler, data: program.data });
        if (!made || !inside) return;
        for (const t of tensorsOf(made.expr)) {
          const own = t.shape.map(
            (d, i) => AXES.filter((a) => a.dim === d)[t.shape.indexOf(d) === i ? 0 : 1] as Axis,
          );
          const surplus = inside.table.axes.filter((a) => !own.includes(a));
          const body = sumOver(inside.expr, surplus);
          const filled = new Map(environment(program));
          filled.set(t, evaluate(body, own, program));
          const axes = made.table.axes;
          const want = evaluator([{ expr: made.expr, axes }], SIZES)(filled)[0] as Float64Array;
          const isSteady = [-1, 1].every((sign) => {
            const nudge = (v: number): number => v * (1 + sign * 1e-11) + sign * 1e-13;
            const nudged = new Map([...filled].map(([other, data]) => [other, data.map(nudge)]));
            return (
              difference(evaluator([{ expr: made.expr, axes }], SIZES)(nudged)[0] as Float64Array, want) <
              1e-9
            );
          });
          // Put in where the program did not foresee it, a value can make the rest chaotic.
          if (!isSteady || !includes(t.domain, domainOf(body))) continue;
          const put = substitute(made.expr, (other, index) =>
            other === t ? renameAxes(body, new Map(own.map((a, i) => [a, index[i] as Axis]))) : undefined,
          );
          const got = evaluate(put, axes, program);
          expect(difference(got, want)).toBeLessThan(1e-7);
        }
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  });

  test("gradients are those of finite differences", () => {
    check((program, e, axes) => {
      const scalar = sumOver(e, axes);
      const tensors = [...tensorsOf(scalar)];
      const gradients = gradient(scalar, tensors);
      const run = evaluator([{ expr: scalar, axes: [] }], SIZES);
      const at = (t: Tensor, i: number, by: number): number => {
        const moved = new Map(environment(program));
        const data = (moved.get(t) as Float64Array).slice();
        data[i] = (data[i] as number) + by;
        moved.set(t, data);
        return run(moved)[0]?.[0] as number;
      };
      for (const t of tensors) {
        const canonical = leaf(
          t,
          t.shape.map((d, i) => AXES.filter((a) => a.dim === d)[t.shape.indexOf(d) === i ? 0 : 1] as Axis),
        );
        const got = evaluate(gradients.get(t) as Expr, canonical.index, program);
        for (const [i, value] of got.entries()) {
          const [two, one] = [1e-3, 5e-4].map((h) => (at(t, i, h) - at(t, i, -h)) / (2 * h)) as [
            number,
            number,
          ];
          const right = (4 * at(t, i, 5e-4) - at(t, i, 1e-3) - 3 * at(t, i, 0)) / 1e-3;
          const scale = Math.max(1, Math.abs(one), Math.abs(at(t, i, 0)));
          // Richardson: what both steps agree on. At a pole they do not, and at a kink one side has another slope.
          const wanted = (4 * one - two) / 3;
          if (!(Math.abs(one - two) < 1e-4 * scale) || !(Math.abs(right - wanted) < 1e-5 * scale)) continue;
          expect(
            Math.abs(value - wanted) / scale,
            `∂/∂${t.name}[${i}]: ${value}, not ${wanted}`,
          ).toBeLessThan(1e-5);
        }
      }
    }, 20);
  });
});
