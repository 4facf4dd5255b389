/** What the checker says. Codes are stable: users search for them. */
import { entry } from "./entry.ts";

export const checkMessages = {
  "unknown-name": entry<{ name: string }>(
    ({ name }) => `there is no \`${name}\` here`,
    "A name must be declared before it means anything: as a gate, param, const, let or input of the model, as a parameter of the definition, or as a function. The sizes `dk` and `dv`, and `head`, `heads`, `layer` and `layers`, are always known. A name of an outer block is visible inside, but a definition (memory, bias, …) sees only its own parameters: pass what it needs.",
  ),
  "unknown-function": entry<{ name: string }>(
    ({ name }) => `there is no function \`${name}\``,
    "Functions are those of the prelude (`specs/prelude/functions.miras`), the operations that are built in (`exp`, `log`, `tanh`, `sum`, `outer`, …), and those that the file defines with `fn name(x) = …`.",
  ),
  "unknown-choice": entry<{ kind: string; name: string }>(
    ({ kind, name }) => `there is no ${kind} called \`${name}\``,
    "The four choices name definitions: `memory`, `bias`, `retention` and `algorithm`. Those that come with the compiler are in `specs/prelude/`, a few lines each; a file may define its own beside the model, in the same language. A mean squared error, an optimiser or a normalisation under the name that another library gives it is written so in a line or two.",
  ),
  "wrong-kind": entry<{ kind: string; name: string; is: string }>(
    ({ kind, name, is }) => `\`${name}\` is a ${is}, not a ${kind}`,
    "Each of the four choices takes a definition of its own kind: `memory` a memory, `bias` an attentional bias (the objective), `retention` what is kept of the old state, `algorithm` how the gradient becomes a step. A definition says its kind where it is made: its first word.",
  ),
  "missing-choice": entry<{ model: string; missing: string }>(
    ({ model, missing }) => `model \`${model}\` does not choose its ${missing}`,
    "A model is four choices, and each is required: memory, bias, retention, algorithm. To keep all of the old state, or to have no objective worth the name, is a choice too.",
  ),
  "duplicate-choice": entry<{ kind: string }>(
    ({ kind }) => `the ${kind} is chosen twice`,
    "A model makes each of the four choices once. To compare two of them, write two models.",
  ),
  "duplicate-name": entry<{ name: string }>(
    ({ name }) => `\`${name}\` is declared twice`,
    "Within one block a name stands for one thing. Primes are not part of a name: `S'` is `S` after the token.",
  ),
  "reserved-name": entry<{ name: string }>(
    ({ name }) => `\`${name}\` already has a meaning here`,
    "The sizes `dk` and `dv`, the numbers `head`, `heads`, `layer` and `layers`, `I`, `grad`, `prev`, and the built-in operations cannot be declared again.",
  ),
  "duplicate-item": entry<{ item: string }>(
    ({ item }) => `\`${item}\` is given twice`,
    "An `output`, a `chunk`, a `read`, a `step` and the like can stand once in their block, and each argument can be given once: by position or by name, not both. Keep the one that is meant.",
  ),
  "missing-item": entry<{ what: string; item: string }>(
    ({ what, item }) => `${what} has no \`${item}\``,
    "A memory needs at least one `state` and a `read(x [dk]) = …`, which says how a key is answered; a bias needs a `loss` or a `grad`; an algorithm needs a `step`, and for each state of its own a line `S' = …`. A network needs its `vocabulary`, `width`, `heads` and `block`.",
  ),
  "missing-argument": entry<{ what: string; name: string }>(
    ({ what, name }) => `${what} needs \`${name}\``,
    "A parameter without a default must be given, by position or as `name: value`. A choice's parameter may also be left out where the model declares a gate, param, const or let of the same name.",
  ),
  "unknown-argument": entry<{ what: string; name: string }>(
    ({ what, name }) => `${what} has no parameter \`${name}\``,
    "Arguments are given by position or by the parameter's name. Every algorithm also takes `at: prev` or `at: kept`: where the gradient is taken.",
  ),
  "too-many-arguments": entry<{ what: string; takes: number; given: number }>(
    ({ what, takes, given }) =>
      `${what} takes ${takes === 0 ? "no arguments" : takes === 1 ? "one argument" : `${takes} arguments`}, not ${given}`,
    "The definition says how many parameters there are. A bias is given the read `y` and the value `v` by the compiler, so these are not counted; a built-in operation takes what its name in mathematics takes.",
  ),
  "argument-kind": entry<{ what: string; wants: string; is: string }>(
    ({ what, wants, is }) => `${what} should be ${wants}, but this is ${is}`,
    "Parameters are numbers or tensors (`real`), sizes (`size`: `dk`, `4`, `2 * dk`) or functions given by name (`function`).",
  ),
  "argument-range": entry<{ what: string; wants: string; is: string }>(
    ({ what, wants, is }) => `${what} must be ${wants}, but this can be ${is}`,
    "A definition says which values its parameters may take, such as `alpha: real in [0, 1]`, and the checker follows the ranges of gates and params through expressions. Give the gate a range that fits (`gate alpha in (0, 1)` is squashed by a sigmoid, `> 0` by a softplus), or map the quantity into the range.",
  ),
  "shape-mismatch": entry<{ what: string }>(
    ({ what }) => what,
    "Shapes are lists of named dimensions. `dk`, the length of keys, and `dv`, the length of values, are different even where the numbers happen to be equal, unless the model says `require dv = dk`.",
  ),
  "broadcast-union": entry<{ left: string; right: string; op: string }>(
    ({ left, right, op }) => `${left} ${op} ${right}: neither side has all the dimensions`,
    "Elementwise operations need equal shapes, a scalar, or one side whose dimensions are among the other's: `[dk]` with `[dv, dk]` scales columns. A vector of keys with a vector of values has no such reading; the matrix of all products is `outer(a, b)`.",
  ),
  "broadcast-ambiguous": entry<{ shape: string; other: string }>(
    ({ shape, other }) => `${shape} could lie along more than one dimension of ${other}`,
    "Where a matrix has one dimension twice, say which is meant: `outer(x, y)`, `M @ x`, or a diagonal by `x * I`.",
  ),
  "contraction-mismatch": entry<{ left: string; right: string }>(
    ({ left, right }) =>
      `\`@\` contracts the last dimension of ${left} with the first of ${right}, and they differ`,
    "`W @ k` sums over the dimension in between: the last of the left side and the first of the right side. `transpose(W)` turns a matrix around.",
  ),
  "not-a-dimension": entry<{ shape: string; dim: string }>(
    ({ shape, dim }) => `${shape} has no single dimension ${dim}`,
    "`sum(x, dk)` and `maxOver(x, dk)` run over one named dimension, which the argument must have exactly once.",
  ),
  "bad-size": entry<{ why: string }>(
    ({ why }) => `this is not a size: ${why}`,
    "A size is a whole number from 1 on, a name such as `dk` or a size parameter, or a product of these.",
  ),
  domain: entry<{ reason: string }>(
    ({ reason }) => reason,
    "Ranges are carried through expressions by interval analysis, from the ranges of gates, params and constants. It is careful: what might be outside the domain is refused. Rewrite the expression so that its range shows.",
  ),
  "expected-condition": entry<{ is: string }>(
    ({ is }) => `expected a condition, but this is ${is}`,
    "`where(condition, a, b)` takes a comparison first: `abs(e) <= delta`. A number is not true or false; write what it is compared with.",
  ),
  "unexpected-condition": entry(
    () => "a condition cannot be used as a number",
    "Comparisons give conditions, and conditions are for `where(condition, a, b)`: `where(x > 0, 1, 0)` makes a number of one.",
  ),
  "not-a-scalar": entry<{ what: string; shape: string }>(
    ({ what, shape }) => `${what} must be a scalar, but this is ${shape}`,
    "The attentional bias is one number for each token: sum over what is left, as in `sum((y - v)^2) / 2`.",
  ),
  "not-a-value": entry<{ is: string }>(
    ({ is }) => `expected a number or a tensor, but this is ${is}`,
    "Functions are passed by name to parameters of type `function`; elsewhere they must be called: `tanh(x)`, not `tanh * x`.",
  ),
  "identity-shape": entry(
    () => "`I` takes its shape from its neighbour, and has no neighbour of that kind",
    "`I` is the identity matrix of whatever square matrix stands on the other side of its operator: `I - beta * outer(k, k)`. Beside a vector or a number it has no size; a vector is scaled by a number alone, without `I`.",
  ),
  "too-large": entry(
    () => "this model is too large: its functions call others more than 1000 times",
    "Functions are inlined. Where each calls another twice, with different arguments, twenty of them are a million calls. Write the sum or the product that is meant in fewer calls, or name intermediate results with `let` and call the functions with these.",
  ),
  "recursive-function": entry<{ name: string }>(
    ({ name }) => `\`${name}\` calls itself`,
    "Functions are inlined, so that a call must come to an end without running: recursion has no meaning here.",
  ),
  "definition-cycle": entry<{ name: string }>(
    ({ name }) => `\`${name}\` is defined by itself`,
    "`let` and `const` name quantities; a quantity cannot depend on itself, directly or through others. What a state was before the token is `W`, and after it `W'`: a rule such as `S' = eta * S + grad` is no circle.",
  ),
  "unused-gate": entry<{ name: string }>(
    ({ name }) => `gate \`${name}\` is not used`,
    "A gate that nothing reads would be predicted for every token and thrown away. Pass it to a choice, or remove it. A gate that stands only in an `expect` is not used either: `expect` is a claim about the model, not a part of it.",
  ),
  "bad-range": entry<{ why: string }>(
    ({ why }) => `this range is empty or not of numbers: ${why}`,
    "A range is `in (a, b)`, `in [a, b]`, `> a`, `>= a`, `< b` or `<= b`, with constant numbers and a < b.",
  ),
  "gate-range": entry<{ range: string }>(
    ({ range }) => `a gate cannot be squashed into ${range}`,
    "A gate's range picks its squashing: (0, 1) and other bounded ranges a sigmoid, `> 0` a softplus; a gate without a range is the projection itself. Any other range needs a definition: `gate g … = expression`.",
  ),
  "bad-start": entry<{ name: string; why: string }>(
    ({ name, why }) => `\`${name}\` cannot start there: ${why}`,
    "`start` says what a gate or a param is before anything is learned: `gate alpha in (0, 1) start 0.95`. It is a number between the ends of the range; a gate then starts so for every token. A gate whose value is given, `gate g = expression`, has no start of its own.",
  ),
  "bad-chunk": entry(
    () => "the chunk must be a whole number of tokens, at least 1",
    "`chunk 16` takes gradients at the state at the start of each chunk of 16 tokens. It is part of the model's meaning: another chunk is another model. Without `chunk` every token has a gradient of its own.",
  ),
  "bad-point": entry(
    () => "`at` is `prev` or `kept`",
    "`at: prev` takes the gradient at the memory before the token, `at: kept` at what retention kept of it. With a squared error and a linear read the first gives W(αI − βkkᵀ), the second αW(I − βkkᵀ).",
  ),
  "input-shape": entry<{ name: string }>(
    ({ name }) => `input \`${name}\` needs a shape`,
    "`q` and `k` are [dk] and `v` is [dv] unless they say otherwise; any other input says its shape: `input p [dk] = …`. `[]` would be a number a head.",
  ),
  "read-outside": entry(
    () => "`read` can be used only in `output` and `expect`",
    "`read(q)` reads the memory after the token, `read(prev, q)` before it. Gates, inputs and `let` are there before the memory is, so they cannot read it.",
  ),
  "layer-outside": entry<{ name: string }>(
    ({ name }) => `\`${name}\` belongs to the layer, not to the memory`,
    "`project`, `conv` and `norm` have learned weights of their own, and `conv` and `rope` know of other tokens: they may stand in `input`, `gate … =` and around the reads in `output`. `norm` is a normalisation of the layer; the length of a vector is `norm2(x)`.",
  ),
  "layer-output": entry(
    () => "the reads of this output cannot be separated from the layer around them",
    "The memory's own output y is the part of `output` that holds every `read` and no `project`, `conv`, `norm` or `rope`: in `norm(read(q)) * silu(project)` it is `read(q)`. Write the layer's operations around one such part.",
  ),
  pipeline: entry<{ why: string }>(
    ({ why }) => why,
    "A pipeline starts from the layer's input: `project |> conv(4) |> silu |> unit`. Each stage is `project`, `conv(width)`, `norm`, `rope`, or a function of one argument. What feeds the memory is made of the layer's input alone: it cannot read the memory's other inputs.",
  ),
  "keep-shape": entry<{ keep: string; state: string; name: string }>(
    ({ keep, state, name }) => `what is kept has shape ${keep}, which does not scale ${name} ${state}`,
    "`keep` is a scalar, a vector along one of the state's dimensions, or of the state's own shape.",
  ),
  "state-shape": entry<{ what: string; is: string; state: string; name: string }>(
    ({ what, is, state, name }) => `${what} has shape ${is}, but ${name} is ${state}`,
    "What becomes of a state must have the state's shape. A rule for a matrix needs a matrix in every term: the error of a read is a vector of values, and `outer(error, k)` the matrix that it makes with the key.",
  ),
  "gradient-mismatch": entry<{ at: string }>(
    ({ at }) => `\`grad\` is not the derivative of \`loss\`: they differ at ${at}`,
    "Where a bias gives both, its `grad` is checked against the derivative of its `loss` with respect to y, at random points in f64. A forgotten factor of 2 or 1/2 is the usual cause; so is an error written the other way round. Leave `grad` out unless the loss has no derivative that is wanted.",
  ),
  "expect-target": entry(
    () => "`expect` states a rule for a state after the token",
    "Write the state with a prime on the left: `expect W' = …`, or `expect S.W1' = …` for the algorithm's state S of the memory's W1. Without the prime the names mean the values before the token, which the rule on the right side may use.",
  ),
  "expect-fails": entry<{ target: string }>(
    ({ target }) => `the derived rule for \`${target}'\` is not this one`,
    "`expect` is a claim, and `check` proves it: symbolically by bringing both sides to one normal form, otherwise numerically in f64 at random points. Here the two sides differ. The note shows the terms in which they differ and a point where they do.",
  ),
  "expect-unproved": entry<{ target: string }>(
    ({ target }) => `this rule for \`${target}'\` could not be checked`,
    "`expect` is proved symbolically where both sides have one normal form, and otherwise by numbers at random points. Where a state has thousands of elements even at the smallest sizes, numbers take too long.",
  ),
  "not-solved": entry<{ term: string }>(
    ({ term }) => `no closed form was found for this minimum because of ${term}`,
    "A penalty is solved by setting its gradient to zero and isolating the state: where it is affine in the state, separable with an invertible derivative (a logarithm, a power, a logit), with a sum held fixed, with an added sum of absolute values, or held to a box. A step to the minimum near what was kept is solved for a memory that is read linearly, and a loss that is quadratic or a sum over channels. The note says which term is in the way. For a retention, give the retention in closed form instead: `keep`, `link(A) = …` or `prox(A) = …`.",
  ),
  "penalty-differs": entry<{ what: string }>(
    ({ what }) => `this penalty is minimised by another ${what} than the one that is given`,
    "A retention may be given in closed form, as the penalty that it minimises, or both ways. Where both stand they are checked against each other, symbolically or in f64 at random points, and here they differ. The note shows what the penalty gives. Remove the closed form, or correct it.",
  ),
  "bad-constraint": entry(
    () => "a state cannot be held to this",
    "`minimize … over …` says where the state may lie: `simplex(dk)`, not negative and of sum 1 along a dimension of the state (`last` is the last dimension of each), `simplex(dk, total)` of another sum, `box(low, high)` between two numbers, `positive` above zero. Without `over` it may be any real.",
  ),
  "link-at-zero": entry<{ state: string }>(
    ({ state }) => `\`${state}\` starts at zero, where its link blows up`,
    "A link that divides by a norm of the accumulator has a negative degree: the smaller the accumulator, the larger what is read. At zero itself it has no value, or, with a small number added below, a slope of the inverse of that number, so that the first token written is read back a million times too large. A memory with such a link starts away from zero: its start is `learned`, or given.",
  ),
  "start-outside": entry<{ state: string }>(
    ({ state }) => `\`${state}\` starts at zero, outside of where its retention keeps it`,
    "A retention that scales each element of the state before, or that is held above zero, cannot leave zero: what starts there stays there, and a logarithm of it has no value. Such a state starts as `learned`, or is given a start inside.",
  ),
  "bad-steps": entry(
    () => "`steps` takes the name of a constant",
    "`steps: n` makes n gradient steps in each token, and the inputs and gates that come with each step have `n` as their first dimension, as in `input k [n, dk]`; the others come once a token. The number stands in the model, `const n = 2`, so that the name can be used in shapes.",
  ),
  "two-ways": entry<{ one: string; other: string }>(
    ({ one, other }) => `${one} and ${other} do not go together`,
    "An algorithm either makes a step of the gradient (`step`, with states of its own, `at`, `error` and `window`), or goes to a minimum outright (`minimize`). A memory either has states and says how they are read, or is a window of the tokens themselves, of which the algorithm says what is read.",
  ),
  "bad-objective": entry<{ why: string }>(
    ({ why }) => `this cannot be minimised: ${why}`,
    "An algorithm can go to three minima. Of one token, near the memory before it: `minimize sum((W - kept)^2) / (2 * eta) + loss`. Of all tokens so far: `minimize past(beta * loss) + sum(lambda * W^2) / 2`. And for a memory that is a window of past tokens, what is read at x: `minimize past(exp(dot(x, k)) * loss) over y`. In each `loss` is the bias of a token; in `past(…)` it stands linearly, and `k` and `v` are those of its token.",
  ),
  "retention-of-optimum": entry(
    () => "this retention cannot be combined with a minimum over all tokens",
    "Where the memory is the minimum of a sum over all tokens, retention is the fraction by which the tokens before count less at each new one: a scalar. A link, a prox, a penalty or a fraction for each channel has no meaning there.",
  ),
  "window-learns-nothing": entry<{ name: string }>(
    ({ name }) => `algorithm \`${name}\` needs a memory with states`,
    "A memory that is a window of past tokens has nothing that a gradient could change. Its algorithm says what is read of the tokens: `minimize past(weight * loss) over y`.",
  ),
  unsquare: entry<{ left: string; right: string }>(
    ({ left, right }) => `\`require\` sets sizes equal, but this compares ${left} with ${right}`,
    "`require dv = dk` takes a size name on each side, and says that the two go together wherever the model is used. Numbers are given when a kernel is built.",
  ),
  "import-missing": entry<{ path: string }>(
    ({ path }) => `there is no file \`${path}\``,
    '`import Name from "file.miras"` reads a model of another file. The path is relative to the file that it stands in, with `/` between folders. A program that compiles text without files says itself what can be imported.',
  ),
  "import-unknown": entry<{ path: string; name: string }>(
    ({ path, name }) => `${path} has no model \`${name}\``,
    "Models are imported, by the names that they have in their file. Their memories, biases, retentions, algorithms and functions come with them; these cannot be imported by themselves, and neither can what a file has imported.",
  ),
  "import-cycle": entry<{ path: string }>(
    ({ path }) => `importing \`${path}\` comes back to a file that imports it`,
    "A file cannot import itself, directly or through others. Put the models that two files share into a third one.",
  ),
  "bad-setting": entry<{ what: string; wants: string; is: string }>(
    ({ what, wants, is }) => `${what} should be ${wants}, but this is ${is}`,
    "The sizes of a network are whole numbers; they may be computed from each other, as in `feedforward(hidden: 4 * width)`. `embeddings` are `tied` or `untied`: whether the logits are made with the weights of the embedding. `norm` is `final`, a norm after the last layer, or `none`.",
  ),
  "uneven-heads": entry<{ width: number; heads: number }>(
    ({ width, heads }) => `${heads} heads cannot share a width of ${width} evenly`,
    "The length of the keys and values of a head is the width divided by the heads, unless `dk` and `dv` say otherwise.",
  ),
  "unknown-part": entry<{ name: string }>(
    ({ name }) => `there is no model and no part called \`${name}\``,
    "`block` lists the parts of a layer, in order: models of the file, models that it imports, and `swiglu(…)` and `feedforward(…)`, which map the channels of each token. Nothing is imported by itself, not even the models of `specs/`.",
  ),
  "bad-part": entry<{ why: string }>(
    ({ why }) => why,
    "A part of a block is a model, with other values for its consts, the numbers and sizes of its choices or its chunk where they are given, as in `Name(chunk: 32)`; or `swiglu(expand: 2)` or `feedforward(expand: 4, act: gelu)`, with `expand` times as many channels inside as the width has, or `hidden` of them. What a model requires of its sizes, such as `dv = dk`, must hold in the network.",
  ),
  "no-model": entry<{ path: string }>(
    ({ path }) => `${path} defines no model`,
    "A file needs a `model Name { … }` to be compiled. A file of definitions alone can be checked, but not explained or run.",
  ),
};
