// Top-k, step 2 of 3: which bin holds the k-th greatest key. See topk_count.wgsl for the whole.
//
// workgroup   LANES invocations
// dispatch    x = 1, y = queries
//
// binding 0   uniform     Params, 32 bytes
// binding 2   read_write  bins: BINS for each query; set to 0 for the next round
// binding 3   read_write  states: one for each query

override LANES: u32 = 256u;
override LEVEL: u32 = 0u;
const BINS: u32 = 2048u;
// The most invocations that the array below serves.
const MAX_LANES: u32 = 256u;

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
@group(0) @binding(2) var<storage, read_write> bins: array<u32>;
@group(0) @binding(3) var<storage, read_write> states: array<State>;

// Keys in the bins of each invocation.
var<workgroup> shares: array<u32, MAX_LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let query = group.y;
  let share = BINS / LANES;
  let first = query * BINS + lane * share;
  var sum = 0u;
  for (var bin = 0u; bin < share; bin++) {
    sum += bins[first + bin];
  }
  shares[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var state = states[query];
    if (LEVEL == 0u) {
      state.missing = params.wanted;
    }
    // From the greatest keys down: first over whole shares, then over the bins of one.
    var above = 0u;
    var at = LANES;
    while (at > 0u && above + shares[at - 1u] < state.missing) {
      at--;
      above += shares[at];
    }
    if (at == 0u) {
      // Only in the first round can keys run out; later ones look into a bin that has enough.
      state.all = 1u;
    }
    if (state.all == 0u) {
      var bin = at * share;
      var start = query * BINS;
      while (above + bins[start + bin - 1u] < state.missing) {
        bin--;
        above += bins[start + bin];
      }
      let shift = select(select(0u, 10u, LEVEL == 1u), 21u, LEVEL == 0u);
      state.prefix |= (bin - 1u) << shift;
      state.missing -= above;
    } else {
      state.prefix = 1u;
    }
    states[query] = state;
  }
  // Nobody may clear a bin that is still read.
  workgroupBarrier();
  for (var bin = 0u; bin < share; bin++) {
    bins[first + bin] = 0u;
  }
}
