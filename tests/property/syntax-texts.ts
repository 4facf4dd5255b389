/** Specs in the language, for tests of the grammar. */

export const GATED_DELTA_NET = `// Gated DeltaNet (arXiv 2412.06464)
model GatedDeltaNet {
  memory     matrix
  bias       l2
  retention  decay(alpha)
  algorithm  gd(beta, at: kept)

  gate  alpha in (0, 1)
  gate  beta  in (0, 1)
  input q, k = project |> conv(4) |> silu |> unit
  input v    = project |> conv(4) |> silu
  output     = norm(read(q)) * silu(project)

  expect W' = alpha * W @ (I - beta * outer(k, k)) + beta * outer(v, k)
}
`;

export const DEFINITIONS = `memory matrix {
  state W [dv, dk] = zeros
  read(x [dk]) = W @ x
}

memory mlp(expand: size = 4, act: function = gelu) {
  require dv = dk
  state W1 [dv, expand * dk] = learned
  state W2 [expand * dk, dk] = learned
  read(x) = x + layernorm(W1 @ act(W2 @ x))
}

bias l2(y, v)                     = sum((y - v)^2) / 2
bias lp(y, v, p: real >= 1)       = sum(abs(y - v) ^ p)
bias huber(y, v, delta: real > 0) = sum(where(abs(y - v) <= delta, (y - v)^2 / 2, delta * (abs(y - v) - delta / 2)))

retention decay(alpha: real in [0, 1]) { keep alpha }

retention kl(alpha: real in [0, 1]) {
  keep     alpha
  minimize sum(W * log(W)) over simplex(dk)        // the compiler derives link = softmax over dk
}

retention elastic(beta > 0, lambda > 0) {
  minimize sum((W - prev)^2) / (2 * eta) + sum(W^2) / (2 * beta) + sum(abs(W)) / lambda
}

algorithm gd(eta) { step eta * grad }

algorithm momentum(eta, theta) {
  state S like W = zeros
  S' = eta * S + theta * grad
  step S'
}

fn silu(x) = x * sigmoid(x)
`;

/** Every kind of item, words of the language as names, and both spellings of the operators. */
export const EVERYTHING = `/* Not a model that anyone
   would train. */
model Everything {
  memory     mlp(expand: 2, act: gelu)
  bias       lp(p: 3)
  retention  kl(keep)
  algorithm  momentum(eta, theta)
  gate eta [dv] in (0, 1] rank 32 = sigmoid(project)
  gate theta >= 0 start 0.5
  gate keep in [0, 1)
  param λ [dk, 2 * dk] > -1 start 3
  param u < 1e-6
  const α₀ = 1 − 2 ^ (-5 - head)
  let step = (1 - α₀) · grad × .5
  input q, k, v = project
  input κ [dk]
  output = read(prev, q) |> norm
  chunk 16
  require dv = dk
  expect S.W1' = eta * S.W1 - theta * grad.W1
  expect W1' = where(step ≤ 1, W1, -W1^2)
}

bias explicit(y, v) {
  let e = y - v
  loss sum(e == 0)
  grad grad(e)
}

retention steps(link: real, over [dk] = 1) {
  let keep = 2 * link
  keep keep
  link(A) = exp(A)
  prox(A) = A / (1 + over)
}

algorithm words(eta) {
  state state like W
  state grad like W = zeros
  state' = eta * read(state, grad)
  let loss = grad'
  grad' = loss
  grad.W1' = state'
  step grad'
}

fn pi() = 3.14159
`;

export const NETWORK = `import DeltaNet, Mine from "../deltanet.miras"
import SlidingWindowAttention from "../sliding_window_attention.miras"

// Words of a network are names elsewhere.
model Local {
  memory     matrix
  bias       l2
  retention  decay(width)
  algorithm  gd(layers)
  gate width in (0, 1)
  const heads = 2
  let layers = 1 / heads
}

network Small {
  vocabulary 64
  width      2 * 32          // a size may be computed
  heads      2
  dk         16
  layers     2
  block      DeltaNet, swiglu(expand: 2),
             SlidingWindowAttention(window: 64, dk: 3), feedforward(hidden: 4 * width)
  embeddings tied
}
`;

export const TEXTS = [GATED_DELTA_NET, DEFINITIONS, EVERYTHING, NETWORK];
