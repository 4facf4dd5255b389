/** `miras train` in a process of its own, with steps that take a moment; where it is `stuck`, the third one never ends. */
import { processIo } from "../../../cli/io.ts";
import { run } from "../../../cli/program.ts";
import { fakes } from "./fakes.ts";

const [mode, ...argv] = process.argv.slice(2);
const make = fakes((network) => {
  const step = network.step.bind(network);
  let steps = 0;
  network.step = async (batches, rate) => {
    const isLast = ++steps === 3 && mode === "stuck";
    await new Promise((resolve) => setTimeout(resolve, isLast ? 2 ** 30 : 20));
    return step(batches, rate);
  };
});
process.exitCode = await run(["train", ...argv], processIo(), make);
