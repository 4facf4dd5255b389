/** Prints a block program as WGSL. It decides nothing. */
import {
  type Below,
  type Block,
  type Index,
  isWide,
  PLANES,
  type Place,
  type Planar,
  READ,
  RUN_FIELDS,
  SET,
  type Stmt,
  type Value,
} from "../../kernel/block.ts";
import type { Reduction } from "../../math/node.ts";

export function printWgsl(block: Block): string {
  const lines: string[] = [];
  const extensions = [
    ...(block.bindings.some((b) => b.element === "f16") ? ["f16"] : []),
    ...(block.subgroups ? ["subgroups"] : []),
  ];
  if (extensions.length > 0) lines.push(`enable ${extensions.join(", ")};`, "");
  lines.push("struct Run {");
  for (const f of RUN_FIELDS) lines.push(`  ${f}: ${f === "layer" || f === "layers" ? "f32" : "u32"},`);
  for (const f of block.bases) lines.push(`  ${f}: u32,`);
  lines.push("}", "");
  for (const [i, b] of block.bindings.entries()) {
    lines.push(`@group(0) @binding(${i}) var<storage, ${b.access}> ${b.name}: array<${b.element ?? "f32"}>;`);
  }
  lines.push(`@group(0) @binding(${block.bindings.length}) var<uniform> run: Run;`);
  for (const w of block.workgroup) lines.push(`var<workgroup> ${w.name}: array<f32, ${w.length}>;`);
  lines.push(...block.planar.flatMap(planar));
  lines.push(
    "",
    `@compute @workgroup_size(${block.lanes})`,
    "fn main(",
    "  @builtin(workgroup_id) workgroup: vec3u,",
    "  @builtin(num_workgroups) workgroups: vec3u,",
    block.subgroups
      ? "  @builtin(subgroup_invocation_id) lane: u32,"
      : "  @builtin(local_invocation_index) lane: u32,",
    ") {",
    ...block.body.flatMap((s) => stmt(s, "  ")),
    "}",
    "",
  );
  return lines.join("\n");
}

/** A planar array, and how one reads and sets a four of it. */
function planar({ name, extents, text }: Planar): string[] {
  const type = arrayOf("f32", extents);
  const letters = [..."rcn"].slice(0, extents.length);
  const parameters = letters.map((l) => `${l}: u32`).join(", ");
  const parts = PLANES.map((p) => ({ four: `four.${p}`, plane: `${name}_${p}` }));
  const own = letters.map((l) => `[${l}]`).join("");
  return [
    "",
    ...comment(`${text}, each of four in an array of its own`, ""),
    ...parts.map(({ plane }) => `var<private> ${plane}: ${type};`),
    `fn ${name}_${READ}(${parameters}) -> vec4f {`,
    `  return vec4f(${parts.map(({ plane }) => plane + own).join(", ")});`,
    "}",
    `fn ${name}_${SET}(${parameters}, four: vec4f) {`,
    ...parts.map(({ four, plane }) => `  ${plane}${own} = ${four};`),
    "}",
  ];
}

function stmt(s: Stmt, indent: string): string[] {
  const inner = (body: readonly Stmt[]): string[] => body.flatMap((x) => stmt(x, `${indent}  `));
  switch (s.kind) {
    case "comment":
      return comment(s.text, indent);
    case "let":
      return [`${indent}let ${s.name} = ${bare(s.value)};`];
    case "index":
      return [`${indent}let ${s.name} = ${index(s.value)};`];
    case "variable": {
      if (s.value) return [`${indent}var ${s.name} = ${bare(s.value)};`];
      // Always with a value: a variable inside a loop starts anew in every turn.
      const type = arrayOf(typeOf(s), s.extents);
      const [n] = s.extents;
      const zero = s.initial === undefined || s.initial === "0.0";
      const one = s.wide ? `vec4f(${zero ? "" : s.initial})` : (s.initial ?? "0.0");
      if (n === undefined) return [`${indent}var ${s.name} = ${one};`];
      const initial = zero ? "" : Array<string>(n).fill(one).join(", ");
      return [`${indent}var ${s.name} = ${type}(${initial});`];
    }
    case "assign":
      return [`${indent}${set(s.place, bare(s.value))}`];
    case "merge":
      return s.op.name === "sum" && !isPlanar(s.place)
        ? [`${indent}${place(s.place)} += ${bare(s.value)};`]
        : [`${indent}${set(s.place, s.op.wgsl(place(s.place), bare(s.value)))}`];
    case "store":
      return [`${indent}${at(s.buffer, s)} = ${s.half ? `f16(${bare(s.value)})` : bare(s.value)};`];
    case "loop": {
      const step =
        s.step === 1 || s.step === "one"
          ? `${s.name}++`
          : `${s.name} += ${s.step === "rolled" ? "run.one" : `${s.step}u`}`;
      return [
        `${indent}for (var ${s.name} = ${index(s.from)}; ${s.name} < ${index(s.to)}; ${step}) {`,
        ...inner(s.body),
        `${indent}}`,
      ];
    }
    case "share":
      return [
        `${indent}for (var ${s.name} = workgroup.x * ${s.step}u; ${s.name} < ${s.to}u; ${s.name} += workgroups.x * ${s.step}u) {`,
        ...inner(s.body),
        `${indent}}`,
      ];
    case "when":
      return [`${indent}if (${s.all.map(below).join(" && ")}) {`, ...inner(s.body), `${indent}}`];
    case "every":
      return [
        `${indent}if (${index({ kind: "remainder", of: s.index, by: s.period })} == ${s.phase}u) {`,
        ...inner(s.body),
        `${indent}}`,
      ];
    case "stop":
      return [
        `${indent}if (all(${value(s.value)} <= ${value(s.atMost)})) {`,
        `${indent}  break;`,
        `${indent}}`,
      ];
    case "leave":
      return [
        `${indent}if (lane == 0u) {`,
        `${indent}  ${s.flag}[0] = select(0.0, 1.0, ${value(s.value)} <= ${value(s.atMost)});`,
        `${indent}}`,
        `${indent}if (workgroupUniformLoad(&${s.flag}[0]) != 0.0) {`,
        `${indent}  break;`,
        `${indent}}`,
      ];
    case "barrier":
      return [`${indent}${s.memory}Barrier();`];
  }
}

