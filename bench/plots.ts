/** What the charts show of the results. */
import type { Panel, Plot, Point } from "./chart.ts";
import { grouped } from "./grouped.ts";
import { type Results, titleOf } from "./results.ts";

interface Measured extends Point {
  readonly name: string;
}

export const timePlot = ({ races }: Results): Plot => ({
  title: "Time a token, µs, over the length T",
  panels: panels(
    grouped(races, ({ workload }) => titleOf(workload)),
    ({ T, rows }) =>
      rows.flatMap((row) =>
        row.kind === "timed" ? [{ name: row.contender.name, T, value: (1000 * row.milliseconds) / T }] : [],
      ),
  ),
});

export const driftPlot = ({ drifts }: Results): Plot => ({
  title: "Error against f64 over the last eighth of the tokens, over the length T",
  panels: panels(
    grouped(drifts, ({ workload, regime }) => `${workload.name}, ${regime.name}`),
    ({ T, errors }) =>
      errors.flatMap((e) => (e.kind === "measured" ? [{ name: e.form.name, T, value: e.last }] : [])),
  ),
});

function panels<T>(groups: ReadonlyMap<string, readonly T[]>, measured: (of: T) => Measured[]): Panel[] {
  return [...groups]
    .map(([title, of]) => ({ title, lines: grouped(of.flatMap(measured), ({ name }) => name) }))
    .filter(({ lines }) => lines.size > 0);
}
