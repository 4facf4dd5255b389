/** Whether something is convex, told by numbers: the gradient of a convex function is monotone. */
import { axesFor, elements, type Sizes } from "../../math/axis.ts";
import { evaluator } from "../../math/evaluate.ts";
import { type Expr, type Tensor, tensorsOf } from "../../math/expr.ts";
import { sample, uniform } from "../sample.ts";

const TRIES = 64;
const TOLERANCE = 1e-9;

/** Whether (∇R(a) − ∇R(b)) · (a − b) ≥ 0 for random a and b, ∇R(w) being `slope`. */
export function isConvex(slope: Expr, w: Tensor): boolean {
  const sizes: Sizes = { dk: 3, dv: 4, tokens: 5 };
  const evaluate = evaluator([{ expr: slope, axes: axesFor(w.shape) }], sizes);
  const random = uniform(7);
  const draw = (t: Tensor): Float64Array =>
    Float64Array.from({ length: elements(t.shape, sizes) }, () => sample(t.domain, random));
  for (let n = 0; n < TRIES; n++) {
    const environment = new Map<Tensor, Float64Array>();
    for (const t of tensorsOf(slope)) environment.set(t, draw(t));
    const a = draw(w);
    const b = draw(w);
    const at = (x: Float64Array): Float64Array => {
      environment.set(w, x);
      return (evaluate(environment)[0] as Float64Array).slice();
    };
    const [ga, gb] = [at(a), at(b)];
    const rise = a.reduce(
      (sum, x, i) => sum + ((ga[i] as number) - (gb[i] as number)) * (x - (b[i] as number)),
      0,
    );
    const size = a.reduce(
      (sum, x, i) => sum + Math.abs(((ga[i] as number) - (gb[i] as number)) * (x - (b[i] as number))),
      0,
    );
    if (rise < -TOLERANCE * Math.max(1, size)) return false;
  }
  return true;
}
