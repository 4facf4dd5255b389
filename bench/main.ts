/**
 * `npm run bench`: one run on one adapter. Each form of the compiler, a naive kernel and other libraries do the same
 * work in turn; the best matrix product of the same run says what the adapter gives.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { findDevice, noAdapterHelp } from "../runtime/node/adapter.ts";
import { chart } from "./chart.ts";
import { coldKernels } from "./cold.ts";
import { compileTimes } from "./compiling.ts";
import type { Contender } from "./contender.ts";
import { decode, decoders } from "./decoding.ts";
import { type DriftRow, drift } from "./drift.ts";
import { called, forms, resident } from "./forms.ts";
import { load, machine } from "./machine.ts";
import { naive } from "./naive.ts";
import { jax } from "./peers/jax.ts";
import { jaxTraining } from "./peers/jax-training.ts";
import { onnxruntime } from "./peers/onnxruntime.ts";
import { tfjs } from "./peers/tfjs.ts";
import { tfjsTraining } from "./peers/tfjs-training.ts";
import { driftPlot, timePlot } from "./plots.ts";
import { productRates } from "./product.ts";
import { type Pace, race } from "./race.ts";
import { json, markdown } from "./report.ts";
import type { Race, Results } from "./results.ts";
import { distanceFromRule, specNames, taskFor } from "./task.ts";
import { ours } from "./training/ours.ts";
import { profile, type StepProfile } from "./training/profile.ts";
import { type TrainingRace, trainingRace } from "./training/race.ts";
import { type NetworkSpec, networks, trainingTask } from "./training/task.ts";
import { workloads } from "./workloads/index.ts";
import type { Workload } from "./workloads/workload.ts";

const SECTIONS = ["times", "drift", "decoding", "compiling", "training"] as const;
type Section = (typeof SECTIONS)[number];

interface Amount {
  readonly pace: Pace;
  readonly longest: number;
  readonly productRuns: number;
  /** Lengths over which errors may gather, and the most seconds that one run or its reference may take. */
  readonly drift: { readonly lengths: readonly number[]; readonly limit: number };
  readonly compiles: number;
  readonly decoded: number;
  /** Sequences of so many tokens, and how the steps that learn from them are timed. */
  readonly training: { readonly B: number; readonly T: number; readonly pace: Pace };
}

const FULL: Amount = {
  pace: { rounds: 15, seconds: 20, longestRun: 10 },
  longest: Number.POSITIVE_INFINITY,
  productRuns: 40,
  drift: { lengths: [1024, 8192, 32768, 131072], limit: 60 },
  compiles: 5,
  decoded: 128,
  training: { B: 16, T: 64, pace: { rounds: 15, seconds: 25, longestRun: 10 } },
};
const QUICK: Amount = {
  pace: { rounds: 3, seconds: 5, longestRun: 3 },
  longest: 1024,
  productRuns: 10,
  drift: { lengths: [1024, 4096], limit: 3 },
  compiles: 1,
  decoded: 32,
  training: { B: 2, T: 64, pace: { rounds: 5, seconds: 5, longestRun: 5 } },
};
/** The plain loops and the rule add in other orders; both in f64. */
const SAME = 1e-10;

const program = new Command("npm run bench --")
  .description("Times the compiler's forms, naive kernels and other libraries on this machine's adapter.")
  .option("--quick", "a few minutes: short lengths, few rounds; writes no files unless --svg is given")
  .option("--json", "print JSON instead of tables")
  .option(
    "--svg <file>",
    "where the chart goes, the tables beside it (default: in bench/results, by the adapter's name)",
  )
  .addOption(
    new Option(
      "--only <sections...>",
      "some sections; then no files are written unless --svg is given",
    ).choices(SECTIONS),
  )
  .addOption(
    new Option("--workloads <names...>", "some workloads, in the same way; networks, too").choices([
      ...workloads.map(({ name }) => name),
      ...networks.map(({ name }) => name),
    ]),
  )
  .addHelpText("after", "\nOther libraries take part once they are installed: cd bench && npm ci")
  .showHelpAfterError();
const options = program.parse().opts<{
  quick?: true;
  json?: true;
  svg?: string;
  only?: Section[];
  workloads?: string[];
}>();
const isWanted = (section: Section): boolean => options.only?.includes(section) ?? true;
const chosen = workloads.filter(({ name }) => options.workloads?.includes(name) ?? true);
const trained: readonly NetworkSpec[] = isWanted("training")
  ? networks.filter(({ name }) => options.workloads?.includes(name) ?? true)
  : [];
