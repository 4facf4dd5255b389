/** What `miras explain CODE` says of a syntax error; the grammar itself words the short message. */
export const syntaxExplanations = {
  "syntax-unexpected":
    "A word or sign stands where it has no meaning. An item ends where the next one begins: there are no semicolons, and a line may go on below. `=` defines, `==` compares; `W'` is W after the token, with the prime directly after the name. Two values never stand side by side: a product is `a * b`, of matrices `A @ b`, of two vectors `outer(a, b)`.",
  "syntax-unclosed":
    "A bracket is opened and not closed, or closed by one of another kind. Both places are shown: where it was opened, and where it was missed. The blocks of definitions stand in `{ }`, arguments in `( )`, shapes in `[ ]`.",
  "syntax-character":
    "A character that the language does not use. Names are letters of any alphabet, digits and underscores; comments start with `//` or stand between `/*` and `*/`. Nothing is quoted but the path of an import, items end without a `;`, and powers are written `x^2`.",
  "syntax-number": "Numbers are written 1, 0.5, .5 or 1e-6. A product needs its sign: `2 * x`.",
  "syntax-item":
    "Each definition has items of its own. A model: the four choices, gate, param, const, let, input, output, chunk, require, expect. A memory: state, read, require, let. A bias: loss, grad, let. A retention: keep, link, prox, minimize, let. An algorithm: state, a primed state, step, let. A network: vocabulary, width, heads, dk, dv, layers, block, embeddings, norm. Imports stand before all definitions.",
  "syntax-name":
    "The words that begin a definition or an item of a model cannot be names. Most other words can: `step`, `grad`, `read`, `state`, `size` and the like are names wherever a value is expected.",
  "too-deep": "An expression may nest at most 100 brackets deep. Name its parts with `let`, or with an `fn`.",
  "file-too-large":
    "A file may have at most a million characters: a spec is a page, and this is probably another file.",
} as const;
