/** A register that is given its value as soon as it is declared starts with it. */
import type { Place, Stmt } from "./block.ts";

export function tidy(body: readonly Stmt[]): Stmt[] {
  const out: Stmt[] = [];
  for (const s of body) {
    // Between the two nothing but positions is computed.
    const last = out.findLastIndex((o) => o.kind !== "index");
    const declared = out[last];
    const isFirst =
      s.kind === "assign" && declared?.kind === "variable" && registerOf(s.place) === declared.name;
    if (isFirst) out.splice(last, 1, ...out.splice(last + 1), { ...declared, value: s.value });
    else out.push("body" in s ? { ...s, body: tidy(s.body) } : s);
  }
  return out;
}

/** The name of a register that a place is all of. */
function registerOf(p: Place): string | undefined {
  if (p.kind === "local") return p.name;
  return p.index.length === 0 ? p.array : undefined;
}
