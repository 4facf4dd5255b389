import { type MirasPlugin, plugin } from "./plugin.ts";

export type { MirasOptions } from "./plugin.ts";

const webpack: MirasPlugin["webpack"] = plugin.webpack;
export default webpack;
