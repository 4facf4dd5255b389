#!/usr/bin/env node
/** `miras`: the process around the commands. */
import { reportBug } from "./bug.ts";
import { EXIT } from "./errors.ts";
import { processIo } from "./io.ts";
import { run } from "./program.ts";

const argv = process.argv.slice(2);
const io = processIo();

// Whoever reads our output may stop reading, as `head` does: that is the end, and no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(process.exitCode ?? EXIT.well);
    throw error;
  });
}
process.on("uncaughtException", (error) => {
  process.exit(reportBug(error, argv, io));
});

process.exitCode = await run(argv, io);
