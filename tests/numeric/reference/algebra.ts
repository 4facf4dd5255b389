/** The little linear algebra that the recurrences are written in. Nothing is changed in place. */

export type Vector = Float64Array;

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function vector(length: number, entry: (i: number) => number): Vector {
  const result = new Float64Array(length);
  for (let i = 0; i < length; i++) result[i] = entry(i);
  return result;
}

export function at(x: Vector, i: number): number {
  const value = x[i];
  if (value === undefined) throw new RangeError(`entry ${i} of a vector of length ${x.length}`);
  return value;
}

function sameLength(a: Vector, b: Vector): number {
  if (a.length !== b.length) throw new RangeError(`lengths ${a.length} and ${b.length}`);
  return a.length;
}

/** a · b */
export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  const length = sameLength(a, b);
  for (let i = 0; i < length; i++) sum += at(a, i) * at(b, i);
  return sum;
}

/** a + b */
export function add(a: Vector, b: Vector): Vector {
  return vector(sameLength(a, b), (i) => at(a, i) + at(b, i));
}

/** a − b */
export function subtract(a: Vector, b: Vector): Vector {
  return vector(sameLength(a, b), (i) => at(a, i) - at(b, i));
}

/** a ⊙ b */
export function multiply(a: Vector, b: Vector): Vector {
  return vector(sameLength(a, b), (i) => at(a, i) * at(b, i));
}

/** c a */
export function scale(c: number, a: Vector): Vector {
  return vector(a.length, (i) => c * at(a, i));
}

export function map(a: Vector, f: (x: number) => number): Vector {
  return vector(a.length, (i) => f(at(a, i)));
}

export function mean(a: Vector): number {
  let sum = 0;
  for (const x of a) sum += x;
  return sum / a.length;
}

/** ‖a‖ */
export function norm(a: Vector): number {
  return Math.sqrt(dot(a, a));
}

export function matrix(rows: number, columns: number, entry: (i: number, j: number) => number): Matrix {
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) data[i * columns + j] = entry(i, j);
  }
  return { rows, columns, data };
}

export function entry(M: Matrix, i: number, j: number): number {
  return at(M.data, i * M.columns + j);
}

export function row(M: Matrix, i: number): Vector {
  return M.data.subarray(i * M.columns, (i + 1) * M.columns);
}

/** M x */
export function apply(M: Matrix, x: Vector): Vector {
  return vector(M.rows, (i) => dot(row(M, i), x));
}

/** Mᵀ u */
export function applyTransposed(M: Matrix, u: Vector): Vector {
  if (u.length !== M.rows) throw new RangeError(`${M.rows} rows and a vector of length ${u.length}`);
  const result = new Float64Array(M.columns);
  for (let i = 0; i < M.rows; i++) {
    for (let j = 0; j < M.columns; j++) result[j] = at(result, j) + entry(M, i, j) * at(u, i);
  }
  return result;
}

/** u xᵀ */
export function outer(u: Vector, x: Vector): Matrix {
  return matrix(u.length, x.length, (i, j) => at(u, i) * at(x, j));
}

function sameShape(M: Matrix, N: Matrix): void {
  if (M.rows !== N.rows || M.columns !== N.columns) {
    throw new RangeError(`shapes ${M.rows} × ${M.columns} and ${N.rows} × ${N.columns}`);
  }
}

/** M + N */
export function plus(M: Matrix, N: Matrix): Matrix {
  sameShape(M, N);
  return matrix(M.rows, M.columns, (i, j) => entry(M, i, j) + entry(N, i, j));
}

/** M − N */
export function minus(M: Matrix, N: Matrix): Matrix {
  sameShape(M, N);
  return matrix(M.rows, M.columns, (i, j) => entry(M, i, j) - entry(N, i, j));
}

/** M ⊙ N */
export function hadamard(M: Matrix, N: Matrix): Matrix {
  sameShape(M, N);
  return matrix(M.rows, M.columns, (i, j) => entry(M, i, j) * entry(N, i, j));
}

/** c M */
export function times(c: number, M: Matrix): Matrix {
  return matrix(M.rows, M.columns, (i, j) => c * entry(M, i, j));
}

/** M Diag(d): column j is multiplied by d[j]. */
export function timesDiagonal(M: Matrix, d: Vector): Matrix {
  if (d.length !== M.columns) throw new RangeError(`${M.columns} columns and a diagonal of ${d.length}`);
  return matrix(M.rows, M.columns, (i, j) => entry(M, i, j) * at(d, j));
}

/** Diag(d) M: row i is multiplied by d[i]. */
export function diagonalTimes(d: Vector, M: Matrix): Matrix {
  if (d.length !== M.rows) throw new RangeError(`${M.rows} rows and a diagonal of ${d.length}`);
  return matrix(M.rows, M.columns, (i, j) => at(d, i) * entry(M, i, j));
}

/** x with P x = b, for a symmetric positive definite P, through its Cholesky factor P = L Lᵀ. */
export function solvePositive(P: Matrix, b: Vector): Vector {
  const n = P.rows;
  const L = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = entry(P, i, j);
      for (let m = 0; m < j; m++) sum -= at(L, i * n + m) * at(L, j * n + m);
      if (i > j) {
        L[i * n + j] = sum / at(L, j * n + j);
      } else {
        if (!(sum > 0)) throw new RangeError(`not positive definite: pivot ${i} is ${sum}`);
        L[i * n + i] = Math.sqrt(sum);
      }
    }
  }
  // L z = b, downwards.
  const z = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = at(b, i);
    for (let m = 0; m < i; m++) sum -= at(L, i * n + m) * at(z, m);
    z[i] = sum / at(L, i * n + i);
  }
  // Lᵀ x = z, upwards.
  const x = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let sum = at(z, i);
    for (let m = i + 1; m < n; m++) sum -= at(L, m * n + i) * at(x, m);
    x[i] = sum / at(L, i * n + i);
  }
  return x;
}
