import { type MirasPlugin, plugin } from "./plugin.ts";

export type { MirasOptions } from "./plugin.ts";

const rspack: MirasPlugin["rspack"] = plugin.rspack;
export default rspack;
