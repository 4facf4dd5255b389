// As one would write it first: a workgroup for each head, an invocation for each row of the state, keys and
// queries read straight from memory.

struct Run {
  tokens: u32,
  heads: u32,
}

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> alpha: array<f32>;
@group(0) @binding(4) var<storage, read> eta: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<uniform> run: Run;

const d = 64u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) row: u32) {
  var w: array<f32, d>;
  for (var t = 0u; t < run.tokens; t++) {
    let token = t * run.heads + group.y;
    let base = token * d;
    var z = 0.0;
    for (var j = 0u; j < d; j++) {
      z += w[j] * k[base + j];
    }
    let error = clamp(alpha[token] * z - v[base + row], -delta[token], delta[token]);
    var out = 0.0;
    for (var j = 0u; j < d; j++) {
      w[j] = alpha[token] * w[j] - eta[token] * error * k[base + j];
      out += w[j] * q[base + j];
    }
    y[base + row] = out * inverseSqrt(f32(d));
  }
}
