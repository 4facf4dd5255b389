/** How printed mathematics looks: one style for terminals (Unicode), one for TeX. */

/** Printed text, and how tightly it holds together. */
export interface Doc {
  readonly text: string;
  readonly tightness: Tightness;
}

export const Tightness = { comparison: 0, sum: 1, product: 2, power: 3, atom: 4 } as const;
export type Tightness = (typeof Tightness)[keyof typeof Tightness];

export interface Style {
  readonly pick: <T>(notation: { readonly unicode: T; readonly tex: T }) => T;
  readonly name: (name: string) => Doc;
  readonly number: (x: number) => Doc;
  readonly call: (name: string, args: readonly string[]) => Doc;
  readonly sum: (terms: readonly { negative: boolean; doc: Doc }[]) => Doc;
  readonly negated: (x: Doc) => Doc;
  readonly juxtaposed: (factors: readonly Doc[]) => Doc;
  readonly hadamard: (factors: readonly Doc[]) => Doc;
  readonly fraction: (above: Doc, below: Doc) => Doc;
  readonly power: (base: Doc, exponent: Doc) => Doc;
  readonly root: (x: Doc) => Doc;
  readonly norm: (x: Doc) => Doc;
  readonly transposed: (x: Doc) => Doc;
  readonly diagonal: (x: Doc) => Doc;
  readonly operand: (x: Doc) => Doc;
  readonly over: (op: string, dim: string, body: Doc) => Doc;
  readonly infix: (left: Doc, op: string, right: Doc) => Doc;
  readonly around: (brackets: readonly [string, string], x: Doc) => Doc;
  readonly cases: (condition: Doc, then: Doc, otherwise: Doc) => Doc;
}

const doc = (text: string, tightness: Tightness): Doc => ({ text, tightness });
const atom = (text: string): Doc => doc(text, Tightness.atom);

export const GREEK: Readonly<Record<string, string>> = {
  alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", zeta: "ζ", eta: "η", theta: "θ", iota: "ι",
  kappa: "κ", lambda: "λ", mu: "μ", nu: "ν", xi: "ξ", pi: "π", rho: "ρ", sigma: "σ", tau: "τ", phi: "φ",
  chi: "χ", psi: "ψ", omega: "ω",
}; // biome-ignore format: a table
const TEX_GREEK = new Map(Object.entries(GREEK).map(([name, letter]) => [letter, `\\${name}`]));

/** Up to twelve digits, so that 0.1 + 0.2 does not print as it is stored. */
const decimal = (x: number): string => String(Number(x.toPrecision(12)));

const SUPERSCRIPTS: Readonly<Record<string, string>> = {
  "0": "⁰",
  "1": "¹",
  "2": "²",
  "3": "³",
  "4": "⁴",
  "5": "⁵",
  "6": "⁶",
  "7": "⁷",
  "8": "⁸",
  "9": "⁹",
  "-": "⁻",
};

interface Marks {
  readonly open: string;
  readonly close: string;
  readonly minus: string;
  readonly space: string;
  readonly times: string;
}

/** What both styles share: where brackets go. */
function common(marks: Marks) {
  const wrap = (x: Doc, least: Tightness): Doc =>
    x.tightness >= least ? x : atom(`${marks.open}${x.text}${marks.close}`);
  return {
    wrap,
    sum: (terms: readonly { negative: boolean; doc: Doc }[]): Doc => {
      const text = terms
        .map(({ negative, doc: d }, i) => {
          const body = wrap(d, Tightness.product).text;
          if (i === 0) return negative ? `${marks.minus}${body}` : body;
          return negative ? ` ${marks.minus} ${body}` : ` + ${body}`;
        })
        .join("");
      return terms.length === 1 ? doc(text, Tightness.product) : doc(text, Tightness.sum);
    },
    negated: (x: Doc): Doc => doc(`${marks.minus}${wrap(x, Tightness.product).text}`, Tightness.sum),
    juxtaposed: (factors: readonly Doc[]): Doc => {
      const [only] = factors;
      if (factors.length === 1 && only) return only;
      return doc(factors.map((f) => wrap(f, Tightness.power).text).join(marks.space), Tightness.product);
    },
    hadamard: (factors: readonly Doc[]): Doc => {
      const [only] = factors;
      if (factors.length === 1 && only) return only;
      return doc(
        factors.map((f) => wrap(f, Tightness.power).text).join(` ${marks.times} `),
        Tightness.product,
      );
    },
    operand: (x: Doc): Doc => wrap(x, Tightness.power),
    infix: (left: Doc, op: string, right: Doc): Doc =>
      doc(`${wrap(left, Tightness.sum).text} ${op} ${wrap(right, Tightness.sum).text}`, Tightness.comparison),
    around: ([before, after]: readonly [string, string], x: Doc): Doc => atom(`${before}${x.text}${after}`),
  };
}

