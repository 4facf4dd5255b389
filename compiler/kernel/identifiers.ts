/** Names in generated code: made by us from the names of the spec, never the user's text itself. */

const GREEK: Readonly<Record<string, string>> = {
  α: "alpha", β: "beta", γ: "gamma", δ: "delta", ε: "epsilon", ζ: "zeta", η: "eta", θ: "theta", κ: "kappa",
  λ: "lambda", μ: "mu", ν: "nu", ξ: "xi", π: "pi", ρ: "rho", σ: "sigma", τ: "tau", φ: "phi", χ: "chi",
  ψ: "psi", ω: "omega",
}; // biome-ignore format: a table

/**
 * A supply of distinct identifiers. A suffix says what the thing is, and keeps clear of reserved words; the names of its
 * `parts` are the identifier, an underscore and theirs.
 */
export function identifiers(): (name: string, suffix: string, parts?: readonly string[]) => string {
  const used = new Set<string>();
  return (name, suffix, parts = []) => {
    const plain = [...name.replaceAll("'", "_next").replaceAll("@", "_at_")]
      .map((c) => GREEK[c] ?? c)
      .join("")
      .replaceAll(/[^A-Za-z0-9_]+/g, "_")
      .replaceAll(/_+/g, "_")
      .replace(/^[_0-9]+/, "");
    const base = suffix === "" ? plain || "x" : `${plain || "x"}_${suffix}`;
    let candidate = suffix === "" ? `${base}0` : base;
    const all = (): string[] => [candidate, ...parts.map((p) => `${candidate}_${p}`)];
    for (let n = 1; all().some((x) => used.has(x)); n++) candidate = `${base}${n}`;
    for (const x of all()) used.add(x);
    return candidate;
  };
}
