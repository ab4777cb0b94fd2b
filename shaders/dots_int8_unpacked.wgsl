// int8 rows × int16 queries, unpacked: for WGSL without packed_4x8_integer_dot_product. Sums are exact.
//
// Each word is taken apart into four integers, which meet the query's int16 values as they are. No partial sum leaves i32:
// src/vector/quantize.rs scales queries for that.
//
// workgroup   LANES invocations = one tile of LANES rows, one row each
// dispatch    x · y ≥ tiles; tile = y · (number of x) + x
//
// binding 0   uniform  Params, 64 bytes
// binding 1   read     items: word w of row r of the part at (r / LANES · words + w) · LANES + r % LANES: neighbouring
//                      invocations read neighbouring words; four int8 a word, first value lowest, padded with zeros
// binding 2   read     row_data: (scale, subtrahend) of each row of the part
// binding 3   read     queries: the four values of query q, word w, as int16 in (first two, last two), the earlier one of
//                      a pair in the lower half, at w · QUERY_SLOTS + q
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
  // 1: keys are the bare sums (as bits of an i32), 0 where a row is off. 0: keys as of key().
  raw: u32,
  unused: u32,
  // score = (sum · scale) · factor − subtrahend
  factors: array<vec4<f32>, 2>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> items: array<u32>;
@group(0) @binding(2) var<storage, read> row_data: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> queries: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> mask: array<u32>;
@group(0) @binding(5) var<storage, read_write> keys: array<u32>;

// Unsigned keys in the order of scores; 0, which no finite score has, is a row that is off.
fn key(score: f32) -> u32 {
  let bits = bitcast<u32>(score);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

// Four signed bytes: moved to the top of the word, then back with their sign.
fn four(word: u32) -> vec4<i32> {
  return (bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u))) >> vec4<u32>(24u);
}

// Two signed int16.
fn pair(word: u32) -> vec2<i32> {
  return (bitcast<vec2<i32>>(vec2<u32>(word) << vec2<u32>(16u, 0u))) >> vec2<u32>(16u);
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
  var sums: array<i32, QUERY_SLOTS>;
  if (on) {
    let start = tile * params.words * LANES + lane;
    for (var word = 0u; word < params.words; word++) {
      let values = four(items[start + word * LANES]);
      for (var q = 0u; q < QUERIES; q++) {
        let query = queries[word * QUERY_SLOTS + q];
        sums[q] += dot(values, vec4<i32>(pair(query.x), pair(query.y)));
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
      let score = (f32(sum) * data.x) * params.factors[q / 4u][q % 4u] - data.y;
      out = select(key(score), bitcast<u32>(sum), params.raw != 0u);
    }
    keys[q * params.stride + slot] = out;
  }
}
