/** Ctrl-C in training: the first one asks for an end, the second one is the end. */

/** Also for what asks a process to end otherwise. `asked` is told of the first one. */
export function interruption(asked: () => void): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  // Without a listener, the next one ends the process.
  const release = (): void => void process.off("SIGINT", end).off("SIGTERM", end);
  const end = (): void => {
    release();
    asked();
    controller.abort();
  };
  process.on("SIGINT", end).on("SIGTERM", end);
  return { signal: controller.signal, release };
}
