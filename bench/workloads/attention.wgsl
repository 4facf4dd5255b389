// As one would write it first: an invocation for each query, over all keys before it, with a running maximum.

struct Run {
  tokens: u32,
  heads: u32,
}

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> run: Run;

const d = 64u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let t = id.x;
  if (t >= run.tokens) {
    return;
  }
  let base = (t * run.heads + id.y) * d;
  var sum: array<f32, d>;
  var total = 0.0;
  var largest = -3e38;
  for (var i = 0u; i <= t; i++) {
    let past = (i * run.heads + id.y) * d;
    var score = 0.0;
    for (var j = 0u; j < d; j++) {
      score += q[base + j] * k[past + j];
    }
    score *= inverseSqrt(f32(d));
    let next = max(largest, score);
    let kept = exp(largest - next);
    let weight = exp(score - next);
    largest = next;
    total = total * kept + weight;
    for (var j = 0u; j < d; j++) {
      sum[j] = sum[j] * kept + weight * v[past + j];
    }
  }
  for (var j = 0u; j < d; j++) {
    y[base + j] = sum[j] / total;
  }
}
