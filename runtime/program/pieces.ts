/** Long dispatches in pieces, so that none keeps a device busy for long: by how long they took. */

/** Workgroups along one dimension: the least that WebGPU allows for. */
const MOST_GROUPS = 65535;

/** Workgroups `from` to `to`. */
export interface Piece {
  readonly from: number;
  readonly to: number;
}

/** Workgroups that tell how long all of them take: a few of many. */
export const probeOf = (groups: number): number => Math.ceil(groups / 64);

/** Workgroups `from` to `to` in pieces of at most `longest` milliseconds, of which all together take `milliseconds`. */
export function piecesOf({ from, to }: Piece, milliseconds: number, longest: number): readonly Piece[] {
  const count = to - from;
  if (count === 0) return [];
  const allowed = milliseconds > longest ? Math.max(1, Math.floor((count * longest) / milliseconds)) : count;
  const each = Math.min(allowed, MOST_GROUPS);
  return Array.from({ length: Math.ceil(count / each) }, (_, i) => ({
    from: from + i * each,
    to: Math.min(to, from + (i + 1) * each),
  }));
}
