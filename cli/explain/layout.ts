/** The page as text for a terminal. */
import type { Colors } from "../io.ts";
import { showName } from "./notation.ts";
import type { Page } from "./page.ts";
import { type Row, rightSide, type Words } from "./rows.ts";

/** Lines are broken to stay within these columns, where there is a place to break. */
const WIDEST = 100;
const BEFORE_OPERATOR = / (?=[+−⊙] )/;
const AFTER_COMMA = /(?<=,) /;
/** A longer label does not push the others aside. */
const LABEL = 12;

export function layOut(page: Page, c: Colors): string {
  const lines = [`${c.bold(page.name)}  ${c.dim(page.path)}`];
  for (const { title, rows } of page.sections) {
    lines.push("", c.bold(title));
    // Equations between sentences stand further in.
    const isTold = rows.some((r) => r.kind === "words");
    const labels = rows.map((r) => [...label(r)].length);
    const width = isTold ? 0 : Math.min(LABEL, Math.max(...labels));
    // Where each row has a note, the notes stand in a column of their own.
    const noted = rows.every((r) => r.kind === "fact" && r.note !== undefined);
    const column = noted ? Math.max(...rows.map((r) => (r.kind === "fact" ? r.text.length : 0))) : 0;
    for (const row of rows)
      lines.push(...(isTold || row.kind === "words" ? tell(row, page) : lay(row, width, column, page, c)));
  }
  return `${lines.join("\n")}\n`;
}

/** A sentence, or an equation below one. */
function tell(row: Row, page: Page): string[] {
  if (row.kind !== "equation") return breakAt(row.text, WIDEST - 2, / /).map((line) => `  ${line}`);
  const left = label(row);
  const right = rightSide(row, page.spec, "unicode").join(" = ");
  return breakAt(left === "" ? right : `${left} = ${right}`, WIDEST - 6, BEFORE_OPERATOR).map(
    (line, i) => `${" ".repeat(i === 0 ? 4 : 6)}${line}`,
  );
}

const label = (row: Row): string =>
  row.kind === "words"
    ? ""
    : row.kind === "fact"
      ? row.label
      : typeof row.left === "string"
        ? showName(row.left, "unicode")
        : row.left.unicode;

function lay(row: Exclude<Row, Words>, width: number, column: number, page: Page, c: Colors): string[] {
  const left = label(row).padEnd(width);
  const isEquation = row.kind === "equation";
  const text = isEquation ? `= ${rightSide(row, page.spec, "unicode").join(" = ")}` : row.text.padEnd(column);
  const lead = width === 0 ? "  " : `  ${isEquation ? left : c.dim(left)} ${isEquation ? "" : " "}`;
  const indent = width === 0 ? 2 : [...left].length + (isEquation ? 3 : 4);
  const broken = breakAt(
    text,
    WIDEST - indent,
    isEquation ? BEFORE_OPERATOR : row.label === "" ? / / : AFTER_COMMA,
  );
  const last = broken.length - 1;
  const out = broken.map((line, i) => `${i === 0 ? lead : " ".repeat(indent + (isEquation ? 2 : 0))}${line}`);
  if (row.note === undefined) return out;
  const fits = indent + [...(broken[last] as string)].length + 3 + row.note.length <= WIDEST;
  const note = c.dim(row.note);
  return fits
    ? [...out.slice(0, last), `${out[last]}   ${note}`]
    : [...out, `${" ".repeat(indent + 2)}${note}`];
}

/** Breaks a line at `place` where it is not within brackets, as late as it fits. */
function breakAt(text: string, width: number, place: RegExp): string[] {
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces(text, place)) {
    const longer = line === "" ? piece : `${line} ${piece}`;
    if (line !== "" && [...longer].length > width) {
      lines.push(line);
      line = piece;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}

function pieces(text: string, place: RegExp): string[] {
  const whole: string[] = [];
  let depth = 0;
  for (const piece of text.split(place)) {
    if (depth > 0) whole[whole.length - 1] += ` ${piece}`;
    else whole.push(piece);
    for (const character of piece)
      depth += "([{".includes(character) ? 1 : ")]}".includes(character) ? -1 : 0;
  }
  return whole;
}
