/** What each way to run a model is estimated to take: the model of costs by which `apply` chooses. */
import { DEFAULT_FACTS, targetFor } from "../../compiler/kernel/target.ts";
import { type Model, type Schedule, schedules } from "../../compiler/pipeline.ts";

/** What is shown does not depend on the machine: a software adapter on two cores, and a graphics processor. */
const ADAPTERS = [
  { title: "an adapter in software, of subgroups of 8 on two cores", subgroupSize: 8 },
  { title: "a graphics processor, of subgroups of 32", subgroupSize: 32 },
] as const;
const SIZE = 64;
const EXTENTS = { B: 1, H: 4 } as const;
const LENGTHS = [256, 1024, 16_384] as const;

export function costText({ rule }: Model): string {
  const tables = ADAPTERS.map(({ title, subgroupSize }) => {
    const target = targetFor({ ...DEFAULT_FACTS, subgroupSize });
    const at = (T: number): Schedule[] =>
      schedules(rule, { dk: SIZE, dv: SIZE, tokens: T }, target, { ...EXTENTS, T });
    const all = LENGTHS.map((T) => new Map(at(T).map((s) => [s.name, s])));
    const [first] = all as [Map<string, Schedule>];
    const rows = [...first.keys()].map((name) => {
      const kernels = first.get(name)?.code;
      const count = kernels && "kernels" in kernels ? kernels.kernels.length : 1;
      return [name, String(count), ...all.map((of) => time(of.get(name)?.nanoseconds.run))];
    });
    const head = ["", "kernels", ...LENGTHS.map((T) => `T = ${T}`)];
    return `on ${title}\n${columns([head, ...rows])}`;
  });
  const about = `estimates for B = ${EXTENTS.B}, H = ${EXTENTS.H}, dk = dv = ${SIZE}: the work of each kernel's program, weighed; \`miras apply --tune\` measures`;
  return `${[about, ...tables].join("\n\n")}\n`;
}

const time = (ns = Number.NaN): string =>
  ns < 1e6
    ? `${(ns / 1e3).toPrecision(2)} µs`
    : ns < 1e9
      ? `${(ns / 1e6).toPrecision(3)} ms`
      : `${(ns / 1e9).toPrecision(3)} s`;

/** Rows with their columns side by side: the first to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[]): string {
  const width = (i: number): number => Math.max(...rows.map((r) => (r[i] ?? "").length));
  return rows
    .map((r) =>
      `  ${r.map((x, i) => (i === 0 ? x.padEnd(width(i)) : x.padStart(width(i)))).join("  ")}`.trimEnd(),
    )
    .join("\n");
}
