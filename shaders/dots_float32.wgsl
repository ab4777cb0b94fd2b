// float32 rows × float32 queries. Each product sum is within dims · 2⁻²³ · Σ|qᵢ·xᵢ| of the true one (one rounding of any
// direction per addition and product).
//
// workgroup   LANES invocations = one tile of LANES rows, one row each
// dispatch    x · y ≥ tiles; tile = y · (number of x) + x
//
// binding 0   uniform  Params, 64 bytes
// binding 1   read     items: value w of row r of the part at (r / LANES · words + w) · LANES + r % LANES: neighbouring
//                      invocations read neighbouring values
// binding 2   read     row_data: (1, subtrahend) of each row of the part
// binding 3   read     queries: value w of query q at w · QUERY_SLOTS + q
// binding 4   read     mask: bit r % 32 of word r / 32 for row r of the whole set; not read unless params.masked is 1
// binding 5   write    keys: query q, row r of the whole set at q · stride + r

override LANES: u32 = 64u;
// Queries in this pass, 1 to QUERY_SLOTS: a constant to the compiler, so that loops over it are unrolled.
override QUERIES: u32 = 8u;
const QUERY_SLOTS: u32 = 8u;

struct Params {
  // Rows of this part, and where the first of them stands in the whole set (a multiple of LANES).
  rows: u32,
  first_row: u32,
  words: u32,
  tiles: u32,
  stride: u32,
  masked: u32,
  // 1: keys are the bare sums (as bits of an f32), 0 where a row is off. 0: keys as of key().
  raw: u32,
  unused: u32,
  // score = (sum · scale) · factor − subtrahend
  factors: array<vec4<f32>, 2>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> items: array<f32>;
@group(0) @binding(2) var<storage, read> row_data: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> queries: array<f32>;
@group(0) @binding(4) var<storage, read> mask: array<u32>;
@group(0) @binding(5) var<storage, read_write> keys: array<u32>;

// Unsigned keys in the order of scores; 0, which no finite score has, is a row that is off.
fn key(score: f32) -> u32 {
  let bits = bitcast<u32>(score);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  if (tile >= params.tiles) {
    return;
  }
  let row = tile * LANES + lane;
  let slot = params.first_row + row;
  var on = row < params.rows;
  if (params.masked != 0u && on) {
    on = ((mask[slot / 32u] >> (slot % 32u)) & 1u) != 0u;
  }
  var sums: array<f32, QUERY_SLOTS>;
  if (on) {
    let start = tile * params.words * LANES + lane;
    for (var word = 0u; word < params.words; word++) {
      let value = items[start + word * LANES];
      for (var q = 0u; q < QUERIES; q++) {
        sums[q] += value * queries[word * QUERY_SLOTS + q];
      }
    }
  }
  if (row >= params.rows) {
    return;
  }
  let data = row_data[row];
  for (var q = 0u; q < QUERIES; q++) {
    let sum = sums[q];
    var out = 0u;
    if (on) {
      let score = (sum * data.x) * params.factors[q / 4u][q % 4u] - data.y;
      out = select(key(score), bitcast<u32>(sum), params.raw != 0u);
    }
    keys[q * params.stride + slot] = out;
  }
}
