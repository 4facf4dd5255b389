import { type MirasPlugin, plugin } from "./plugin.ts";

export type { MirasOptions } from "./plugin.ts";

const esbuild: MirasPlugin["esbuild"] = plugin.esbuild;
export default esbuild;
