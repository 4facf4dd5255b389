/** The command line: what there is, and what each way of ending means. */
import { Command, CommanderError, Option } from "commander";
import { DeviceError } from "../runtime/device.ts";
import { FileError } from "../runtime/node/files.ts";
import { CapacityError } from "../runtime/resources.ts";
import { SafetensorsError } from "../runtime/safetensors.ts";
import { apply } from "./apply.ts";
import { reportBug } from "./bug.ts";
import { check } from "./check.ts";
import { EXIT, SpecError, UsageError } from "./errors.ts";
import { STAGES } from "./explain/stages.ts";
import { explain } from "./explain.ts";
import { fmt } from "./fmt.ts";
import { init } from "./init.ts";
import type { Io } from "./io.ts";
import {
  collect,
  deviceOption,
  examples,
  FILE,
  fraction,
  listOfWhole,
  numberFrom,
  wholeFrom,
} from "./options.ts";
import { version } from "./package.ts";
import { recall } from "./recall.ts";
import type { Factories } from "./train/context.ts";
import { addTraining } from "./train/program.ts";

/** Runs one command, and gives the exit code. Never throws. `make` is how networks and tasks are had, where not as usual. */
export async function run(argv: readonly string[], io: Io, make?: Factories): Promise<number> {
  let code: number = EXIT.well;
  const done = (result: number): void => {
    code = result;
  };
  const program = commands(io, done, make);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return ending(error, argv, io);
  }
}

function ending(error: unknown, argv: readonly string[], io: Io): number {
  const c = io.errColors;
  const tell = (message: string, notes: readonly string[] = []): void =>
    io.err(`${c.red(c.bold("error:"))} ${[message, ...notes].join("\n  ")}\n`);
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.well : EXIT.usage;
  if (error instanceof SpecError) return EXIT.fails;
  if (error instanceof UsageError) {
    tell(error.message, error.notes);
    return EXIT.usage;
  }
  if (error instanceof FileError || error instanceof SafetensorsError) {
    tell(error.message);
    return EXIT.usage;
  }
  if ((error instanceof DeviceError && error.kind !== "validation") || error instanceof CapacityError) {
    tell(error.message);
    return EXIT.machine;
  }
  reportBug(error, argv, io);
  return EXIT.bug;
}

