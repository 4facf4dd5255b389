/** `miras check`, help, versions, and how commands end. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { file, miras, mirasWith, scratch } from "./support.ts";

const WRONG = `model Wrong {
  memory matrix
  bias l2
  retention none
  algorithm gd(beta)
  gate beta in (0, 1)
  expect W' = W + beta * outer(v, k)
}
`;

describe("check", () => {
  it("says of each clean model what it chose and what was proved", async () => {
    const { code, out, err } = await miras("check", "specs/gated_deltanet.miras", "specs/titans.miras");
    expect(code).toBe(0);
    expect(err).toBe("");
    expect(out).toMatch(
      /ok GatedDeltaNet +matrix, l2, decay\(alpha\), gd\(beta, at: kept\) +W' proved symbolically/,
    );
    expect(out).toMatch(/ok Titans .*S\.W1', S\.W2', W1', W2' proved symbolically/);
    expect(out).toContain("2 models in 2 files: no errors");
  });

  it("says which proofs were numerical", async () => {
    const path = file(
      "numeric.miras",
      WRONG.replace(
        "W + beta * outer(v, k)",
        "W - beta * outer(W @ k - v, k) * exp(log(2 + k * k)) / (2 + k^2)",
      ),
    );
    const { code, out } = await miras("check", path, "--json");
    expect(out).toMatch(/"verdict": "(symbolic|numeric)"/);
    expect(code).toBe(0);
  });

  it("reports every error of every file, and refuted rules among them", async () => {
    const broken = file("broken.miras", "model A { memory matrx }\n");
    const { code, out } = await miras("check", file("wrong.miras", WRONG), broken, "specs/gla.miras");
    expect(code).toBe(1);
    expect(out).toContain("error[expect-fails]");
    expect(out).toMatch(/derived − expected = .*β/);
    expect(out).toMatch(/at a random point W'\[\d, \d\] is/);
    expect(out).toContain("did you mean `matrix`?");
    expect(out).toContain("ok GLA");
    expect(out).toMatch(/\d errors in 3 files/);
  });

  it("gives diagnostics to tools", async () => {
    const { code, out } = await miras("check", file("wrong.miras", WRONG), "--json");
    const { ok, diagnostics } = JSON.parse(out);
    expect(code).toBe(1);
    expect(ok).toBe(false);
    expect(diagnostics[0]).toMatchObject({
      code: "expect-fails",
      severity: "error",
      line: 7,
      column: 3,
      endLine: 7,
    });
    expect(diagnostics[0].labels[0]).toMatchObject({ file: scratch("wrong.miras"), line: 7 });
    const typo = file("typo.miras", WRONG.replace("matrix", "matrx"));
    const { fix } = JSON.parse((await miras("check", typo, "--json")).out).diagnostics[0];
    expect(fix).toEqual({
      text: "did you mean `matrix`?",
      edits: [expect.objectContaining({ insert: "matrix" })],
    });
  });

  it("takes a file of definitions", async () => {
    const { code, out } = await miras("check", file("defs.miras", "bias mine(y, v) = sum(abs(y - v))\n"));
    expect(code).toBe(0);
    expect(out).toContain("1 definition, no model");
  });

  it("names the files near a wrong path", async () => {
    expect(await miras("check", "specs/delta_net.miras")).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringMatching(
        /there is no file specs\/delta_net.miras\n.*did you mean specs\/deltanet.miras\?/,
      ),
    });
    expect((await miras("check", "specs/yaad")).err).toContain("did you mean specs/yaad.miras?");
    const none = await miras("check", "specs/nothing-like-it.miras");
    expect(none.err).toMatch(/specs has \w+\.miras, .*deltanet\.miras/);
    expect((await miras("check", "specs")).err).toContain("specs is a directory");
  });
});

describe("the command line", () => {
  it("helps", async () => {
    const { code, out } = await miras("--help");
    expect(code).toBe(0);
    for (const command of ["check", "explain", "apply", "recall"]) {
      expect(out).toContain(`  ${command} `);
      const help = await miras(command, "--help");
      expect(help.code).toBe(0);
      expect(help.out).toMatch(/Examples:\n {2}miras/);
    }
  });

  it("has a version", async () => {
    expect(await miras("--version")).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });

  it("ends with 2 where it is not used well", async () => {
    expect((await miras()).code).toBe(2);
    expect(await miras("chek")).toMatchObject({
      code: 2,
      err: expect.stringContaining("Did you mean check?"),
    });
    expect((await miras("check")).code).toBe(2);
    expect((await miras("check", "--jsn", "specs/gla.miras")).code).toBe(2);
    expect((await miras("recall", "specs/gla.miras", "--pairs", "1,x")).code).toBe(2);
  });

  it("owns up to its bugs", async () => {
    const { code, err } = await mirasWith(
      {
        out: () => {
          throw new TypeError("boom");
        },
      },
      "check",
      "specs/gla.miras",
    );
    expect(code).toBe(70);
    expect(err).toContain("bug: miras failed. The fault is in miras");
    expect(err).toMatch(/version {2}\d+\.\d+/);
    expect(err).toContain("command  miras check specs/gla.miras");
    expect(err).toContain("TypeError: boom");
    expect(err).toContain("keep the spec file");
  });
});

const root = join(import.meta.dirname, "../..");
const shell = (command: string, env: NodeJS.ProcessEnv = {}) =>
  spawnSync("bash", ["-c", command], { cwd: root, env: { ...process.env, ...env }, encoding: "utf8" });
const main = "node --import tsx cli/main.ts";

describe("the process", () => {
  it("has exit codes, and no colours in a pipe", () => {
    const ran = shell(`${main} check specs/gla.miras`);
    expect(ran.status).toBe(0);
    expect(ran.stdout).not.toContain("\x1b");
    expect(shell(`${main} check nowhere.miras`).status).toBe(2);
  });

  it("ends quietly when nobody reads on", () => {
    const ran = shell(`set -o pipefail; ${main} explain specs/titans.miras | head -n 1`);
    expect(ran.stdout).toMatch(/^Titans/);
    expect(ran.stderr).toBe("");
  });

  it("works from another folder", () => {
    const ran = shell(
      `cd /tmp && node --import ${root}/node_modules/tsx/dist/loader.mjs ${root}/cli/main.ts check ${root}/specs/gla.miras`,
    );
    expect(ran.stderr).toBe("");
    expect(ran.status).toBe(0);
  });
});