const workloadsFor = (section: Section): readonly Workload[] => (isWanted(section) ? chosen : []);

// Mesa keeps compiled shaders on disk: without this a second run would call warm what it measures as cold.
// Training alone says nothing of cold times, and its many kernels would compile for minutes each time.
if (isWanted("times") || isWanted("drift") || isWanted("decoding") || isWanted("compiling"))
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

for (const workload of chosen) {
  const apart = distanceFromRule(workload);
  if (!(apart <= SAME)) throw new Error(`${workload.name}: its loops are not its rule, ${apart} apart`);
}

if (isWanted("times")) progress("matrix products");
const products = isWanted("times") ? await productRates(device, amount.productRuns) : [];

const contenders: readonly Contender[] = [
  ...forms.map((form) => resident(device, form)),
  ...forms.map((form) => called(device, form)),
  naive(device),
  onnxruntime,
  jax(device),
  tfjs(device),
];
const races: Race[] = [];
for (const workload of workloadsFor("times")) {
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

const drifts: DriftRow[] = [];
for (const workload of workloadsFor("drift")) {
  progress(`${workload.name}: errors over the length`);
  const rows = await drift(device, workload, amount.drift.lengths, amount.drift.limit);
  for (const { regime, T, errors } of rows)
    for (const error of errors)
      if (error.kind === "not measured" && error.fault)
        faults.push(`${workload.name}, ${regime.name}, T = ${T}, ${error.form.name}: ${error.why}`);
  drifts.push(...rows);
}

if (isWanted("decoding")) progress("decoding");
const decoding: Results["decoding"][number][] = [];
for (const workload of workloadsFor("decoding")) {
  const task = taskFor(workload, amount.decoded);
  const rows = [];
  for (const decoder of decoders(device).filter((d) => d.takes(task))) rows.push(await decode(task, decoder));
  for (const row of rows)
    if (row.kind === "not timed" && row.fault)
      faults.push(`decoding ${workload.name}, ${row.decoder.name}: ${row.why}`);
  decoding.push({ workload, rows });
}

const training: TrainingRace[] = [];
const profiles: StepProfile[] = [];
const trainers = [ours(device), jaxTraining(device), tfjsTraining(device)];
for (const spec of trained) {
  const { B, T, pace } = amount.training;
  progress(`${spec.name}, a step of training`);
  const task = trainingTask(spec, B, T);
  const race = await trainingRace(device, task, trainers, pace, progress);
  for (const row of race.rows)
    if (row.kind === "not timed" && row.fault)
      faults.push(`training ${spec.name}, ${row.trainer.name}: ${row.why}`);
  training.push(race);
  if (spec === trained.at(0)) profiles.push(await profile(device, task));
}

if (isWanted("compiling")) progress("compile times");
const compiled = options.quick || options.workloads ? chosen.map(({ spec }) => spec) : specNames();
const results: Results = {
  machine: at,
  products,
  races,
  drifts,
  decoding,
  compiling: isWanted("compiling") ? compileTimes(device, amount.compiles) : [],
  cold: isWanted("compiling") ? await coldKernels(device, compiled) : [],
  training,
  profiles,
  faults,
};

const isPart = options.quick || options.only || options.workloads;
const svg = options.svg ?? (isPart ? undefined : defaultFile(at.adapter));
if (svg !== undefined) {
  const base = svg.replace(/\.svg$/, "");
  const charts = [timePlot(results), driftPlot(results)]
    .filter(({ panels }) => panels.length > 0)
    .map((plot, i) => ({ plot, file: i === 0 ? `${base}.svg` : `${base}-drift.svg` }));
  mkdirSync(dirname(svg), { recursive: true });
  for (const { plot, file } of charts) writeFileSync(file, chart(plot, at));
  const links = charts.map(({ plot, file }) => ({ title: plot.title, file: basename(file) }));
  writeFileSync(`${base}.md`, markdown(results, links));
  for (const file of [...charts.map(({ file }) => file), `${base}.md`])
    progress(`written: ${relative(process.cwd(), file)}`);
}
process.stdout.write(options.json ? json(results) : markdown(results, []));
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
