/** What a page is told where there is no WebGPU. */
import { afterEach, expect, it, vi } from "vitest";
import { NoWebgpuError, requestDevice } from "../runtime/request.ts";

afterEach(() => vi.unstubAllGlobals());

it.each([
  ["a page that is not secure", { isSecureContext: false, navigator: {} }, /over https, or from localhost/],
  ["a browser without WebGPU", { isSecureContext: true, navigator: {} }, /has no WebGPU/],
  ["no browser at all", { navigator: undefined }, /in Node, take the device of miras\/runtime\/node/],
  [
    "a browser without an adapter",
    { isSecureContext: true, navigator: { gpu: { requestAdapter: async () => null } } },
    /no adapter for it: update the graphics driver/,
  ],
])("%s", async (_, globals, message) => {
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
  await expect(requestDevice()).rejects.toThrow(NoWebgpuError);
  await expect(requestDevice()).rejects.toThrow(message);
});