const plain = common({ open: "(", close: ")", minus: "−", space: " ", times: "⊙" });

/** `W@chunk` is W at the chunk's start: W₀. `grad.W` is ∇W. */
function unicodeName(name: string): string {
  if (name.endsWith("@chunk")) return `${unicodeName(name.slice(0, -6))}₀`;
  if (name.startsWith("grad.")) return `∇${name.slice(5)}`;
  const prime = name.endsWith("'") ? "'" : "";
  const base = prime ? name.slice(0, -1) : name;
  return `${GREEK[base] ?? base.replaceAll("*", "·")}${prime}`;
}

export const unicode: Style = {
  ...plain,
  pick: (n) => n.unicode,
  name: (name) => atom(unicodeName(name)),
  number: (x) => (x < 0 ? doc(`−${decimal(-x)}`, Tightness.sum) : atom(decimal(x))),
  call: (name, args) => atom(`${name}(${args.join(", ")})`),
  fraction: (above, below) =>
    doc(
      `${plain.wrap(above, Tightness.product).text} / ${plain.wrap(below, Tightness.power).text}`,
      Tightness.product,
    ),
  power: (base, exponent) => {
    const raised = [...exponent.text.replace("−", "-")].map((c) => SUPERSCRIPTS[c]);
    const simple = raised.every((c) => c !== undefined);
    const tail = simple ? raised.join("") : `^${plain.wrap(exponent, Tightness.atom).text}`;
    return doc(`${plain.wrap(base, Tightness.atom).text}${tail}`, Tightness.power);
  },
  root: (x) => doc(`√${plain.wrap(x, Tightness.atom).text}`, Tightness.power),
  norm: (x) => atom(`‖${x.text}‖`),
  transposed: (x) => doc(`${plain.wrap(x, Tightness.atom).text}ᵀ`, Tightness.power),
  diagonal: (x) => atom(`Diag(${x.text})`),
  over: (op, dim, body) => atom(`${op}[${dim.replaceAll("*", "·")}](${body.text})`),
  cases: (condition, then, otherwise) => atom(`{${then.text} if ${condition.text}, else ${otherwise.text}}`),
};

const tex0 = common({ open: "\\left(", close: "\\right)", minus: "-", space: "\\, ", times: "\\odot" });

function texName(name: string): string {
  if (name.endsWith("@chunk")) return `{${texName(name.slice(0, -6))}}^{(0)}`;
  if (name.startsWith("grad.")) return `\\nabla_{${texName(name.slice(5))}}`;
  const prime = name.endsWith("'") ? "'" : "";
  const base = prime ? name.slice(0, -1) : name;
  const greek = TEX_GREEK.get(GREEK[base] ?? base);
  if (greek) return `${greek}${prime}`;
  const indexed = /^(\p{L})(\d+)$/u.exec(base);
  if (indexed) return `${indexed[1]}_{${indexed[2]}}${prime}`;
  const owned = /^(\p{L}+)\.(.+)$/u.exec(base);
  if (owned) return `${texName(owned[1] as string)}_{${texName(owned[2] as string)}}${prime}`;
  return `${[...base].length === 1 ? base : `\\mathrm{${base.replaceAll("_", "\\_").replaceAll("*", "\\,")}}`}${prime}`;
}

export const tex: Style = {
  ...tex0,
  pick: (n) => n.tex,
  name: (name) => atom(texName(name)),
  number: (x) => (x < 0 ? doc(decimal(x), Tightness.sum) : atom(decimal(x))),
  call: (name, args) =>
    atom(
      `${name.startsWith("\\") ? name : `\\operatorname{${name.replaceAll("_", "\\_")}}`}\\left(${args.join(", ")}\\right)`,
    ),
  fraction: (above, below) => doc(`\\frac{${above.text}}{${below.text}}`, Tightness.power),
  power: (base, exponent) =>
    doc(`${tex0.wrap(base, Tightness.atom).text}^{${exponent.text}}`, Tightness.power),
  root: (x) => atom(`\\sqrt{${x.text}}`),
  norm: (x) => atom(`\\left\\lVert ${x.text} \\right\\rVert`),
  transposed: (x) => doc(`${tex0.wrap(x, Tightness.atom).text}^{\\top}`, Tightness.power),
  diagonal: (x) => atom(`\\operatorname{Diag}\\left(${x.text}\\right)`),
  over: (op, dim, body) =>
    doc(`${op}_{${texName(dim)}} ${tex0.wrap(body, Tightness.product).text}`, Tightness.product),
  cases: (condition, then, otherwise) =>
    atom(
      `\\begin{cases} ${then.text} & ${condition.text} \\\\ ${otherwise.text} & \\text{otherwise} \\end{cases}`,
    ),
};
