/** `miras fuzz`: all properties, on random cases of given specs and of random new ones. */
import { type DeviceName, onBackend } from "./choose.ts";
import { modelsOf } from "./compile.ts";
import { EXIT, UsageError } from "./errors.ts";
import { asJson, asText, type Finding } from "./fuzz/report.ts";
import type { Tally } from "./fuzz/search.ts";
import { givenModel, randomSpecs } from "./fuzz/subject.ts";
import { type Io, Progress } from "./io.ts";
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

export async function fuzz(paths: readonly string[], options: FuzzOptions, io: Io): Promise<number> {
  const { runs, path, time } = options;
  if (paths.length === 0 && !options.variants)
    throw new UsageError("there is nothing to try", ["give .miras files, or --variants for random ones"]);
  if (path !== undefined && options.seed === undefined)
    throw new UsageError("--path says which case of a seed: give its --seed too");
  const models = paths.flatMap((file) => {
    const found = modelsOf(file, io);
    if (found.length === 0) throw new UsageError(`${file} defines no model`);
    return found.map((model) => ({ file, model }));
  });
  const findings: Finding[] = [];
  await onBackend(options.device, io, async (backend) => {
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    const start = io.now();
    const { signal, release } = interruption();
    const tally: Tally = { runs: 0, discarded: new Map() };
    let specs = 0;
    const progress = new Progress(io);
    const subjects = [
      ...models.map(({ file, model }) => givenModel(file, model, backend)),
      ...(options.variants ? [randomSpecs(backend)] : []),
    ];
    const isOver = (): boolean =>
      signal.aborted || (time !== undefined && io.now() - start > 1000 * time) || findings.length >= MOST;
    try {
      for (const subject of subjects) {
        if (isOver()) break;
        const [before, known] = [tally.runs, specs];
        /** Tells how it goes, and whether that is all. */
        const told = (): boolean => {
          specs = known + (subject.isMany ? tally.runs - before : 1);
          const rate = (1000 * specs) / Math.max(1, io.now() - start);
          if (io.errIsTerminal)
            progress.say(
              `${subject.name}: ${count(tally.runs, "run")}, ${rate.toFixed(1)} specs/s, ${count(findings.length, "finding")}`,
            );
          return isOver();
        };
        // A new seed after each finding: the old one would come to the same again.
        for (let next = seed; tally.runs - before < runs && !isOver(); next++) {
          const left = runs - (tally.runs - before);
          findings.push(...(await subject.look({ seed: next, path, runs: left }, told, tally)));
          if (path !== undefined || !subject.isMany) break;
        }
        told();
      }
    } finally {
      release();
      progress.clear();
    }
    const report = {
      seed,
      specs,
      runs: tally.runs,
      discarded: tally.discarded,
      seconds: (io.now() - start) / 1000,
      device: backend.name,
      wasStopped: isOver(),
      findings,
    };
    io.out(options.json ? asJson(report) : asText(report, io));
  });
  return findings.length > 0 ? EXIT.fails : EXIT.well;
}
