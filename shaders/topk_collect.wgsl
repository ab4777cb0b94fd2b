// Top-k, step 3 of 3: the rows of all keys from the k-th greatest on, in no particular order. See topk_count.wgsl for the whole.
//
// workgroup   LANES invocations
// dispatch    x = workgroups that share the keys of a query, y = queries
//
// binding 0   uniform     Params, 32 bytes
// binding 1   read        keys: row r of query q at q · stride + r; 0 is a row that is off
// binding 3   read        states: one for each query, after the last round
// binding 4   read_write  found: HEADER + 2 · capacity words for each query, all 0 before: how many rows were found (more
//                         than capacity when many are equal: the rest is not written), the least key that counts, the
//                         ticket (says that this pass has run), 0; then (row, key) pairs

override LANES: u32 = 256u;
const HEADER: u32 = 4u;

struct Params {
  rows: u32,
  stride: u32,
  wanted: u32,
  capacity: u32,
  ticket: u32,
  unused_0: u32,
  unused_1: u32,
  unused_2: u32,
}

struct State {
  prefix: u32,
  missing: u32,
  all: u32,
  unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(3) var<storage, read> states: array<State>;
@group(0) @binding(4) var<storage, read_write> found: array<atomic<u32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = group.y * params.stride;
  let start = group.y * (HEADER + 2u * params.capacity);
  let least = states[group.y].prefix;
  if (group.x == 0u && lane == 0u) {
    atomicStore(&found[start + 1u], least);
    atomicStore(&found[start + 2u], params.ticket);
  }
  for (var row = group.x * LANES + lane; row < params.rows; row += groups.x * LANES) {
    let key = keys[first + row];
    if (key != 0u && key >= least) {
      let at = atomicAdd(&found[start], 1u);
      if (at < params.capacity) {
        atomicStore(&found[start + HEADER + 2u * at], row);
        atomicStore(&found[start + HEADER + 2u * at + 1u], key);
      }
    }
  }
}
