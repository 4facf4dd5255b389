/** `miras check --watch`: starting, editing and stopping. */
import { spawn } from "node:child_process";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pc from "picocolors";
import { expect, it } from "vitest";
import type { Io } from "../../cli/io.ts";
import { watch } from "../../cli/watch.ts";
import { file, miras, scratch } from "./support.ts";

const GOOD = "fn f(x) = x\n";
const BAD = "fn f(x) = y\n";

/** Until something holds; a slow machine may take its time. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(holds()).toBe(true);
}

it("checks again after each change, and ends with the code of the last check", async () => {
  const path = file("watched.miras", GOOD);
  const root = join(import.meta.dirname, "../..");
  const child = spawn(process.execPath, ["--import", "tsx", "cli/main.ts", "check", path, "--watch"], {
    cwd: root,
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  try {
    await until(() => err.includes("watching for changes"));
    expect(out).toContain("no errors");
    expect(out).not.toContain("──");
    writeFileSync(path, BAD);
    await until(() => out.includes("1 error in 1 file"));
    expect(out).toMatch(/\n── \d\d:\d\d:\d\d ─+\n\nerror\[unknown-name\]/);
    child.kill("SIGINT");
    expect(await ended).toBe(1);
  } finally {
    child.kill("SIGKILL");
  }
});

const colors = pc.createColors(false);
const io = (out: string[]): Io => ({
  out: (text) => void out.push(text),
  err: () => {},
  readIn: async () => "",
  outColors: colors,
  errColors: colors,
  columns: undefined,
  errIsTerminal: false,
  now: () => 0,
});

it("sees files replaced, removed and made, and no change where there is none", async () => {
  const folder = scratch("folder");
  mkdirSync(folder, { recursive: true });
  const [a, b] = [join(folder, "a.miras"), join(folder, "b.miras")];
  writeFileSync(a, GOOD);
  const stop = new AbortController();
  const out: string[] = [];
  let worked = 0;
  let files = [a];
  const ended = watch(
    () => files,
    async () => ++worked,
    io(out),
    stop.signal,
  );
  const next = async (act: () => void): Promise<void> => {
    const before = worked;
    act();
    await until(() => worked === before + 1);
  };
  await until(() => worked === 1);
  writeFileSync(a, GOOD);
  await next(() => {
    writeFileSync(`${a}.tmp`, BAD);
    renameSync(`${a}.tmp`, a);
  });
  await next(() => rmSync(a));
  await next(() => writeFileSync(a, GOOD));
  await next(() => {
    files = [a, b];
    writeFileSync(b, GOOD);
  });
  stop.abort();
  expect(await ended).toBe(5);
  expect(out.filter((text) => text.includes("──"))).toHaveLength(4);
});

it("goes with neither --json nor --fix", async () => {
  expect((await miras("check", "specs/gla.miras", "--watch", "--json")).code).toBe(2);
  expect((await miras("check", "specs/gla.miras", "--watch", "--fix")).code).toBe(2);
});
