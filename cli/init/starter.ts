/** The spec that `miras init` writes. */

export const starter = (name: string): string => `\
// ${name}: a memory that learns while it reads, by gradient descent on a loss of your own.
// Change a line, and \`miras explain\` shows what follows from it.

// The loss of a read y where v was right: squared near v, and linear far from it, so that an outlier
// moves the memory no further than any other large error does.
bias mine(y, v) = sum(sqrt(1 + (y - v)^2) - 1)

// Its derivative, for the rule that is expected below; the compiler finds it without your help.
fn pull(error) = error / sqrt(1 + error^2)

model ${name} {
  // What is kept: a matrix, read as W @ k. Or \`mlp\`, a perceptron of two layers.
  memory     matrix
  // What a read should get right: the loss above. Or \`l2\`, the squared error; \`l1\`; \`huber(1)\`; \`dot\`.
  bias       mine
  // What is forgotten: the part 1 - alpha of the memory with each token.
  // Or \`kl(alpha)\`, which keeps rows of probabilities; \`none\`, without the gate alpha.
  retention  decay(alpha)
  // How a gradient becomes a step: at rate eta, from what was kept. Or \`momentum(alpha, eta)\`.
  algorithm  gd(eta, at: kept)

  // For each token: the rates by learned projections, within their ranges; the query q, the key k and
  // the value v by projections, each with a convolution over the last 4 tokens.
  gate  alpha in (0, 1)
  gate  eta   in (0, 1)
  input q, k = project |> conv(4) |> silu |> unit
  input v    = project |> conv(4) |> silu
  output     = norm(read(q)) * silu(project)

  // The update that you believe in, which \`miras check\` proves. It is of the choices above: with others,
  // write theirs, or take it out.
  expect W' = alpha * W - eta * outer(pull(alpha * W @ k - v), k)
}
`;
