import { type MirasPlugin, plugin } from "./plugin.ts";

export type { MirasOptions } from "./plugin.ts";

const rollup: MirasPlugin["rollup"] = plugin.rollup;
export default rollup;
