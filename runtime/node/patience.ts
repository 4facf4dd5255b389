/**
 * Waiting for a GPU that is the processor itself. Dawn asks for its events in every turn of the event loop, which keeps one
 * core busy with asking; a software adapter would compute with it.
 */
import type { Adapter, Device } from "../device.ts";

/** One rests for such a part of the time that one has waited already, */
const PART = 0.1;
/** in milliseconds no less than this, since to fall asleep and wake takes as long, and no more. */
const LEAST = 0.1;
const MOST = 1;

/** Nobody ever wakes who waits for it. */
const never = new Int32Array(new SharedArrayBuffer(4));

let waiting = 0;
let began = 0;
let isScheduled = false;

/** Does work that mostly waits for this adapter. */
export async function patiently<T>(adapter: Adapter, work: () => Promise<T>): Promise<T> {
  if (adapter.kind !== "software") return work();
  if (waiting++ === 0) began = performance.now();
  schedule();
  try {
    return await work();
  } finally {
    waiting--;
  }
}

/** The device, with calls that wait patiently. */
export const patient = (device: Device): Device => ({
  ...device,
  during: (label, work) => patiently(device.adapter, () => device.during(label, work)),
});

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(pause);
}

function pause(): void {
  isScheduled = false;
  if (waiting === 0) return;
  const milliseconds = Math.min(MOST, PART * (performance.now() - began));
  if (milliseconds >= LEAST) Atomics.wait(never, 0, 0, milliseconds);
  schedule();
}
