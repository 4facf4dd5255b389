/**
 * `npm run bench`: one run on one adapter. Each form of the compiler, a naive kernel and other libraries do the same
 * work in turn; the best matrix product of the same run says what the adapter gives.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { findDevice, noAdapterHelp } from "../runtime/node/adapter.ts";
import { chart } from "./chart.ts";
import { compileTimes } from "./compiling.ts";
import type { Contender } from "./contender.ts";
import { decode, decoders } from "./decoding.ts";
import { called, forms, resident } from "./forms.ts";
import { load, machine } from "./machine.ts";
import { naive } from "./naive.ts";
import { jax } from "./peers/jax.ts";
import { onnxruntime } from "./peers/onnxruntime.ts";
import { tfjs } from "./peers/tfjs.ts";
import { productRates } from "./product.ts";
import { type Pace, race } from "./race.ts";
import { json, markdown } from "./report.ts";
import type { Race, Results } from "./results.ts";
import { distanceFromRule, taskFor } from "./task.ts";
import { workloads } from "./workloads/index.ts";

interface Amount {
  readonly pace: Pace;
  readonly longest: number;
  readonly productRuns: number;
  readonly compiles: number;
  readonly decoded: number;
}

const FULL: Amount = {
  pace: { rounds: 9, seconds: 20, longestRun: 10 },
  longest: Number.POSITIVE_INFINITY,
  productRuns: 40,
  compiles: 5,
  decoded: 128,
};
const QUICK: Amount = {
  pace: { rounds: 3, seconds: 5, longestRun: 3 },
  longest: 1024,
  productRuns: 10,
  compiles: 1,
  decoded: 32,
};
/** The plain loops and the rule add in other orders; both in f64. */
const SAME = 1e-10;

const program = new Command("npm run bench --")
  .description("Times the compiler's forms, naive kernels and other libraries on this machine's adapter.")
  .option("--quick", "a minute or two: up to T = 1024, few rounds; writes no files unless --svg is given")
  .option("--json", "print JSON instead of tables")
  .option(
    "--svg <file>",
    "where the chart goes, the tables beside it (default: in bench/results, by the adapter's name)",
  )
  .addHelpText("after", "\nOther libraries take part once they are installed: cd bench && npm ci")
  .showHelpAfterError();
const options = program.parse().opts<{ quick?: true; json?: true; svg?: string }>();

// Mesa keeps compiled shaders on disk: without this a second run would call warm what it measures as cold.
process.env.MESA_SHADER_CACHE_DISABLE = "true";
const device = await findDevice();
if (!device) {
  process.stderr.write(`The benchmark needs an adapter, and there is none.\n${noAdapterHelp()}\n`);
  process.exit(2);
}
const progress = (what: string): void => void process.stderr.write(`${what}\n`);
const amount = options.quick ? QUICK : FULL;
const faults: string[] = [];
const at = machine(device);
progress(`${at.adapter}; load ${at.load}`);

progress("matrix products");
const products = await productRates(device, amount.productRuns);

const contenders: readonly Contender[] = [
  ...forms.map((form) => resident(device, form)),
  ...forms.map((form) => called(device, form)),
  naive(device),
  onnxruntime,
  jax,
  tfjs,
];
const races: Race[] = [];
for (const workload of workloads) {
  const apart = distanceFromRule(workload);
  if (!(apart <= SAME)) throw new Error(`${workload.name}: its loops are not its rule, ${apart} apart`);
  const shorter: Race[] = [];
  for (const T of workload.lengths.filter((length) => length <= amount.longest)) {
    progress(`${workload.name}, T = ${T}`);
    const task = taskFor(workload, T);
    const expected = (contender: Contender): number | undefined => {
      for (const { T: less, rows } of [...shorter].reverse()) {
        const row = rows.find((r) => r.contender === contender);
        if (row?.kind === "timed") return (row.milliseconds * workload.flops(T, 1)) / workload.flops(less, 1);
      }
      return undefined;
    };
    const taking = contenders.filter((contender) => contender.takes(task));
    const rows = await race(task, taking, amount.pace, expected);
    for (const row of rows)
      if (row.kind === "not timed" && row.fault)
        faults.push(`${workload.name}, T = ${T}, ${row.contender.name}: ${row.why}`);
    shorter.push({ workload, T, rows, load: load() });
  }
  races.push(...shorter);
}

progress("decoding");
const decoding: Results["decoding"][number][] = [];
for (const workload of workloads) {
  const task = taskFor(workload, amount.decoded);
  const rows = [];
  for (const decoder of decoders(device).filter((d) => d.takes(task))) rows.push(await decode(task, decoder));
  for (const row of rows)
    if (row.kind === "not timed" && row.fault)
      faults.push(`decoding ${workload.name}, ${row.decoder.name}: ${row.why}`);
  decoding.push({ workload, rows });
}

progress("compile time");
const results: Results = {
  machine: at,
  products,
  races,
  decoding,
  compiling: compileTimes(device, amount.compiles),
  faults,
};

const svg = options.svg ?? (options.quick ? undefined : defaultFile(at.adapter));
if (svg !== undefined) {
  const tables = `${svg.replace(/\.svg$/, "")}.md`;
  mkdirSync(dirname(svg), { recursive: true });
  writeFileSync(svg, chart(results));
  writeFileSync(tables, markdown(results, basename(svg)));
  progress(`written: ${relative(process.cwd(), svg)} and ${relative(process.cwd(), tables)}`);
}
process.stdout.write(options.json ? json(results) : markdown(results, undefined));
process.stderr.write(faults.map((fault) => `fault: ${fault}\n`).join(""));
// The other libraries' devices would keep the process alive.
process.exit(faults.length === 0 ? 0 : 1);

function defaultFile(adapter: string): string {
  const slug = adapter
    .replace(/\(.*?\)/g, "")
    .split(",", 1)[0]
    ?.trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-");
  return fileURLToPath(new URL(`./results/${slug}.svg`, import.meta.url));
}