function index(i: Index): string {
  if (typeof i === "number") return `${i}u`;
  if (i.kind === "name") return i.name;
  if (i.kind === "sum") return i.terms.map(index).join(" + ");
  const factor = (f: Index): string =>
    typeof f === "object" && f.kind !== "name" && f.kind !== "product" ? `(${index(f)})` : index(f);
  if (i.kind === "product") return i.factors.map(factor).join(" * ");
  if (i.kind === "difference") return `${index(i.from)} - ${factor(i.less)}`;
  if (i.kind === "load") return `${i.buffer}[${index(i.index)}]`;
  if (i.kind === "least") return `min(${i.of.map(index).join(", ")})`;
  return `${factor(i.of)} ${i.kind === "quotient" ? "/" : "%"} ${factor(i.by)}`;
}

const below = (b: Below): string => `${index(b.index)} < ${index(b.bound)}`;

const fourBelow = (b: Below): string => `${four(b.index)} < vec4u(${index(b.bound)})`;

const typeOf = ({ wide }: { readonly wide?: true }): "f32" | "vec4f" => (wide ? "vec4f" : "f32");

/** Where a buffer is read or written. */
const at = (buffer: string, l: { readonly index: Index; readonly component?: Index }): string =>
  `${buffer}[${index(l.index)}]${l.component === undefined ? "" : `[${index(l.component)}]`}`;

/** Four indices from the one that is given on. */
const four = (first: Index): string => `(${index(first)} + vec4u(0u, 1u, 2u, 3u))`;

type InPlanes = Extract<Place, { kind: "element" }> & { readonly planar: true };

const isPlanar = (p: Place | Value): p is InPlanes => p.kind === "element" && p.planar === true;

function place(p: Place): string {
  if (p.kind === "local") return p.name;
  return isPlanar(p) ? `${p.array}_${READ}(${p.index.map(index).join(", ")})` : element(p.array, p.index);
}

const set = (p: Place, value: string): string =>
  isPlanar(p)
    ? `${p.array}_${SET}(${[...p.index.map(index), value].join(", ")});`
    : `${place(p)} = ${value};`;

const element = (array: string, at: readonly Index[]): string =>
  array + at.map((i) => `[${index(i)}]`).join("");

const arrayOf = (one: string, extents: readonly number[]): string =>
  extents.reduceRight((t, n) => `array<${t}, ${n}>`, one);

const comment = (text: string, indent: string): string[] => [
  `${indent}// ${text.replaceAll(/[\r\n\u2028\u2029\u0085\v\f]/g, " ")}`,
];

/** A value with nothing beside it. */
const bare = (v: Value): string => (v.kind === "apply" && v.op.name === "add" ? sum(v.args) : term(v));

/** A value beside a plus or a minus. */
const term = (v: Value): string => (v.kind === "apply" && v.op.name === "mul" ? product(v) : value(v));

