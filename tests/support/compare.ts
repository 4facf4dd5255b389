/** RMS(got − want) / RMS(want); the plain RMS of the error where the reference is all zeros. */
export function errorRatio(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let error = 0;
  let size = 0;
  for (let i = 0; i < want.length; i++) {
    error += ((got[i] as number) - (want[i] as number)) ** 2;
    size += (want[i] as number) ** 2;
  }
  if (Number.isNaN(error)) return Number.POSITIVE_INFINITY;
  if (size === 0) return Math.sqrt(error / Math.max(1, want.length));
  return Math.sqrt(error / size);
}
