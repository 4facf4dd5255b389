/** `miras train` and `miras generate` on the command line. */
import { type Command, Option } from "commander";
import type { Io } from "../io.ts";
import {
  collect,
  deviceOption,
  examples,
  FILE,
  numberAbove,
  numberFrom,
  share,
  wholeFrom,
} from "../options.ts";
import type { Factories } from "./context.ts";
import { DEFAULTS } from "./settings.ts";

/** `make` is how networks and tasks are had, where not as usual. The commands are loaded when they are asked for. */
export function addTraining(
  program: Command,
  io: Io,
  done: (code: number) => void,
  make: Factories | undefined,
): void {
  program
    .command("train")
    .summary("train a network on a task or on text")
    .description(
      "Trains a network of the file. All that is needed to go on goes into a run folder: the spec, the settings, what was measured, its curves, and checkpoints. Ctrl-C finishes the step and saves; --resume goes on from there exactly as if the run had never stopped.",
    )
    .argument("[file]", FILE)
    .option("--network <name>", "which network of the file (default: the first)")
    .addOption(new Option("--task <name>", "the task to learn").conflicts("data"))
    .option("--data <path...>", "text files to learn from")
    .option(
      "--tokenizer <kind>",
      "for text: bytes, characters, or the path of a tokenizer.json (default: bytes)",
    )
    .option("--size <name=value>", "a size of the task; may be repeated", collect)
    .option("--weights <path>", "start from these: a safetensors file, the index of several, or their folder")
    .option("--batch <n>", "sequences of a batch (default: the task's own)", wholeFrom(1))
    .option("--length <n>", "tokens of a sequence (default: the task's own)", wholeFrom(1))
    .option("--steps <n>", `steps of the optimizer (default: ${DEFAULTS.steps})`, wholeFrom(1))
    .option("--lr <x>", `the largest learning rate (default: ${DEFAULTS.lr})`, numberAbove(0))
    .option("--warmup <n>", "steps until it is reached (default: a tenth of all, at most 100)", wholeFrom(0))
    .option("--accumulate <n>", "batches of one step", wholeFrom(1))
    .option(
      "--clip <x>",
      `cut gradients to this norm, or 0 not to (default: ${DEFAULTS.clip})`,
      numberFrom(0),
    )
    .option("--weight-decay <x>", `decoupled weight decay (default: ${DEFAULTS.weightDecay})`, numberFrom(0))
    .addOption(
      new Option(
        "--storage <type>",
        `what vectors are stored as for the backward pass (default: ${DEFAULTS.storage})`,
      ).choices(["f32", "f16"]),
    )
    .option("--seed <n>", `seed of the weights and of the batches (default: ${DEFAULTS.seed})`, wholeFrom(0))
    .option(
      "--evaluate-every <n>",
      "steps between validations (default: a tenth of all, at most 1000)",
      wholeFrom(1),
    )
    .option(
      "--checkpoint-every <n>",
      "steps between checkpoints (default: a tenth of all, at most 1000)",
      wholeFrom(1),
    )
    .option(
      "--keep <n>",
      `how many checkpoints to keep, besides the best (default: ${DEFAULTS.keep})`,
      wholeFrom(1),
    )
    .option("--until-accuracy <x>", "stop once a validation is as accurate, and fail if none is", share)
    .option("--out <folder>", "the run folder (default: a new one in runs/)")
    .addOption(new Option("--resume <run>", "go on with a run").conflicts(["out", "sweep"]))
    .option("--sweep <lr=list>", "train at each of these learning rates, and compare")
    .addOption(deviceOption())
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      examples(
        "miras train my_network.miras --task mqar-tiny --until-accuracy 0.99",
        "miras train my_network.miras --data book.txt --tokenizer characters --steps 2000",
        "miras train my_network.miras --task mqar-tiny --sweep lr=1e-3,3e-3,1e-2",
        "miras train --resume runs/my_network-mqar-tiny-2026-01-31-1",
      ),
    )
    .action(async (file: string | undefined, options) =>
      done(await (await import("../train.ts")).train(file, options, io, make)),
    );

  program
    .command("generate")
    .summary("let a trained network go on with a prompt")
    .description(
      "Reads the prompt, and prints it with what the network says next, token by token, from the checkpoint with the best validation. For a run on text the prompt is text; for another task, its tokens as numbers.",
    )
    .argument("<run>", "a run folder of `miras train`")
    .requiredOption("--prompt <text>", "what to go on with")
    .option("--tokens <n>", "how many tokens to say", wholeFrom(0), 200)
    .option("--temperature <x>", "0 for the likeliest token always, 1 as it was learned", numberFrom(0), 1)
    .option("--top-k <k>", "draw from the k likeliest tokens only", wholeFrom(1))
    .option("--seed <n>", "seed of what is drawn", wholeFrom(0), 1)
    .addOption(deviceOption())
    .option("--json", "print tokens and text as JSON, at the end")
    .addHelpText(
      "after",
      examples(
        "miras generate runs/my_network-book-2026-01-31-1 --prompt 'Once' --temperature 0.8",
        "miras generate runs/my_network-mqar-tiny-2026-01-31-1 --prompt '3 17 5 20 3' --tokens 1 --temperature 0",
      ),
    )
    .action(async (folder: string, options) =>
      done(await (await import("../generate.ts")).generate(folder, options, io, make?.openNetwork)),
    );
}
