/** Prints data as a literal of TypeScript, in lines that a person can read; a list of numbers is one line. */

/** Text that stands for itself: the name of a constant. */
export class Name {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Literal =
  | string
  | number
  | boolean
  | Name
  | readonly Literal[]
  | { readonly [key: string]: Literal };

/** The key of an object whose properties are the last of another. */
export const REST = "...";

const WIDEST = 110;
const PLAIN = /^[A-Za-z_$][\w$]*$/;

export const key = (name: string): string => (PLAIN.test(name) ? name : JSON.stringify(name));

export function literal(value: Literal, indent = ""): string {
  if (value instanceof Name) return value.text;
  if (typeof value !== "object") return JSON.stringify(value);
  const isList = Array.isArray(value);
  const inner = `${indent}  `;
  const parts = (at: string): string[] =>
    isList
      ? value.map((v) => literal(v, at))
      : Object.entries(value).map(([name, v]) =>
          name === REST ? `...${literal(v, at)}` : `${key(name)}: ${literal(v, at)}`,
        );
  const [open, close] = isList ? "[]" : "{}";
  const flat = parts("").join(", ");
  if (flat === "") return `${open}${close}`;
  const space = isList ? "" : " ";
  const areNumbers = isList && value.every((v) => typeof v === "number");
  if (!flat.includes("\n") && (areNumbers || indent.length + flat.length < WIDEST))
    return `${open}${space}${flat}${space}${close}`;
  return `${open}\n${parts(inner)
    .map((p) => `${inner}${p},\n`)
    .join("")}${indent}${close}`;
}

/** Text of several lines as it is. */
export const template = (text: string): string =>
  `\`${text.replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${")}\``;
