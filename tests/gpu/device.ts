/** The adapter that the GPU tests run on; without one they are skipped, and the reason is printed. */
import { findDevice, noAdapterHelp } from "../../runtime/node/adapter.ts";

export const device = await findDevice();
if (!device) console.warn(`GPU tests skipped: no adapter on this machine.\n${noAdapterHelp()}`);
