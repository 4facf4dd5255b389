import { type MirasPlugin, plugin } from "./plugin.ts";

export type { MirasOptions } from "./plugin.ts";

const vite: MirasPlugin["vite"] = plugin.vite;
export default vite;
