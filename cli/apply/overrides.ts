/** `--set name=value`: values in place of the file's own. */
import { NO_OVERRIDES, type Overrides } from "../../compiler/check/context.ts";
import { isNumber, type Settable } from "../../compiler/check/settable.ts";
import { closest } from "../../compiler/source/suggest.ts";
import { UsageError } from "../errors.ts";

export function overridesOf(settings: readonly string[], settable: readonly Settable[]): Overrides {
  if (settings.length === 0) return NO_OVERRIDES;
  const constants = new Map<string, number>();
  let chunk: number | undefined;
  for (const setting of settings) {
    const at = setting.indexOf("=");
    const name = (at < 0 ? setting : setting.slice(0, at)).trim();
    const text = at < 0 ? "" : setting.slice(at + 1).trim();
    const known = settable.find((s) => s.name === name);
    if (!known) {
      const near = closest(
        name,
        settable.map((s) => s.name),
      );
      throw new UsageError(`--set ${setting}: nothing that can be set is named ${name}`, [
        ...(near ? [`did you mean ${near}?`] : []),
        `what can be set: ${settable.map(described).join(", ")}`,
      ]);
    }
    if (!isNumber(text)) {
      throw new UsageError(`--set ${setting}: ${name} should be a number, as in --set ${name}=16`);
    }
    const value = Number(text);
    if (known.kind === "size" && !(Number.isSafeInteger(value) && value >= 1)) {
      const what = name === "chunk" ? "the chunk" : name;
      const of = name === "chunk" ? " of tokens" : "";
      throw new UsageError(`--set ${setting}: ${what} should be a whole number${of} from 1 on`);
    }
    if (name === "chunk") chunk = value;
    else constants.set(name, value);
  }
  return { constants, ...(chunk === undefined ? {} : { chunk }) };
}

const described = ({ name, now }: Settable): string => (now === undefined ? name : `${name} (${now})`);
