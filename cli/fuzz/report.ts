/** What was found, for people and for tools. */
import type { Extents } from "../../compiler/derive/interpret.ts";
import type { Io } from "../io.ts";
import { count } from "../words.ts";
import type { Failure } from "./attempt.ts";
import type { Plan } from "./case.ts";

export interface Finding {
  readonly failure: Failure;
  /** A model of a file, or a random spec. */
  readonly of: { readonly path: string; readonly model: string } | { readonly text: string };
  readonly plan: Plan;
  /** Undefined where there was no model to run. */
  readonly extents: Extents | undefined;
  readonly seed: number;
  readonly path: string;
}

export interface Report {
  readonly seed: number;
  readonly runs: number;
  readonly specs: number;
  /** How many runs say nothing, by reason. */
  readonly discarded: ReadonlyMap<string, number>;
  readonly seconds: number;
  readonly device: string;
  readonly wasStopped: boolean;
  readonly findings: readonly Finding[];
}

/** The command that tries the one case again. */
const repeat = ({ of, seed, path }: Finding): string =>
  `npx miras fuzz ${"path" in of ? of.path : "--variants"} --seed ${seed} --path ${path}`;

const sizesOf = ({ B, T, H, sizes }: Extents) => ({ B, T, H, dk: sizes.dk, dv: sizes.dv });

const total = (discarded: Report["discarded"]): number => [...discarded.values()].reduce((a, b) => a + b, 0);

export function asText(report: Report, io: Io): string {
  const c = io.outColors;
  const { runs, specs, discarded, seconds, findings } = report;
  const reasons = [...discarded].map(([why, n]) => `${n} ${why}`).join(", ");
  const told = findings.flatMap((f) => [...findingLines(f, io), ""]);
  const did = `${count(runs, "run")} of ${count(specs, "spec")} in ${seconds.toFixed(1)} s, seed ${report.seed}, on ${report.device}`;
  const aside = total(discarded) > 0 ? `${total(discarded)} discarded (${reasons})` : "";
  const verdict =
    findings.length > 0 ? c.red(c.bold(count(findings.length, "finding"))) : `${c.green("ok")} no findings`;
  return `${[...told, [verdict, did, aside].filter((x) => x !== "").join("; ") + (report.wasStopped ? "; stopped" : "")].join("\n")}\n`;
}

function findingLines(finding: Finding, io: Io): string[] {
  const c = io.outColors;
  const { failure, of, plan, extents } = finding;
  const name = "path" in of ? `${of.model} (${of.path})` : "a random spec";
  const { gates, vectors, states, cut, tile } = plan;
  return [
    `${c.red(c.bold(failure.property))} ${name}: not so that ${failure.meaning}`,
    ...valueLines(failure),
    ...(extents
      ? [
          `  sizes  ${Object.entries(sizesOf(extents))
            .map(([name, n]) => `${name} = ${n}`)
            .join(", ")}`,
          `  data   gates ${gates}, vectors ${vectors}, states ${states}, cut at ${cut}/16, tiles of ${tile}`,
        ]
      : []),
    ...("text" in of
      ? [
          "",
          ...of.text
            .trimEnd()
            .split("\n")
            .map((line) => `  ${line}`),
          "",
        ]
      : []),
    `  again  ${c.bold(repeat(finding))}`,
  ];
}

function valueLines({ violation, thrown, sides }: Failure): string[] {
  if (thrown !== undefined) return thrown.split("\n").map((line) => `  ${line}`);
  if (!violation) return [];
  const { what, where, left, right, error, bound } = violation;
  const width = Math.max(...sides.map((s) => s.length));
  return [
    `  ${what}${where.length > 0 ? ` at [${where.join(", ")}]` : ""}, error ${error.toExponential(1)}, bound ${bound.toExponential(1)}`,
    `  ${sides[0].padEnd(width)}  ${left}`,
    `  ${sides[1].padEnd(width)}  ${right}`,
  ];
}

export const asJson = (report: Report): string =>
  `${JSON.stringify(
    {
      runs: report.runs,
      specs: report.specs,
      discarded: total(report.discarded),
      discardedBecause: Object.fromEntries(report.discarded),
      seconds: report.seconds,
      seed: report.seed,
      device: report.device,
      stopped: report.wasStopped,
      findings: report.findings.map((finding) => {
        const { failure, of, plan, extents, seed, path } = finding;
        const { violation, thrown } = failure;
        return {
          property: failure.property,
          spec: "path" in of ? of.path : of.text,
          ...("model" in of ? { model: of.model } : {}),
          ...(extents ? { sizes: sizesOf(extents) } : {}),
          plan,
          seed,
          path,
          ...(violation ?? { thrown }),
          repeat: repeat(finding),
        };
      }),
    },
    // What is no number has no other way into JSON.
    (_, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value),
    2,
  )}\n`;
