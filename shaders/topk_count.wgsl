// Top-k, step 1 of 3: how many keys fall into each bin. Select by radix: three rounds of count and choose look at bits
// 31–21, 20–10 and 9–0 of the keys and end at the exact k-th greatest key; then collect gathers all keys from it on.
//
// workgroup   LANES invocations, bins of its own in workgroup memory (8 KiB)
// dispatch    x = workgroups that share the keys of a query, y = queries
//
// binding 0   uniform     Params, 32 bytes
// binding 1   read        keys: row r of query q at q · stride + r; 0 is a row that is off
// binding 2   read_write  bins: BINS for each query, all 0 before
// binding 3   read        states: one for each query, all 0 before the first round
//
// Levels: 0, 1, 2; each with the bits above it fixed by the rounds before.

override LANES: u32 = 256u;
override LEVEL: u32 = 0u;
const BINS: u32 = 2048u;

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
  // The greatest keys share these upper bits; after the last round: the least key that counts.
  prefix: u32,
  // How many of the wanted are still to be found among the keys with this prefix.
  missing: u32,
  // 1: there are fewer keys than wanted, all of them count.
  all: u32,
  unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> bins: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read> states: array<State>;

var<workgroup> local_bins: array<atomic<u32>, BINS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var bin = lane; bin < BINS; bin += LANES) {
    atomicStore(&local_bins[bin], 0u);
  }
  workgroupBarrier();
  let shift = select(select(0u, 10u, LEVEL == 1u), 21u, LEVEL == 0u);
  let width = select(11u, 10u, LEVEL == 2u);
  // Where the bits that are fixed begin; no meaning in the first round, in which none is.
  let fixed = select(21u, 10u, LEVEL == 2u);
  let first = group.y * params.stride;
  let prefix = states[group.y].prefix;
  for (var row = group.x * LANES + lane; row < params.rows; row += groups.x * LANES) {
    let key = keys[first + row];
    var counts = key != 0u;
    if (LEVEL != 0u) {
      counts = counts && (key >> fixed) == (prefix >> fixed);
    }
    if (counts) {
      atomicAdd(&local_bins[(key >> shift) & ((1u << width) - 1u)], 1u);
    }
  }
  workgroupBarrier();
  for (var bin = lane; bin < BINS; bin += LANES) {
    let count = atomicLoad(&local_bins[bin]);
    if (count != 0u) {
      atomicAdd(&bins[group.y * BINS + bin], count);
    }
  }
}
