/** Matrices in f64 by plain loops: `[rows, columns]` in one array, the rows as many as the vector beside it needs. */
type Vector = Float64Array;

const at = (x: ArrayLike<number>, i: number): number => x[i] as number;

/** The vector of one token, from `[T, …]`. */
export const vectorOf = (tokens: Vector | undefined, t: number, d: number): Vector =>
  given(tokens).subarray(t * d, (t + 1) * d);

export const numberOf = (tokens: Vector | undefined, t: number): number => at(given(tokens), t);

export function given<T>(x: T | undefined): T {
  if (x === undefined) throw new Error("a workload reads what it does not declare");
  return x;
}

export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += at(a, i) * at(b, i);
  return sum;
}

export const map = (x: Vector, f: (x: number, i: number) => number): Vector => x.map(f);

/** W x */
export function apply(W: Vector, x: Vector): Vector {
  const n = x.length;
  const y = new Float64Array(W.length / n);
  for (let i = 0; i < y.length; i++) y[i] = dot(W.subarray(i * n, (i + 1) * n), x);
  return y;
}

/** Wᵀ x */
export function applyTransposed(W: Vector, x: Vector): Vector {
  const n = W.length / x.length;
  const y = new Float64Array(n);
  for (let i = 0; i < x.length; i++)
    for (let j = 0; j < n; j++) y[j] = at(y, j) + at(W, i * n + j) * at(x, i);
  return y;
}

/** W ← alpha W + left rightᵀ, where alpha is one number or one for each column. */
export function learn(W: Vector, alpha: number | Vector, left: Vector, right: Vector): void {
  const n = right.length;
  for (let i = 0; i < left.length; i++) {
    for (let j = 0; j < n; j++) {
      const kept = typeof alpha === "number" ? alpha : at(alpha, j);
      W[i * n + j] = kept * at(W, i * n + j) + at(left, i) * at(right, j);
    }
  }
}

/** W ← alpha W − S */
export function descend(W: Vector, alpha: number, S: Vector): void {
  for (let i = 0; i < W.length; i++) W[i] = alpha * at(W, i) - at(S, i);
}
