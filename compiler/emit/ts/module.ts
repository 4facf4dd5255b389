/** Writes the TypeScript module of a file: a class for each model and network, its types, and the data that it runs on. */
import {
  IndentationText,
  type InterfaceDeclarationStructure,
  ModuleDeclarationKind,
  Project,
  type PropertyDeclarationStructure,
  type StatementStructures,
  StructureKind,
  type TypeAliasDeclarationStructure,
  ts,
} from "ts-morph";
import { codeOf, Kernels } from "./code.ts";
import type { ModelDescription, ModuleDescription, TensorDescription } from "./description.ts";
import { aboutFile, aboutInput, aboutModel, aboutState } from "./docs.ts";
import { key, literal } from "./literal.ts";
import { networkClassOf, networkMethodsOf, networkTypesOf } from "./network-class.ts";
import { NetworkKernels, networkCodeOf } from "./network-code.ts";
import type { NetworkDescription } from "./network-description.ts";

/** A module as its source, and as those who run it and those who import it want it. */
export interface ModuleText {
  readonly ts: string;
  readonly js: string;
  readonly dts: string;
}

/** Names that a class of the module would hide. */
const TAKEN = new Set(["runtime", "Float32Array", "Promise"]);

/** Whether a class of a module can have this name. */
export const isFreeName = (name: string): boolean =>
  !TAKEN.has(name) && ts.identifierToKeywordKind(ts.factory.createIdentifier(name)) === undefined;

/** Constants of a model or a network: with a sign that no name of a spec has. */
const kernelsName = (model: string): string => `${model}$kernels`;
const codeName = (model: string): string => `${model}$code`;

export function printModule(description: ModuleDescription): ModuleText {
  const header = `// Compiled by miras ${description.version} from ${description.source}: change that file, and build it again.\n`;
  const classes = classesOf(description);
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    isolatedDeclarations: true,
    strict: true,
  };
  // The data is large and the same in both languages, but for what the types of TypeScript are told.
  const data = (isTyped: boolean): string =>
    [
      ...description.models.map((model) => dataOf(model, isTyped)),
      ...description.networks.map((network) => networkDataOf(network, isTyped)),
    ].join("");
  return {
    ts: [header, classes, "\n", data(true)].join(""),
    js: [header, ts.transpileModule(classes, { compilerOptions }).outputText, data(false)].join(""),
    dts: [header, ts.transpileDeclaration(classes, { compilerOptions }).outputText].join(""),
  };
}

/** The constants of a model. A bundler drops those of a class that nobody imports, and a function more surely than data. */
function dataOf(model: ModelDescription, isTyped: boolean): string {
  const kernels = new Kernels(kernelsName(model.name));
  const code = literal(codeOf(model, kernels));
  return [
    `const ${kernelsName(model.name)} = ${kernels.print()}${isTyped ? " as const" : ""};\n`,
    `const ${codeName(model.name)} = ()${isTyped ? ": runtime.MemoryCode" : ""} => (${code});\n`,
  ].join("");
}

function networkDataOf(network: NetworkDescription, isTyped: boolean): string {
  const kernels = new NetworkKernels(network);
  const { name } = network;
  const code = literal(networkCodeOf(network, kernelsName(name), kernels));
  return [
    `const ${kernelsName(name)} = ${kernels.print()}${isTyped ? " as const" : ""};\n`,
    `const ${codeName(name)} = ()${isTyped ? ": runtime.NetworkCode" : ""} => (${code});\n`,
  ].join("");
}

function classesOf({ models, networks }: ModuleDescription): string {
  const project = new Project({
    useInMemoryFileSystem: true,
    manipulationSettings: { indentationText: IndentationText.TwoSpaces },
  });
  const file = project.createSourceFile("module.ts", {
    statements: [
      {
        kind: StructureKind.ImportDeclaration,
        namespaceImport: "runtime",
        moduleSpecifier: "miras/runtime",
      },
      ...models.flatMap((model) => [classOf(model), typesOf(model)]),
      ...networks.flatMap((network) => [
        networkClassOf(network, codeName(network.name)),
        networkMethodsOf(network),
        networkTypesOf(network),
      ]),
    ],
  });
  return file.getFullText();
}

