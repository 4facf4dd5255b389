/** Peers are a package of their own, so that who only builds miras never installs them. */
import { Unavailable } from "../contender.ts";

export async function load<T>(name: string): Promise<T> {
  try {
    return (await import(name)) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND")
      throw new Unavailable("not installed: cd bench && npm ci");
    throw error;
  }
}

let provided: Promise<void> | undefined;

/** Libraries made for browsers find Dawn where a browser has WebGPU. */
export function provideNavigator(): Promise<void> {
  provided ??= import("webgpu").then(({ create, globals }) => {
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis, "navigator", {
      value: { gpu: create([]), userAgent: "Node.js" },
      configurable: true,
    });
  });
  return provided;
}
