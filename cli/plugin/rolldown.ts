import { type MirasPlugin, plugin } from "./plugin.ts";

export type { MirasOptions } from "./plugin.ts";

const rolldown: MirasPlugin["rolldown"] = plugin.rolldown;
export default rolldown;
