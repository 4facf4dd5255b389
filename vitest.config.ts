import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // A slow machine is not a failure; a hang is.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
