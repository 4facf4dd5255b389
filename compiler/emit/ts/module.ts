/** Writes the TypeScript module of a file: a class for each model, its types, and the data that it runs on. */
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
import { codeOf, Texts } from "./code.ts";
import type { ModelDescription, ModuleDescription, TensorDescription } from "./description.ts";
import { aboutFile, aboutInput, aboutModel, aboutState } from "./docs.ts";
import { key, literal } from "./literal.ts";

/** A module as its source, and as those who run it and those who import it want it. */
export interface ModuleText {
  readonly ts: string;
  readonly js: string;
  readonly dts: string;
}

/** Names that a class of the module would hide. */
const TAKEN = new Set(["runtime", "wgsl", "codes", "Float32Array", "Promise"]);

/** Whether a class of a module can have this name. */
export const isFreeName = (name: string): boolean =>
  !TAKEN.has(name) && ts.identifierToKeywordKind(ts.factory.createIdentifier(name)) === undefined;

export function printModule(description: ModuleDescription): ModuleText {
  const source = sourceOf(description);
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    isolatedDeclarations: true,
    strict: true,
  };
  const [header = ""] = source.split("\n", 1);
  return {
    ts: source,
    js: ts.transpileModule(source, { compilerOptions }).outputText,
    dts: `${header}\n${ts.transpileDeclaration(source, { compilerOptions }).outputText}`,
  };
}

function sourceOf({ source, version, models }: ModuleDescription): string {
  const texts = new Texts();
  const codes = Object.fromEntries(models.map((m) => [m.name, codeOf(m, texts)]));
  const project = new Project({
    useInMemoryFileSystem: true,
    manipulationSettings: { indentationText: IndentationText.TwoSpaces },
  });
  const file = project.createSourceFile("module.ts", {
    statements: [
      `// Compiled by miras ${version} from ${source}: change that file, and build it again.`,
      {
        kind: StructureKind.ImportDeclaration,
        namespaceImport: "runtime",
        moduleSpecifier: "miras/runtime",
      },
      ...models.flatMap((model) => [classOf(model), typesOf(model)]),
      `const wgsl = ${texts.print()} as const;`,
      `const codes = ${literal(codes)} satisfies Record<string, runtime.MemoryCode>;`,
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
          `return new ${name}(await ${name}.prepare(device, codes.${name}, sizes${knowsLayer ? ", layer" : ""}));`,
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
