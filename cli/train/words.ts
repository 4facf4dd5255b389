/** Numbers of a run as people read them. */

/** `1.234`, `0.0123`, `1.2e-5` */
export function figure(x: number): string {
  if (!Number.isFinite(x)) return String(x);
  const size = Math.abs(x);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? x.toExponential(2) : String(Number(x.toPrecision(4)));
}

/** `45.6 %` */
export const share = (x: number): string => (Number.isFinite(x) ? `${(100 * x).toFixed(1)} %` : "–");

/** `950`, `12.3k`, `1.28M` */
export function rate(x: number): string {
  if (!Number.isFinite(x)) return "–";
  const [size, unit] = x >= 1e6 ? [1e6, "M"] : x >= 1e3 ? [1e3, "k"] : [1, ""];
  return `${Number((x / size).toPrecision(3))}${unit}`;
}

/** `12 s`, `4 min 10 s`, `3 h 5 min` */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
