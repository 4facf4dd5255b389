/** `miras fuzz`: all properties, on random cases of given specs and of random new ones. */
import fc from "fast-check";
import { compile, type Model } from "../compiler/pipeline.ts";
import { type DeviceName, onBackend } from "./choose.ts";
import { modelsOf } from "./compile.ts";
import { EXIT, UsageError } from "./errors.ts";
import { attempt, type Outcome, textOf } from "./fuzz/attempt.ts";
import { type Plan, plans } from "./fuzz/case.ts";
import { asJson, asText, type Finding, type Report } from "./fuzz/report.ts";
import { type Found, search, type Tally } from "./fuzz/search.ts";
import { textOfVariant } from "./fuzz/variant-text.ts";
import { type Variant, variants } from "./fuzz/variants.ts";
import { type Io, Progress } from "./io.ts";
import { prelude } from "./prelude.ts";
import { interruption } from "./watch.ts";
import { count } from "./words.ts";

export interface FuzzOptions {
  readonly variants?: boolean;
  readonly runs: number;
  readonly seed?: number;
  readonly path?: string;
  readonly time?: number;
  readonly device?: DeviceName;
  readonly json?: boolean;
}

/** After so many findings it is time to mend them. */
const MOST = 10;
/** What a random spec may be refused for: whether a penalty has a closed form is not known before. */
const REFUSALS = new Set(["not-solved", "link-at-zero", "start-outside"]);

export async function fuzz(paths: readonly string[], options: FuzzOptions, io: Io): Promise<number> {
  if (paths.length === 0 && !options.variants)
    throw new UsageError("there is nothing to try", ["give .miras files, or --variants for random ones"]);
  if (options.path !== undefined && options.seed === undefined)
    throw new UsageError("--path says which case of a seed: give its --seed too");
  const models = paths.flatMap((path) => {
    const found = modelsOf(path, io);
    if (found.length === 0) throw new UsageError(`${path} defines no model`);
    return found.map((model) => ({ path, model }));
  });
  let code: number = EXIT.well;
  await onBackend(options.device, io, async (backend) => {
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    const start = io.now();
    const { signal, release } = interruption();
    const isOver = (): boolean =>
      signal.aborted || (options.time !== undefined && io.now() - start > 1000 * options.time);
    const tally: Tally = { runs: 0, discarded: new Map() };
    const findings: Finding[] = [];
    let specs = 0;
    const progress = new Progress(io);
    const tell = (what: string): void => {
      if (!io.errIsTerminal) return;
      const rate = (1000 * specs) / Math.max(1, io.now() - start);
      progress.say(
        `${what}: ${count(tally.runs, "run")}, ${rate.toFixed(1)} specs/s, ${count(findings.length, "finding")}`,
      );
    };
    try {
      for (const { path, model } of models) {
        if (isOver() || findings.length >= MOST) break;
        specs++;
        const tried = (plan: Plan): Promise<Outcome> => {
          tell(model.spec.name);
          return attempt(model, plan, backend);
        };
        const found = await search(plans, tried, { ...options, seed, path: options.path }, isOver, tally);
        if (found) findings.push(...findingsOf(found, found.value, { path, model: model.spec.name }));
      }
      if (options.variants) {
        const tried = ({ variant, plan }: { variant: Variant; plan: Plan }): Promise<Outcome> => {
          specs++;
          tell("random specs");
          return attemptVariant(variant, plan, (m, p) => attempt(m, p, backend));
        };
        const before = tally.runs;
        // A new seed after each finding: the old one would come to the same again.
        for (let next = seed; findings.length < MOST && !isOver(); next++) {
          const runs = options.runs - (tally.runs - before);
          if (runs <= 0) break;
          const all = fc.record({ variant: variants, plan: plans });
          const found = await search(all, tried, { seed: next, path: options.path, runs }, isOver, tally);
          if (found)
            findings.push(
              ...findingsOf(found, found.value.plan, { text: textOfVariant(found.value.variant) }),
            );
          if (options.path !== undefined) break;
        }
      }
    } finally {
      release();
      progress.clear();
    }
    const report: Report = {
      seed,
      runs: tally.runs,
      specs,
      discarded: tally.discarded,
      seconds: (io.now() - start) / 1000,
      device: backend.name,
      wasStopped: isOver(),
      findings,
    };
    io.out(options.json ? asJson(report) : asText(report, io));
    code = findings.length > 0 ? EXIT.fails : EXIT.well;
  });
  return code;
}

/** A random spec is compiled first: it must be accepted, or be refused for a reason that is foreseen. */
async function attemptVariant(
  variant: Variant,
  plan: Plan,
  tried: (model: Model, plan: Plan) => Promise<Outcome>,
): Promise<Outcome> {
  const accepted = {
    property: "accepted",
    meaning: "a spec that keeps to the rules of the language compiles",
    sides: ["compiler", "wanted"],
  } as const;
  try {
    const { models, diagnostics } = compile(
      { path: "variant.miras", text: textOfVariant(variant) },
      prelude(),
    );
    const errors = diagnostics.all.filter((d) => d.severity === "error");
    const [first] = errors;
    if (first && errors.every((d) => REFUSALS.has(d.code))) return { kind: "discarded", why: first.code };
    const [model] = models;
    if (model && !first) return tried(model, plan);
    const thrown = first ? `${first.code}: ${first.message}` : "no model, and no error";
    return { kind: "tried", failures: [{ ...accepted, thrown }] };
  } catch (error) {
    return { kind: "tried", failures: [{ ...accepted, thrown: textOf(error) }] };
  }
}

const findingsOf = (found: Found<unknown>, plan: Plan, of: Finding["of"]): Finding[] =>
  found.failures.map((failure) => ({
    failure,
    of,
    plan,
    extents: found.extents,
    seed: found.seed,
    path: found.path,
  }));
