/** Names in generated code: made by us from the names of the spec, never the user's text itself. */

const GREEK: Readonly<Record<string, string>> = {
  α: "alpha", β: "beta", γ: "gamma", δ: "delta", ε: "epsilon", ζ: "zeta", η: "eta", θ: "theta", κ: "kappa",
  λ: "lambda", μ: "mu", ν: "nu", ξ: "xi", π: "pi", ρ: "rho", σ: "sigma", τ: "tau", φ: "phi", χ: "chi",
  ψ: "psi", ω: "omega",
}; // biome-ignore format: a table

/** A supply of distinct identifiers. A suffix says what the thing is, and keeps clear of reserved words. */
export function identifiers(): (name: string, suffix: string) => string {
  const used = new Set<string>();
  return (name, suffix) => {
    const plain = [...name.replaceAll("'", "_next").replaceAll("@", "_at_")]
      .map((c) => GREEK[c] ?? c)
      .join("")
      .replaceAll(/[^A-Za-z0-9_]+/g, "_")
      .replaceAll(/_+/g, "_")
      .replace(/^[_0-9]+/, "");
    const base = suffix === "" ? plain || "x" : `${plain || "x"}_${suffix}`;
    let candidate = suffix === "" ? `${base}0` : base;
    for (let n = 1; used.has(candidate); n++) candidate = `${base}${n}`;
    used.add(candidate);
    return candidate;
  };
}
