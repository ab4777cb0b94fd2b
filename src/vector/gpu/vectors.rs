//! Vectors on the GPU: sent once, brought up to date where they changed.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::TILE;
use super::answer::{GpuStats, PassTimes};
use super::device::{Gpu, Pipelines};
use super::layout::{row_words, write_tile};
use super::search::Scratch;
use super::source::Source;
use super::timing::Timer;

/// A copy of vectors on a GPU. Their source keeps a list of what changed, which each search takes and sends.
pub(crate) struct GpuVectors {
    pub(super) gpu: Rc<Gpu>,
    pub(super) pipelines: Pipelines,
    /// 32 bit words a row.
    pub(super) words: usize,
    pub(super) rows: usize,
    pub(super) parts: Vec<Part>,
    pub(super) scratch: Scratch,
    pub(super) stats: GpuStats,
    pub(super) timer: Option<Timer>,
    /// Of the last search that was read.
    pub(super) pass_times: Rc<Cell<Option<PassTimes>>>,
    /// Tiles that fit into one binding.
    tiles_per_part: usize,
    max_norm: f64,
}

/// As many tiles as one binding holds, the last part fewer.
pub(super) struct Part {
    pub(super) first_tile: usize,
    pub(super) tiles: usize,
    pub(super) items: wgpu::Buffer,
    pub(super) row_data: wgpu::Buffer,
    pub(super) params: wgpu::Buffer,
}

/// Words that are brought together before they are sent: a mebibyte, which no copy in between notices.
const SEND_WORDS: usize = 1 << 18;

impl GpuVectors {
    /// Sends all vectors of `source`, which writes down its changes from now on.
    pub(crate) fn new(gpu: Gpu, source: &mut impl Source) -> Result<Self, String> {
        let pipelines = Pipelines::new(&gpu, source.set().precision());
        Self::with_pipelines(gpu, pipelines, source)
    }

    pub(super) fn with_pipelines(gpu: Gpu, pipelines: Pipelines, source: &mut impl Source) -> Result<Self, String> {
        let words = row_words(source.set());
        // Row data is smaller than items: a row has at least one word of 4 bytes, its data 8.
        let tile_bytes = TILE * (words * 4).max(8);
        let tiles_per_part = usize::try_from(gpu.max_binding_bytes).unwrap_or(usize::MAX) / tile_bytes;
        if tiles_per_part == 0 {
            return Err(format!("a binding of {} bytes does not hold {TILE} vectors", gpu.max_binding_bytes));
        }
        let mut vectors = Self {
            scratch: Scratch::new(&gpu),
            timer: Timer::new(&gpu),
            pass_times: Rc::default(),
            gpu: Rc::new(gpu),
            pipelines,
            words,
            rows: 0,
            parts: Vec::new(),
            stats: GpuStats::default(),
            tiles_per_part,
            max_norm: 0.0,
        };
        source.watch();
        vectors.update(source)?;
        Ok(vectors)
    }

    /// A GPU whose products are wrong: what `from` is in the int8 shader becomes `to`.
    #[cfg(test)]
    pub(crate) fn broken(gpu: Gpu, source: &mut impl Source, from: &str, to: &str) -> Result<Self, String> {
        let shader = super::shaders::DOTS_INT8_UNPACKED;
        assert!(shader.source.contains(from), "the shader has no {from:?}");
        let pipelines = Pipelines::with_dots(&gpu, shader, &shader.source.replace(from, to));
        Self::with_pipelines(gpu, pipelines, source)
    }

    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    pub(crate) fn stats(&self) -> GpuStats {
        GpuStats { parts: self.parts.len() as u64, ..self.stats }
    }

    /// How long the passes of the last search took, where the adapter tells.
    pub(crate) fn pass_times(&self) -> Option<PassTimes> {
        self.pass_times.get()
    }

    /// The length of the longest row, or more; 0 where nobody needs it.
    pub(crate) fn max_norm(&self) -> f64 {
        self.max_norm
    }

    pub(crate) fn count_rescan(&mut self) {
        self.stats.rescans += 1;
    }

    /// Sends what changed since the last time.
    pub(super) fn update(&mut self, source: &mut impl Source) -> Result<(), String> {
        if let Some(failure) = self.gpu.failure() {
            return Err(failure);
        }
        let mut touched = source.take_touched();
        let tiles = source.set().len().div_ceil(TILE);
        self.fit(tiles, &mut touched);
        self.rows = source.set().len();
        let tile_words = self.words * TILE;
        let batch = (SEND_WORDS / tile_words).max(1);
        let mut words = vec![0; batch * tile_words];
        let mut data = vec![[0.0; 2]; batch * TILE];
        let mut touched = touched.into_iter().filter(|tile| *tile < tiles).peekable();
        while let Some(first) = touched.next() {
            // Neighbours go together, as long as they are in the same part.
            let part = &self.parts[first / self.tiles_per_part];
            let mut count = 1;
            while count < batch
                && first + count < part.first_tile + part.tiles
                && touched.next_if_eq(&(first + count)).is_some()
            {
                count += 1;
            }
            for at in 0..count {
                let (words, data) = (&mut words[at * tile_words..][..tile_words], &mut data[at * TILE..][..TILE]);
                let norm2 = write_tile(source.set(), first + at, source.norms2(), words, data);
                let distance = data.iter().fold(0.0_f64, |most, data| most.max(f64::from(data[1])));
                // A little more than the truth, for sums of squares round too.
                self.max_norm = self.max_norm.max(norm2.max(distance).sqrt() * 1.000_001);
            }
            let (words, data): (&[u8], &[u8]) =
                (bytemuck::cast_slice(&words[..count * tile_words]), bytemuck::cast_slice(&data[..count * TILE]));
            let at = first - part.first_tile;
            self.gpu.queue.write_buffer(&part.items, (at * tile_words * 4) as u64, words);
            self.gpu.queue.write_buffer(&part.row_data, (at * TILE * 8) as u64, data);
            self.stats.item_bytes += (words.len() + data.len()) as u64;
        }
        match self.gpu.failure() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Makes room for `tiles` tiles. A last part that is too small is made anew, with room to grow, and sent again.
    fn fit(&mut self, tiles: usize, touched: &mut BTreeSet<usize>) {
        let wanted = tiles.div_ceil(self.tiles_per_part);
        self.parts.truncate(wanted);
        for at in 0..wanted {
            let first_tile = at * self.tiles_per_part;
            let needed = (tiles - first_tile).min(self.tiles_per_part);
            if self.parts.get(at).is_some_and(|part| part.tiles >= needed) {
                continue;
            }
            // Exactly what is needed the first time; half as much again when it has proved to grow.
            let room = match self.parts.get(at) {
                Some(_) => (needed + needed / 2).min(self.tiles_per_part),
                None => needed,
            };
            let part = self.part(first_tile, room);
            if at < self.parts.len() {
                self.parts[at] = part;
                touched.extend(first_tile..first_tile + needed);
            } else {
                self.parts.push(part);
            }
        }
    }

    fn part(&self, first_tile: usize, tiles: usize) -> Part {
        let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        Part {
            first_tile,
            tiles,
            items: self.gpu.buffer("homebody items", (tiles * TILE * self.words * 4) as u64, storage),
            row_data: self.gpu.buffer("homebody row data", (tiles * TILE * 8) as u64, storage),
            params: self.gpu.buffer(
                "homebody dots parameters",
                size_of::<super::layout::DotParams>() as u64,
                wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            ),
        }
    }
}
