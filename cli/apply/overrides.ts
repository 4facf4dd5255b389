/** `--set name=value`: values in place of the file's own. */
import { NO_OVERRIDES, type Overrides } from "../../compiler/check/context.ts";
import { closest } from "../../compiler/source/suggest.ts";
import { UsageError } from "../errors.ts";

/** `names` are the constants of the model. */
export function overridesOf(settings: readonly string[], names: readonly string[]): Overrides {
  if (settings.length === 0) return NO_OVERRIDES;
  const constants = new Map<string, number>();
  let chunk: number | undefined;
  const known = [...names, "chunk"];
  for (const setting of settings) {
    const at = setting.indexOf("=");
    const name = (at < 0 ? setting : setting.slice(0, at)).trim();
    const text = at < 0 ? "" : setting.slice(at + 1).trim();
    if (!known.includes(name)) {
      const near = closest(name, known);
      throw new UsageError(`--set ${setting}: there is no constant ${name}`, [
        ...(near ? [`did you mean ${near}?`] : []),
        `what can be set: ${known.join(", ")}`,
      ]);
    }
    const value = text === "" ? Number.NaN : Number(text);
    if (!Number.isFinite(value)) {
      throw new UsageError(`--set ${setting}: ${name} should be a number, as in --set ${name}=16`);
    }
    if (name !== "chunk") {
      constants.set(name, value);
    } else {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new UsageError(`--set ${setting}: the chunk should be a whole number of tokens from 1 on`);
      }
      chunk = value;
    }
  }
  return { constants, ...(chunk === undefined ? {} : { chunk }) };
}