/** The class of a model: all that it does is the runtime's, and its types are its own. */
function classOf(model: ModelDescription): StatementStructures {
  const { name, gates, parameters, states, knowsLayer } = model;
  const list = (property: string, type: string, names: readonly string[]): PropertyDeclarationStructure[] =>
    names.length === 0
      ? []
      : [
          {
            kind: StructureKind.Property,
            name: property,
            isStatic: true,
            isReadonly: true,
            type: `readonly ${name}.${type}[]`,
            initializer: `[${names.map((n) => JSON.stringify(n)).join(", ")}]`,
          },
        ];
  return {
    kind: StructureKind.Class,
    name,
    isExported: true,
    docs: [aboutModel(model)],
    extends: `runtime.Memory<${name}.Inputs, ${name}.States>`,
    properties: [
      ...list("gates", "Gate", gates),
      ...list(
        "parameters",
        "Parameter",
        parameters.map((p) => p.name),
      ),
      ...list(
        "states",
        "State",
        states.map((s) => s.name),
      ),
    ],
    methods: [
      {
        name: "create",
        isStatic: true,
        isAsync: true,
        docs: [
          `\nCompiles the kernels for a device and these sizes, which are among those it was built for.\n${aboutFile(model)}`,
        ],
        parameters: [
          { name: "device", type: "runtime.Device" },
          { name: "sizes", type: `${name}.Sizes` },
          ...(knowsLayer ? [{ name: "layer", type: "runtime.Layer", hasQuestionToken: true }] : []),
        ],
        returnType: `Promise<${name}>`,
        statements: [
          `return new ${name}(await ${name}.prepare(device, ${codeName(name)}(), sizes${knowsLayer ? ", layer" : ""}));`,
        ],
      },
    ],
  };
}

/** The types of a model, under its own name. */
function typesOf(model: ModelDescription): StatementStructures {
  const { name, inputs, gates, parameters, states, steps } = model;
  const numbers = (
    of: string,
    docs: string,
    tensors: readonly TensorDescription[],
    about: (t: TensorDescription) => string,
  ): InterfaceDeclarationStructure => ({
    kind: StructureKind.Interface,
    name: of,
    docs: [docs],
    properties: tensors.map((t) => ({
      name: key(t.name),
      type: "Float32Array",
      isReadonly: true,
      docs: [about(t)],
    })),
  });
  const names = (of: string, docs: string, all: readonly string[]): TypeAliasDeclarationStructure[] =>
    all.length === 0
      ? []
      : [
          {
            kind: StructureKind.TypeAlias,
            name: of,
            docs: [docs],
            type: all.map((n) => JSON.stringify(n)).join(" | "),
          },
        ];
  return {
    kind: StructureKind.Module,
    declarationKind: ModuleDeclarationKind.Namespace,
    name,
    isExported: true,
    hasDeclareKeyword: true,
    statements: [
      ...names(
        "Gate",
        "Inputs that steer what is kept and learned, as final values: after any squashing.",
        gates,
      ),
      ...names(
        "Parameter",
        "What is learned, and the same for every token.",
        parameters.map((p) => p.name),
      ),
      ...names(
        "State",
        "What is carried from token to token.",
        states.map((s) => s.name),
      ),
      {
        kind: StructureKind.TypeAlias,
        name: "Sizes",
        docs: ["What it was built for, with any number H of heads and B of sequences (1 unless given)."],
        type: `{ readonly H: number; readonly B?: number } & (${model.builds.map(({ sizes }) => sizesType(sizes)).join(" | ")})`,
      },
      numbers("Inputs", "What it reads of each token.", inputs, (t) => aboutInput(t, steps)),
      numbers("States", "What it holds after a token.", states, aboutState),
    ],
  };
}

const sizesType = (sizes: Readonly<Record<string, number>>): string =>
  `{ ${Object.entries(sizes)
    .map(([n, x]) => `readonly ${key(n)}: ${x}`)
    .join("; ")} }`;
