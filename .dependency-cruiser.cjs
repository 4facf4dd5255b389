// The direction of imports: a spec walks in at one end of the compiler and kernels walk out at the other. The swc
// parser sees imports of types like any others, so these rules hold for types too; that the runtime takes nothing
// but types from the compiler is for tests/runtime.test.ts to check, by bundling it.

/** Each room, and the rooms that it may import from besides itself. */
const rooms = {
  "compiler/source": [],
  grammar: ["compiler/source"],
  "compiler/messages": ["compiler/source"],
  "compiler/math": ["compiler/source"],
  "compiler/check": ["grammar", "compiler/math", "compiler/source", "compiler/messages"],
  "compiler/derive": ["compiler/check", "compiler/math", "compiler/source"],
  "compiler/form": ["compiler/derive", "compiler/check", "compiler/math", "compiler/source"],
  "compiler/network": [
    "compiler/form",
    "compiler/derive",
    "compiler/check",
    "compiler/math",
    "compiler/messages",
    "compiler/source",
    "grammar",
  ],
  "compiler/kernel": ["compiler/form", "compiler/derive", "compiler/math", "compiler/source"],
  "compiler/dense": ["compiler/kernel", "compiler/form", "compiler/math", "compiler/source"],
  "compiler/plan": [
    "compiler/dense",
    "compiler/network",
    "compiler/kernel",
    "compiler/form",
    "compiler/derive",
    "compiler/emit/wgsl",
    "compiler/math",
    "compiler/source",
  ],
  "compiler/emit": ["compiler/kernel", "compiler/form", "compiler/math", "compiler/source"],
  runtime: ["compiler", "grammar"],
};

const ours = "^(grammar|compiler|runtime|cli|scripts|bench|tests)/";
const rule = (name, from, to) => ({ name, severity: "error", from, to });

module.exports = {
  forbidden: [
    ...Object.entries(rooms).map(([room, others]) =>
      rule(
        `${room} imports ${[...others, "nothing else"].join(", ")}`,
        { path: `^${room}/` },
        { path: ours, pathNot: [room, ...others].map((other) => `^${other}/`) },
      ),
    ),
    rule(
      "the pipeline imports the compiler and the grammar",
      { path: "^compiler/[^/]+$" },
      { path: ours, pathNot: "^(compiler|grammar)/" },
    ),
    rule(
      "the runtime outside runtime/node runs in a browser: no packages",
      { path: "^runtime/(?!node/)" },
      {
        dependencyTypes: ["core", "npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"],
      },
    ),
    rule(
      "the runtime outside runtime/node runs in a browser: nothing of runtime/node",
      { path: "^runtime/(?!node/)" },
      { path: "^runtime/node/" },
    ),
    rule("only tests and benchmarks import cli", { pathNot: "^(cli|tests|bench)/" }, { path: "^cli/" }),
    rule("nobody imports tests", { pathNot: "^tests/" }, { path: "^tests/" }),
    rule("nobody imports bench", { pathNot: "^bench/" }, { path: "^bench/" }),
    rule(
      "ts-morph is for compiler/emit/ts",
      { pathNot: "^compiler/emit/ts/" },
      { path: "^node_modules/ts-morph/" },
    ),
    rule("no cycles", {}, { circular: true }),
    rule("imports are found", {}, { couldNotResolve: true }),
  ],
  options: {
    parser: "swc",
    doNotFollow: { path: "(^|/)node_modules/" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".json"],
      conditionNames: ["import", "node", "default"],
      exportsFields: ["exports"],
    },
  },
};