function value(v: Value): string {
  switch (v.kind) {
    case "constant":
      return number(v.value);
    case "local":
    case "element":
      return place(v);
    case "load":
      return v.half ? `f32(${at(v.buffer, v)})` : at(v.buffer, v);
    case "four":
      return `vec4f(${v.of.map(bare).join(", ")})`;
    case "component":
      return component(v.of, PLANES[v.at]);
    case "total":
      return total(value(v.of), v.op);
    case "apply": {
      if (v.op.name === "add") return `(${sum(v.args)})`;
      if (v.op.name === "mul") return `(${product(v)})`;
      const wide = isWide(v);
      const [only] = v.args;
      const ofResult = only?.kind === "apply" ? v.op.wgslOf?.[only.op.name] : undefined;
      if (only?.kind === "apply" && ofResult) return ofResult(only.args.map(value));
      const args = v.args.map((a, i) => (wide && mustBeWide(v, i) ? `vec4f(${value(a)})` : value(a)));
      return v.op.wgsl(args, wide ? "vec4f" : "f32");
    }
    case "shuffle":
      return `subgroupShuffle(${bare(v.value)}, ${index(v.lane)})`;
    case "reduce-lanes":
      return `${v.op.subgroup}(${bare(v.value)})`;
    case "masked":
      return `select(${isWide(v) ? `vec4f(${v.otherwise})` : v.otherwise}, ${bare(v.value)}, ${v.where.map(v.wide ? fourBelow : below).join(v.wide ? " & " : " && ")})`;
    case "float":
      return v.wide ? `vec4f(${four(v.index)})` : `f32(${index(v.index)})`;
    case "row": {
      const x = value(v.value);
      return `select(${v.count}u, u32(${x}), f32(u32(${x})) == ${x})`;
    }
    case "same":
      return v.wide
        ? `select(vec4f(), vec4f(1.0), ${four(v.left)} == vec4u(${index(v.right)}))`
        : `select(0.0, 1.0, ${index(v.left)} == ${index(v.right)})`;
  }
}

const component = (of: Value, plane: string): string =>
  isPlanar(of) ? element(`${of.array}_${plane}`, of.index) : `${value(of)}.${plane}`;

/** The sum of four, or what another reduction makes of them. */
function total(of: string, op?: Reduction): string {
  if (!op || op.name === "sum") return `dot(${of}, vec4f(1.0))`;
  return op.wgsl(op.wgsl(`${of}.x`, `${of}.y`), op.wgsl(`${of}.z`, `${of}.w`));
}

/** Whether a single number must be made four beside fours: not a condition, and no exponent that says which product it is. */
function mustBeWide({ op, args }: Extract<Value, { kind: "apply" }>, i: number): boolean {
  const a = args[i] as Value;
  if (isWide(a) || (a.kind === "apply" && a.op.gives !== "real")) return false;
  return !(
    op.name === "pow" &&
    i === 1 &&
    a.kind === "constant" &&
    (Number.isInteger(a.value) || Math.abs(a.value) === 0.5)
  );
}

/** A product, divided by what stands below: rounded once, where a reciprocal would be rounded before. */
function product(v: Extract<Value, { kind: "apply" }>): string {
  const { negative, of } = magnitude(v);
  if (negative) return `-${term(of)}`;
  const below = v.args.map(reciprocal);
  const above = v.args.filter((_, i) => below[i] === undefined);
  const divisors = below.filter((b) => b !== undefined).map(value);
  const times = (factors: readonly string[]): string => factors.join(" * ");
  if (divisors.length === 0 || above.length === 0) return times(v.args.map(value));
  return `${times(above.map(value))} / ${divisors.length === 1 ? divisors[0] : `(${times(divisors)})`}`;
}

/** x of 1 / x; n of a number that is 1 / n, but for powers of two, which are exact. */
function reciprocal(v: Value): Value | undefined {
  if (v.kind === "constant") {
    const n = Math.round(1 / v.value);
    const isOne = n > 2 && Math.abs(n * v.value - 1) < 1e-12 && !Number.isInteger(Math.log2(n));
    return isOne ? { kind: "constant", value: n } : undefined;
  }
  if (v.kind !== "apply" || v.op.name !== "pow") return undefined;
  const [base, exponent] = v.args;
  return exponent?.kind === "constant" && exponent.value === -1 ? base : undefined;
}

/** A sum with its negative terms subtracted, as a person would write it. */
function sum(terms: readonly Value[]): string {
  const signed = terms.map(magnitude);
  const ordered = [...signed.filter((t) => !t.negative), ...signed.filter((t) => t.negative)];
  return ordered
    .map((t, i) => `${t.negative ? (i === 0 ? "-" : " - ") : i === 0 ? "" : " + "}${term(t.of)}`)
    .join("");
}

function magnitude(v: Value): { negative: boolean; of: Value } {
  if (v.kind === "constant" && v.value < 0) return { negative: true, of: { ...v, value: -v.value } };
  if (v.kind !== "apply" || v.op.name !== "mul") return { negative: false, of: v };
  const [first, ...others] = v.args;
  if (first?.kind !== "constant" || first.value >= 0) return { negative: false, of: v };
  const args = first.value === -1 ? others : [{ ...first, value: -first.value }, ...others];
  const [only] = args;
  return { negative: true, of: args.length === 1 && only ? only : { ...v, args } };
}

const LARGEST_F32 = 3.4028234663852886e38;

/** A number that is an f32 literal: WGSL refuses constants that overflow. */
function number(x: number): string {
  const clamped = Math.max(-LARGEST_F32, Math.min(LARGEST_F32, Number.isNaN(x) ? 0 : x));
  const text = String(Math.fround(clamped) === clamped ? clamped : Number(clamped.toPrecision(9)));
  const literal = /[.e]/.test(text) ? text : `${text}.0`;
  return x < 0 ? `(${literal})` : literal;
}