function commands(io: Io, done: (code: number) => void, make: Factories | undefined): Command {
  const program = new Command("miras")
    .description(
      "Sequence models that are associative memories: four choices in, proved rules and kernels out.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      getOutHelpWidth: () => io.columns ?? 100,
      getErrHelpWidth: () => io.columns ?? 100,
      getOutHasColors: () => io.outColors.isColorSupported,
      getErrHasColors: () => io.errColors.isColorSupported,
    })
    .addHelpText(
      "after",
      `
Exit codes: 0 well; 1 the spec or a property of it fails; 2 wrong usage;
69 the machine failed (a lost device, no memory); 70 a bug of miras.

Start with: miras explain specs/gated_deltanet.miras`,
    );

  program
    .command("check")
    .summary("check specs and prove what they expect")
    .description(
      "Reports every error of every file. For a clean model: its choices, and how each `expect` was proved.",
    )
    .argument("<file...>", FILE)
    .option("--json", "print diagnostics and models as JSON")
    .option("--fix", "repair what has a sure repair, in the files themselves")
    .addOption(new Option("--watch", "check again when a file changes").conflicts(["json", "fix"]))
    .addHelpText("after", examples("miras check specs/*.miras", "miras check my.miras --fix"))
    .action(async (files: string[], options) => done(await check(files, options, io)));

  program
    .command("fmt")
    .summary("lay out specs in the standard way")
    .description(
      "Writes each file in the standard layout, and prints the names of those that change. Meaning and comments stay; a file in error stays as it is. `-` is from stdin to stdout.",
    )
    .argument("<file...>", `${FILE}, or -`)
    .option("--check", "change nothing, and fail if a file would change")
    .option("--json", "print what became of each file as JSON")
    .addHelpText("after", examples("miras fmt my.miras", "miras fmt --check specs/*.miras"))
    .action(async (files: string[], options) => done(await fmt(files, options, io)));

  program
    .command("init")
    .summary("write a first model to start from")
    .description("Writes a spec with a loss of its own, each of its choices explained. Overwrites nothing.")
    .argument("[file]", "the file to write", "my_memory.miras")
    .option("--force", "write over a file that exists")
    .option("--json", "print the path as JSON")
    .addHelpText("after", examples("miras init", "miras init my_memory.miras --force"))
    .action(async (file: string, options) => done(await init(file, options, io)));

  program
    .command("explain")
    .summary("explain a spec, or the code of a diagnostic")
    .description(
      "Derives what a spec means: objective, gradient, update rule, and what was proved. Of a network, tells what it learns, carries and computes. With the code of a diagnostic, explains that.",
    )
    .argument("<file-or-code>", `${FILE}, or a code such as shape-mismatch`)
    .option("--model <name>", "which model of the file (default: the first)")
    .addOption(
      new Option("--stage <stage>", "print one stage of the compiler instead").choices([...STAGES, "ts"]),
    )
    .addOption(new Option("--tex", "print the mathematics as TeX").conflicts(["stage", "json"]))
    .addOption(new Option("--json", "print the page as JSON").conflicts("stage"))
    .addHelpText(
      "after",
      examples(
        "miras explain specs/gated_deltanet.miras",
        "miras explain specs/titans.miras --tex",
        "miras explain specs/deltanet.miras --stage spec",
        "miras explain specs/nets/deltanet_tiny.miras",
        "miras explain shape-mismatch",
      ),
    )
    .action(async (what: string, options) => done(await explain(what, options, io)));

  program
    .command("apply")
    .summary("run a memory on given tensors")
    .description(
      `Runs the memory of a model alone, from tensors to tensors (safetensors).

Reads  q, k [B, T, H, dk], v [B, T, H, dv], each gate and other input [B, T, H, …shape],
       what comes with each of n steps of a token [B, T, n, H, …shape],
       params [H, …shape], and initial states by name [H, …shape] or [B, H, …shape].
Writes y [B, T, H, dv] and the final states by name [B, H, …shape], in f32.

With cu_seqlens [N + 1], from 0 to T: runs N packed sequences, one after the other in a batch of
one; states are then [N, H, …shape].`,
    )
    .argument("<file>", FILE)
    .requiredOption("--input <file>", "the tensors to read")
    .requiredOption("--output <file>", "where to write; written whole or not at all")
    .option("--model <name>", "which model of the file (default: the first)")
    .addOption(
      new Option("--form <form>", "token by token, all tokens of a tile at once, or as seems quickest")
        .choices(["auto", "recurrent", "parallel"])
        .default("auto"),
    )
    .option("--tune", "measure all forms on these tensors, and remember the quickest for their extents")
    .addOption(deviceOption())
    .option(
      "--set <name=value>",
      "override a const, a number or size of a choice, or the chunk; may be repeated",
      collect,
      [],
    )
    .option("--layer <i>", "which layer this is, from 0", wholeFrom(0))
    .option("--layers <n>", "of how many", wholeFrom(1))
    .option("--json", "print what was written as JSON")
    .addHelpText(
      "after",
      examples(
        "miras apply specs/gated_deltanet.miras --input in.safetensors --output out.safetensors",
        "miras apply specs/titans.miras --input in.safetensors --output out.safetensors --set chunk=64",
      ),
    )
    .action(async (file: string, options) => done(await apply(file, options, io)));

  program
    .command("build")
    .summary("make WGSL files and a typed ES module")
    .description(
      `Writes into a folder, for all models and networks of a file: NAME.js with its types in NAME.d.ts, a class
for each that runs in a browser and in Node; the same types as NAME.d.miras.ts, for programs that import the
spec itself; and in wgsl/ the text of every kernel. The module imports miras/runtime and nothing else.

Kernels are made for given sizes and for each kind of adapter. Unless --sizes says otherwise, a model has
dk = dv = 64, and a network reads B = 1 sequence of T = 64 tokens; a memory of all tokens has room for
\`tokens\` of them.`,
    )
    .argument("<file>", FILE)
    .requiredOption("-o, --output <folder>", "where to write; made if it is not there")
    .option("--model <name>", "this model or network alone (default: all of the file)")
    .option(
      "--sizes <list>",
      "as in dk=64,dv=64 or B=4,T=32; may be repeated, for a choice at run time",
      collect,
      [],
    )
    .option(
      "--set <name=value>",
      "override a const, a number or size of a choice, or the chunk; may be repeated",
      collect,
      [],
    )
    .option("--ts", "write NAME.ts instead of NAME.js and NAME.d.ts")
    .option("--json", "print what was written as JSON")
    .addHelpText(
      "after",
      examples(
        "miras build specs/gated_deltanet.miras -o src/memory",
        "miras build specs/titans.miras -o dist --sizes dk=64 --sizes dk=128",
        "miras build specs/nets/deltanet_tiny.miras -o src/network --sizes B=4,T=32",
      ),
    )
    // Loaded when it is asked for: writing TypeScript takes a while to load.
    .action(async (file: string, options) =>
      done(await (await import("./build.ts")).build(file, options, io)),
    );

  program
    .command("recall")
    .summary("what a memory is for: write pairs, read them back")
    .description(
      `Writes N random pairs into each memory, with no training, reads each back by its key, and
compares the error RMS(read − value) / RMS(value) as N grows.`,
    )
    .argument("<file...>", FILE)
    .option("--pairs <list>", "the numbers of pairs to try", listOfWhole, [1, 2, 4, 8, 16, 32, 64, 128])
    .option("--dk <n>", "length of keys", wholeFrom(1), 32)
    .option("--dv <n>", "length of values (default: that of keys)", wholeFrom(1))
    .option("--seed <n>", "seed of the random pairs", wholeFrom(0), 1)
    .option("--draws <n>", "how many random draws to average", wholeFrom(1), 4)
    .option("--noise <x>", "standard deviation of noise on the values written", numberFrom(0), 0)
    .option("--outliers <p>", "fraction of values that are ten times too large", fraction, 0)
    .addOption(deviceOption())
    .option("--svg <file>", "also write the plot as SVG")
    .option("--json", "print the measurements as JSON")
    .addHelpText(
      "after",
      examples(
        "miras recall specs/deltanet.miras specs/linear_attention.miras specs/yaad.miras",
        "miras recall specs/*.miras --outliers 0.1 --svg recall.svg",
      ),
    )
    .action(async (files: string[], options) => done(await recall(files, options, io)));

  program
    .command("fuzz")
    .summary("try all properties on random cases")
    .description(
      `Tries what must hold of every spec on random sizes and data: gradients against finite
differences, solutions of penalties, causality, sequences cut in two, ranges, simplification, parallel
forms, and kernels where there is an adapter. Prints the smallest case that fails, and how to repeat it.`,
    )
    .argument("[file...]", FILE)
    .option("--variants", "try random specs, too")
    .option("--runs <n>", "random cases of each spec; with --variants, random specs", wholeFrom(1), 100)
    .option("--seed <n>", "seed of all that is random (default: another each time)", wholeFrom(0))
    .option("--path <path>", "try again only what was found there, with its --seed")
    .option("--time <seconds>", "stop after this time", numberFrom(0))
    .addOption(deviceOption())
    .option("--json", "print what was found as JSON")
    .addHelpText(
      "after",
      examples("miras fuzz specs/*.miras --runs 200", "miras fuzz --variants --time 600 --seed 1"),
    )
    // Loaded when it is asked for: no other command needs random values.
    .action(async (files: string[], options) =>
      done(await (await import("./fuzz.ts")).fuzz(files, options, io)),
    );

  addTraining(program, io, done, make);
  return program;
}
