/** The class of a network in a module, and its types: all that it does is the runtime's. */
import { ModuleDeclarationKind, type StatementStructures, StructureKind } from "ts-morph";
import { aboutNetwork, aboutWeights, networkShapes } from "./docs.ts";
import { literal } from "./literal.ts";
import type { NetworkDescription } from "./network-description.ts";

/** `code` is the name of the function that gives its data. */
export function networkClassOf(network: NetworkDescription, code: string): StatementStructures {
  const { name, layout } = network;
  const shapes = Object.fromEntries(layout.weights.map((w) => [w.name, w.shape]));
  return {
    kind: StructureKind.Class,
    name,
    isExported: true,
    docs: [aboutNetwork(network)],
    extends: "runtime.Network",
    properties: [
      {
        name: "parameters",
        isStatic: true,
        isReadonly: true,
        docs: ["What is learned, by the names that `load` and `save` have, with its shapes."],
        initializer: `${literal(shapes)} as const`,
      },
      {
        name: "vocabulary",
        isStatic: true,
        isReadonly: true,
        docs: ["Tokens are whole numbers below this."],
        initializer: `${network.vocabulary} as const`,
      },
    ],
    methods: [
      {
        name: "create",
        isStatic: true,
        isAsync: true,
        docs: [
          `\nCompiles the kernels for a device and these sizes, which are among those it was built for, and draws the weights.\n${aboutWeights(network)}`,
        ],
        parameters: [
          { name: "device", type: "runtime.Device" },
          { name: "sizes", type: `${name}.Sizes` },
          { name: "start", type: "runtime.NetworkStart", hasQuestionToken: true },
        ],
        returnType: `Promise<${name}>`,
        statements: [`return new ${name}(await ${name}.prepare(device, ${code}(), sizes, start));`],
      },
    ],
  };
}

/** What the runtime's class has, said with the shapes that this network gives it. */
export function networkMethodsOf(network: NetworkDescription): StatementStructures {
  const { tokens, logits } = networkShapes(network);
  const batch = { name: "batch", type: "runtime.TokenBatch" };
  return {
    kind: StructureKind.Interface,
    name: network.name,
    isExported: true,
    methods: [
      {
        name: "forward",
        docs: [`Reads tokens \`${tokens}\`, and gives the logits \`${logits}\` of what comes after each.`],
        parameters: [{ name: "tokens", type: "runtime.Tokens" }],
        returnType: "Promise<Float32Array>",
      },
      {
        name: "step",
        docs: [
          `Takes one step of AdamW on tokens and targets \`${tokens}\`, and tells what the network made of them before it.`,
        ],
        parameters: [batch, { name: "options", type: "runtime.StepOptions" }],
        returnType: "Promise<runtime.Stepped>",
      },
      {
        name: "measure",
        docs: [`Measures tokens and targets \`${tokens}\` without learning from them.`],
        parameters: [batch],
        returnType: "Promise<runtime.Measured>",
      },
    ],
  };
}

/** The types of a network, under its own name. */
export const networkTypesOf = ({ name, builds }: NetworkDescription): StatementStructures => ({
  kind: StructureKind.Module,
  declarationKind: ModuleDeclarationKind.Namespace,
  name,
  isExported: true,
  hasDeclareKeyword: true,
  statements: [
    {
      kind: StructureKind.TypeAlias,
      name: "Parameter",
      docs: ["The names of what is learned."],
      type: `keyof typeof ${name}.parameters`,
    },
    {
      kind: StructureKind.TypeAlias,
      name: "Sizes",
      docs: ["What it was built for: B sequences of T tokens."],
      type: builds.map(({ sizes }) => `{ readonly B: ${sizes.B}; readonly T: ${sizes.T} }`).join(" | "),
    },
  ],
});
