import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError, readTensors, writeWhole } from "../runtime/node/files.ts";
import { writeSafetensors } from "../runtime/safetensors.ts";

/** What the file system is made to answer, where the real one cannot be brought to. */
const faults = vi.hoisted(() => ({ open: "", write: "", rename: "" }));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const fault = (code: string) => Promise.reject(Object.assign(new Error(code), { code }));
  return {
    ...real,
    open: async (path: string, flags: string) => {
      if (faults.open !== "") return fault(faults.open);
      const file = await real.open(path, flags);
      if (faults.write !== "") file.writeFile = () => fault(faults.write);
      return file;
    },
    rename: (from: string, to: string) =>
      faults.rename === "" ? real.rename(from, to) : fault(faults.rename),
  };
});

let directory = "";
const at = (name: string) => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "miras-files-"));
});

afterEach(() => {
  Object.assign(faults, { open: "", write: "", rename: "" });
  rmSync(directory, { recursive: true });
});

describe("writeWhole", () => {
  const bytes = Uint8Array.of(1, 2, 3);

  it("writes a new file and replaces an old one, and leaves nothing else", async () => {
    await writeWhole(at("w"), Uint8Array.of(9));
    await writeWhole(at("w"), bytes);
    expect([...readFileSync(at("w"))]).toEqual([1, 2, 3]);
    expect(readdirSync(directory)).toEqual(["w"]);
  });

  it("keeps the mode of the file it replaces, and goes through a symbolic link", async () => {
    writeFileSync(at("w"), "old");
    chmodSync(at("w"), 0o640);
    symlinkSync("w", at("link"));
    await writeWhole(at("link"), bytes);
    expect([...readFileSync(at("w"))]).toEqual([1, 2, 3]);
    expect(statSync(at("w")).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory).sort()).toEqual(["link", "w"]);
  });

  it.each([
    ["the disk fills up", { write: "ENOSPC" }, /cannot write .*w: the disk is full; free some space/],
    ["the rename fails", { rename: "EPERM" }, /cannot write .*w: permission denied; choose a directory/],
    ["the directory is read-only", { open: "EROFS" }, /cannot write .*w: the file system is read-only/],
    ["something unforeseen happens", { write: "EIO" }, /cannot write .*w: EIO/],
  ])("leaves the old file and no other when %s", async (_, fault, message) => {
    writeFileSync(at("w"), "old");
    Object.assign(faults, fault);
    const failure = await writeWhole(at("w"), bytes).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FileError);
    expect(String(failure)).toMatch(message);
    expect(readFileSync(at("w"), "utf8")).toBe("old");
    expect(readdirSync(directory)).toEqual(["w"]);
  });

  it("refuses what is not a file, and says so", async () => {
    mkdirSync(at("d"));
    writeFileSync(at("f"), "");
    await expect(writeWhole(at("d"), bytes)).rejects.toThrow(/cannot write .*d: it is a directory; give/);
    await expect(writeWhole(at("no/w"), bytes)).rejects.toThrow(
      /cannot write .*its directory does not exist/,
    );
    await expect(writeWhole(at("f/w"), bytes)).rejects.toThrow(/cannot write .*a part of the path is a file/);
  });

  it.skipIf(!existsSync("/dev/null"))("does not replace a device by a file", async () => {
    await expect(writeWhole("/dev/null", bytes)).rejects.toThrow(
      /cannot write \/dev\/null: it is not a regular file/,
    );
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });
});

describe("readTensors", () => {
  it("reads what was written", async () => {
    const data = Float32Array.of(1, -2);
    await writeWhole(at("w"), writeSafetensors([["w", { shape: [2], data }]], new Map([["step", "3"]])));
    const { tensors, metadata } = await readTensors(at("w"));
    expect(tensors.get("w")).toEqual({ shape: [2], data });
    expect(metadata.get("step")).toBe("3");
  });

  it("names the path and the repair", async () => {
    writeFileSync(at("bad"), "not a file of tensors");
    await expect(readTensors(at("no"))).rejects.toThrow(
      /cannot read .*no: there is no such file; check the path/,
    );
    await expect(readTensors(directory)).rejects.toThrow(/cannot read .*: it is a directory; give/);
    await expect(readTensors(at("bad"))).rejects.toThrow(/cannot read .*bad: the header length is \d+ bytes/);
    await expect(readTensors(at("bad"))).rejects.toBeInstanceOf(FileError);
  });
});
