/** `miras fmt`: what it writes, what it leaves alone, and how it lays text out. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Diagnostics } from "../../compiler/source/diagnostic.ts";
import { format } from "../../grammar/format.ts";
import { file, miras, mirasWith, scratch } from "./support.ts";

const UGLY = "fn  f( x )=x+1";
const NEAT = "fn f(x) = x + 1\n";
const BROKEN = "fn f(x) = \nmodel A  { bias }\n";

const text = (path: string): string => readFileSync(path, "utf8");
const specs = ["specs", "specs/prelude"].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".miras"))
    .map((name) => join(folder, name)),
);

describe("fmt", () => {
  it("has nothing to change in the specs", async () => {
    const { code, out, err } = await miras("fmt", "--check", ...specs);
    expect(out).toBe("");
    expect(err).toBe(`${specs.length} files unchanged\n`);
    expect(code).toBe(0);
  });

  it("writes files in place, and names those that change", async () => {
    const [a, b] = [file("a.miras", UGLY), file("b.miras", NEAT)];
    chmodSync(a, 0o640);
    const before = statSync(b).mtimeMs;
    const { code, out, err } = await miras("fmt", a, b, a);
    expect({ code, out, err }).toEqual({
      code: 0,
      out: `${a}\n`,
      err: "1 file formatted, 1 file unchanged\n",
    });
    expect(text(a)).toBe(NEAT);
    expect(statSync(a).mode & 0o777).toBe(0o640);
    expect(statSync(b).mtimeMs).toBe(before);
  });

  it("only tells with --check", async () => {
    const [a, b] = [file("a.miras", UGLY), file("b.miras", NEAT)];
    const { code, out, err } = await miras("fmt", "--check", a, b);
    expect({ code, out, err }).toEqual({
      code: 1,
      out: `${a}\n`,
      err: "1 file would change, 1 file unchanged\n",
    });
    expect(text(a)).toBe(UGLY);
  });

  it("leaves a file in error, and tells its errors", async () => {
    const [a, b] = [file("broken.miras", BROKEN), file("a.miras", UGLY)];
    const { code, out, err } = await miras("fmt", a, b);
    expect(code).toBe(1);
    expect(out).toBe(`${b}\n`);
    expect(err).toMatch(/^error\[/);
    expect(err).toContain("1 file formatted, 1 file in error\n");
    expect(text(a)).toBe(BROKEN);
    expect(text(b)).toBe(NEAT);
  });

  it("gives results to tools", async () => {
    const [a, b, c] = [file("a.miras", UGLY), file("b.miras", NEAT), file("broken.miras", BROKEN)];
    const { code, out, err } = await miras("fmt", "--json", "--check", a, b, c);
    const { ok, files, diagnostics } = JSON.parse(out);
    expect({ code, ok, err }).toEqual({ code: 1, ok: false, err: "" });
    expect(files).toEqual([
      { path: a, status: "would change" },
      { path: b, status: "unchanged" },
      { path: c, status: "in error" },
    ]);
    expect(diagnostics[0]).toMatchObject({ severity: "error", file: c });
  });

  it("goes from stdin to stdout", async () => {
    const from = (given: string) => ({ readIn: async () => given });
    expect(await mirasWith(from(UGLY), "fmt", "-")).toEqual({ code: 0, out: NEAT, err: "" });
    expect(await mirasWith(from(UGLY), "fmt", "--check", "-")).toEqual({
      code: 1,
      out: "<stdin>\n",
      err: "",
    });
    expect(await mirasWith(from(NEAT), "fmt", "--check", "-")).toMatchObject({ code: 0, out: "" });
    const broken = await mirasWith(from(BROKEN), "fmt", "-");
    expect(broken).toMatchObject({ code: 1, out: "", err: expect.stringContaining("<stdin>:1:") });
    const { out } = await mirasWith(from(UGLY), "fmt", "--json", "-");
    expect(JSON.parse(out)).toEqual({
      ok: true,
      files: [{ path: "<stdin>", status: "formatted", text: NEAT }],
      diagnostics: [],
    });
    expect((await miras("fmt", "-", "specs/gla.miras")).code).toBe(2);

    const command = "node --import tsx cli/main.ts fmt -";
    const ran = spawnSync("bash", ["-c", command], { input: UGLY, encoding: "utf8" });
    expect({ status: ran.status, out: ran.stdout }).toEqual({ status: 0, out: NEAT });
  });

  it("needs files, and writes none if one is missing", async () => {
    const a = file("a.miras", UGLY);
    mkdirSync(scratch("folder"));
    expect((await miras("fmt")).code).toBe(2);
    const missing = await miras("fmt", a, scratch("nowhere.miras"));
    expect(missing).toMatchObject({ code: 2, out: "", err: expect.stringContaining("there is no file") });
    const folder = await miras("fmt", a, scratch("folder"));
    expect(folder).toMatchObject({ code: 2, out: "", err: expect.stringContaining("is a directory") });
    expect(text(a)).toBe(UGLY);
  });

  it("does not write back what is no text", async () => {
    const bytes = Buffer.concat([Buffer.from("// "), Buffer.from([0xff, 0xfe]), Buffer.from(`\n${UGLY}`)]);
    const path = file("bytes.miras", bytes);
    const { code, err } = await miras("fmt", path);
    expect(code).toBe(2);
    expect(err).toContain("is not UTF-8 throughout");
    expect(readFileSync(path)).toEqual(bytes);
  });
});

const formatted = (given: string): string | undefined =>
  format({ path: "test.miras", text: given }, new Diagnostics());

describe("the standard layout", () => {
  it("aligns choices, names, shapes and values, and comments that are neighbours", () => {
    const given = `
model  A{
// What is kept.
memory matrix // a
bias l2   //  b
retention none
algorithm gd( beta,at:kept )
chunk 16


gate alpha in(0,1)

gate w[dk] in (0,1) rank 16
// The rate.
gate beta in (0,1]
param u[dk]
input q,k=project|>unit
input value[dv]=project
let r=q*dk^(-1/2)
output=read(r)*-1
expect S.W1'=0
expect W'=-W^2 // last
}
fn a(x)=x^n
fn longer(x)=x ^(n+1) // c
`;
    expect(formatted(given)).toBe(`\
model A {
  // What is kept.
  memory     matrix   // a
  bias       l2       //  b
  retention  none
  algorithm  gd(beta, at: kept)
  chunk      16

  gate alpha in (0, 1)

  gate  w [dk] in (0, 1) rank 16
  // The rate.
  gate  beta   in (0, 1]
  param u [dk]
  input q, k       = project |> unit
  input value [dv] = project
  let   r          = q * dk ^ (-1/2)
  output           = read(r) * -1
  expect S.W1' = 0
  expect W'    = -W^2   // last
}

fn a(x)      = x^n
fn longer(x) = x ^ (n + 1)   // c
`);
  });

  it("breaks what is too long, at what binds loosest", () => {
    const given = `fn f(y, v, delta) = where(abs(y - v) <= delta, (y - v)^2 / 2, delta * (abs(y - v) - delta / 2))
fn g(y, v, delta) = sum(where(abs(y - v) <= delta, (y - v)^2 / 2, delta * (abs(y - v) - delta / 2) + 0 * log(cosh(y - v))))
algorithm long(eta) { minimize sum((W - prev)^2) / (2 * eta) + sum(W^2) / (2 * beta) + sum(abs(W)) / lambda over simplex(last) }
model A { output = read(q) |> norm |> conv(4) |> silu |> unit |> norm |> conv(4) |> silu |> unit |> norm |> conv(4) |> silu }
`;
    expect(formatted(given)).toBe(`\
fn f(y, v, delta) = where(abs(y - v) <= delta, (y - v)^2 / 2, delta * (abs(y - v) - delta / 2))
fn g(y, v, delta) =
  sum(where(
    abs(y - v) <= delta,
    (y - v)^2 / 2,
    delta * (abs(y - v) - delta / 2) + 0 * log(cosh(y - v))
  ))

algorithm long(eta) {
  minimize sum((W - prev)^2) / (2 * eta) + sum(W^2) / (2 * beta) + sum(abs(W)) / lambda
    over simplex(last)
}

model A {
  output =
    read(q)
    |> norm
    |> conv(4)
    |> silu
    |> unit
    |> norm
    |> conv(4)
    |> silu
    |> unit
    |> norm
    |> conv(4)
    |> silu
}
`);
  });

  it("puts what is long in brackets on lines of its own", () => {
    const given = `memory mlp(expand: size = 4, act: function = gelu, scale: real > 0 = 4, offset: real in [0, 1] = 1/2) {

  window 3
}`;
    expect(formatted(given)).toBe(`\
memory mlp(
  expand: size = 4,
  act: function = gelu,
  scale: real > 0 = 4,
  offset: real in [0, 1] = 1/2
) {
  window 3
}
`);
  });

  it("lays out what is as large as may be", () => {
    const items = "let a = b + c // x\n".repeat(10_000);
    expect(formatted(`model A {\n${items}}`)).toBe(
      `model A {\n${"  let a = b + c   // x\n".repeat(10_000)}}\n`,
    );
    const deep = `fn f(x) = ${"-f(2 ^ ".repeat(100)}x${")".repeat(100)}`;
    expect(formatted(formatted(deep) ?? "")).toBe(formatted(deep));
  });

  it("keeps comments in their places", () => {
    const given = `/* about
   the file */

// f
fn f(x,/* any */y) = x + // one
  y  // two
/* end */ model A { // opens
  // nothing
} // closed
// last`;
    expect(formatted(given)).toBe(`\
/* about
   the file */

// f
fn f(x, /* any */ y) =
  x     // one
  + y   // two

/* end */
model A {   // opens
  // nothing
}   // closed

// last
`);
  });

  it("ends lines alike, and a text with one line end", () => {
    expect(formatted("")).toBe("");
    expect(formatted(" \r\n\r\n")).toBe("");
    expect(formatted("// a  \r\n\r\n\r\n\r\nmodel A {\r\n\r\n}\r\n\r\n")).toBe("// a\n\nmodel A {}\n");
  });
});
