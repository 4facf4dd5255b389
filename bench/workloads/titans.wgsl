// As one would write it first: a workgroup for each head, an invocation for each hidden unit, and all matrices
// in memory.

struct Run {
  tokens: u32,
  heads: u32,
}

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> alpha: array<f32>;
@group(0) @binding(4) var<storage, read> eta: array<f32>;
@group(0) @binding(5) var<storage, read> theta: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;
@group(0) @binding(8) var<uniform> run: Run;

const d = 64u;
const m = 4u * d;
const chunk = 16u;

// Where each matrix begins in the record of a head; the first of each pair is [d, m], the second [m, d].
const W1 = 0u;
const W2 = d * m;
const S1 = 2u * d * m;
const S2 = 3u * d * m;
const frozen1 = 4u * d * m;
const frozen2 = 5u * d * m;

var<workgroup> x: array<f32, d>;
var<workgroup> hidden: array<f32, m>;
var<workgroup> z: array<f32, d>;
var<workgroup> dz: array<f32, d>;

fn gelu(a: f32) -> f32 {
  return 0.5 * a * (1.0 + tanh(0.7978845608 * (a + 0.044715 * a * a * a)));
}

fn slope(a: f32) -> f32 {
  let s = tanh(0.7978845608 * (a + 0.044715 * a * a * a));
  return 0.5 * (1.0 + s) + 0.5 * a * (1.0 - s * s) * 0.7978845608 * (1.0 + 3.0 * 0.044715 * a * a);
}

// The mean of z, and one over its deviation.
fn moments() -> vec2f {
  var mean = 0.0;
  for (var i = 0u; i < d; i++) {
    mean += z[i];
  }
  mean /= f32(d);
  var variance = 0.0;
  for (var i = 0u; i < d; i++) {
    variance += (z[i] - mean) * (z[i] - mean);
  }
  return vec2f(mean, inverseSqrt(variance / f32(d) + 1e-6));
}

// Into z what the matrices at `first` and `second` make of x; gives this unit's value before the gelu.
fn forward(first: u32, second: u32, unit: u32) -> f32 {
  var a = 0.0;
  for (var i = 0u; i < d; i++) {
    a += state[second + unit * d + i] * x[i];
  }
  hidden[unit] = gelu(a);
  workgroupBarrier();
  if (unit < d) {
    var sum = 0.0;
    for (var j = 0u; j < m; j++) {
      sum += state[first + unit * m + j] * hidden[j];
    }
    z[unit] = sum;
  }
  workgroupBarrier();
  return a;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) unit: u32) {
  let record = group.y * 6u * d * m;
  for (var t = 0u; t < run.tokens; t++) {
    let token = t * run.heads + group.y;
    let base = token * d;
    if (t % chunk == 0u) {
      for (var i = unit; i < 2u * d * m; i += m) {
        state[record + frozen1 + i] = state[record + W1 + i];
      }
    }
    if (unit < d) {
      x[unit] = k[base + unit];
    }
    storageBarrier();
    workgroupBarrier();
    let a = forward(record + frozen1, record + frozen2, unit);
    let at = moments();
    if (unit == 0u) {
      var centre = 0.0;
      var along = 0.0;
      for (var i = 0u; i < d; i++) {
        let normal = (z[i] - at.x) * at.y;
        dz[i] = x[i] + normal - v[base + i];
        centre += dz[i] / f32(d);
        along += dz[i] * normal / f32(d);
      }
      for (var i = 0u; i < d; i++) {
        let normal = (z[i] - at.x) * at.y;
        dz[i] = (dz[i] - centre - normal * along) * at.y;
      }
    }
    workgroupBarrier();
    var back = 0.0;
    for (var i = 0u; i < d; i++) {
      back += state[record + frozen1 + i * m + unit] * dz[i];
    }
    let da = back * slope(a);
    for (var i = 0u; i < d; i++) {
      let one = record + i * m + unit;
      state[one + S1] = eta[token] * state[one + S1] + theta[token] * dz[i] * hidden[unit];
      state[one + W1] = alpha[token] * state[one + W1] - state[one + S1];
      let two = record + unit * d + i;
      state[two + S2] = eta[token] * state[two + S2] + theta[token] * da * x[i];
      state[two + W2] = alpha[token] * state[two + W2] - state[two + S2];
    }
    storageBarrier();
    workgroupBarrier();
    if (unit < d) {
      x[unit] = q[base + unit];
    }
    workgroupBarrier();
    forward(record + W1, record + W2, unit);
    let out = moments();
    if (unit < d) {
      y[base + unit] = x[unit] + (z[unit] - out.x) * out.y;
    }
    workgroupBarrier();
  }
}
