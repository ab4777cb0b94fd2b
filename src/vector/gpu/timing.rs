//! How long each pass takes, by the GPU's own clock: timestamps where the adapter has them, read back with the answer.

use super::answer::PassTimes;
use super::device::Gpu;

/// Passes of a search: products, selection, collection. Sums for the ranker have the first one only.
const PASSES: u32 = 3;

/// Bytes of the times of so many passes: a beginning and an end for each, 8 bytes each.
pub(super) fn times_bytes(passes: u32) -> u64 {
    u64::from(passes) * 2 * 8
}

/// Where timestamps are written.
pub(super) struct Timer {
    set: wgpu::QuerySet,
    /// As plain numbers; only buffers can be copied to where the CPU reads.
    resolved: wgpu::Buffer,
}

impl Timer {
    /// Nothing where the adapter has no timestamps.
    pub(super) fn new(gpu: &Gpu) -> Option<Self> {
        gpu.times_passes().then(|| Self {
            set: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("homebody times"),
                ty: wgpu::QueryType::Timestamp,
                count: PASSES * 2,
            }),
            resolved: gpu.buffer(
                "homebody times",
                times_bytes(PASSES),
                wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            ),
        })
    }

    /// What has the pass of that number write when it begins and ends.
    pub(super) fn writes(&self, pass: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: Some(pass * 2),
            end_of_pass_write_index: Some(pass * 2 + 1),
        }
    }

    /// Encodes the copy of the times of the first `passes` passes to `buffer`, from `at` on. Those must have been encoded: Vulkan
    /// waits for ever for a time that nobody writes.
    pub(super) fn copy(&self, encoder: &mut wgpu::CommandEncoder, passes: u32, buffer: &wgpu::Buffer, at: u64) {
        encoder.resolve_query_set(&self.set, 0..passes * 2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, buffer, at, times_bytes(passes));
    }
}

/// The times in the words that [`Timer::copy`] left; `period_ns` is the length of a tick. A pass that was not there took none.
pub(super) fn pass_times(words: &[u32], period_ns: f32) -> PassTimes {
    let tick =
        |at: usize| words.get(2 * at..2 * at + 2).map_or(0, |tick| u64::from(tick[0]) | u64::from(tick[1]) << 32);
    // Clocks of GPUs may be set back between passes; a time below nothing is none.
    let ms = |pass: usize| tick(pass * 2 + 1).saturating_sub(tick(pass * 2)) as f64 * f64::from(period_ns) / 1e6;
    PassTimes { products_ms: ms(0), selection_ms: ms(1), collection_ms: ms(2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_milliseconds_and_never_less_than_none() {
        // 1,000,000 ticks across the border of two words; 250,000; and a clock that was set back.
        let words = [u32::MAX, 0, 999_999, 1, 0, 7, 250_000, 7, 9, 0, 8, 0];
        let times = pass_times(&words, 2.0);
        assert_eq!(times, PassTimes { products_ms: 2.0, selection_ms: 0.5, collection_ms: 0.0 });
        assert_eq!(pass_times(&words[..4], 1.0), PassTimes { products_ms: 1.0, ..PassTimes::default() });
    }
}
