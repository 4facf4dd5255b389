/** The gradient of one token: in one piece where it is short, else the read step by step and the way back through it. */
import { gradientChain, readChain, type Step } from "./chain.ts";
import { type Equation, equation, type Section } from "./rows.ts";
import type { Writer } from "./writer.ts";

export function gradientSections(writer: Writer): Section[] {
  const { gradients } = writer.rule;
  const spec = writer.spec;
  if (spec.algorithm.kind !== "step") return [];
  if (writer.isShort) {
    const { read, note } = writer.readAt(spec.errorKey);
    return [
      {
        key: "gradient",
        title: "gradient",
        rows: [
          equation("y", read, spec.read.shape, note),
          ...gradients.map(({ state, shown }) => equation(`grad.${state.name}`, shown, state.shape)),
        ],
      },
    ];
  }
  const chain = readChain(spec, { x: writer.placeOf(spec.key, "k"), state: (read) => read }, writer.names);
  const back = gradientChain(writer.rule, chain);
  const y: Step = { tensor: { ...spec.bias.y, shape: spec.read.shape }, expr: chain.y, call: undefined };
  const steps = writer.shorten([...chain.steps, y, ...back]);
  const end = steps.findIndex((s) => s.tensor === y.tensor) + 1;
  const rows = (some: readonly Step[]): Equation[] => some.map((s) => writer.step(s));
  return [
    { key: "read", title: "read(k), step by step", rows: rows(steps.slice(0, end)) },
    {
      key: "gradient",
      title: "gradient, back through the steps: ∇x is ∂ℓ/∂x",
      rows: rows(steps.slice(end)),
    },
  ];
}
