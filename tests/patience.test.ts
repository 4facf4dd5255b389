/** Waiting for a software adapter leaves the processor to it; waiting for another one does not sleep. */
import { afterEach, expect, test, vi } from "vitest";
import { patiently } from "../runtime/node/patience.ts";

const SOFTWARE = { name: "software", kind: "software" } as const;
const GPU = { name: "a GPU", kind: "gpu" } as const;

const rest = vi.spyOn(Atomics, "wait");
afterEach(() => rest.mockClear());

const after = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
const nextTurns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

test("gives what the work gives, and throws what it throws", async () => {
  expect(await patiently(SOFTWARE, async () => 7)).toBe(7);
  const failing = async (): Promise<void> => {
    throw new RangeError("no");
  };
  await expect(patiently(SOFTWARE, failing)).rejects.toThrow(RangeError);
});

test("rests between turns, and not once the work is over", async () => {
  await patiently(SOFTWARE, () => after(20));
  expect(rest).toHaveBeenCalled();
  for (const [, , , milliseconds] of rest.mock.calls) expect(milliseconds).toBeLessThanOrEqual(1);
  await nextTurns(2);
  rest.mockClear();
  await nextTurns(5);
  expect(rest).not.toHaveBeenCalled();
});

test("rests once in a turn, however much is waited for", async () => {
  const turns: number[] = [];
  const count = async (): Promise<void> => {
    await after(10);
    for (let i = 0; i < 20; i++) {
      await nextTurns(1);
      turns.push(rest.mock.calls.length);
    }
  };
  await Promise.all([count(), ...Array.from({ length: 5 }, () => patiently(SOFTWARE, () => after(200)))]);
  const each = turns.slice(1).map((n, i) => n - (turns[i] as number));
  expect(Math.max(...each)).toBe(1);
});

test("does not rest where the GPU is another machine's part", async () => {
  await patiently(GPU, () => after(20));
  expect(rest).not.toHaveBeenCalled();
});
