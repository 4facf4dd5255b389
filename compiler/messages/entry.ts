/** One diagnostic: its text, and what `miras explain CODE` says at length. */
export interface Entry<P> {
  readonly text: (p: P) => string;
  readonly explanation: string;
}

export const entry = <P = void>(text: (p: P) => string, explanation: string): Entry<P> => ({
  text,
  explanation,
});
