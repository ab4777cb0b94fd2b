//! One search: queries in, one submit, one small answer back.

use std::cell::Cell;
use std::rc::Rc;

use super::super::kernel::MAX_QUERIES;
use super::super::mask::Mask;
use super::super::metric::Metric;
use super::super::scorer::Query;
use super::TILE;
use super::answer::{Candidates, MAX_CANDIDATES, PassTimes, score_of_key};
use super::device::{Gpu, QUERY_COUNTS};
use super::layout::{BINS, DotParams, FOUND_HEADER, STATE_BYTES, TOP_LANES, TopParams, query_words};
use super::oneshot::{Receiver, oneshot};
use super::source::Source;
use super::timing::{pass_times, times_bytes};
use super::vectors::GpuVectors;

/// Rows that a workgroup of the top-k shaders looks at, about: enough to pay for clearing and adding its bins.
const ROWS_PER_GROUP: usize = 8192;
/// Rows beyond those that were asked for that an answer has room for: equals of the last one.
const ROOM_FOR_EQUALS: usize = 64;
/// Workgroups in the first dimension, at most: half of what every adapter allows.
const MAX_GROUPS_X: usize = 1 << 15;

/// Buffers that searches share. They grow and never shrink; the queue runs one search after the other.
pub(super) struct Scratch {
    queries: Grown,
    mask: Grown,
    keys: Grown,
    bins: Grown,
    states: Grown,
    found: Grown,
    top_params: wgpu::Buffer,
    ticket: u32,
}

struct Grown {
    label: &'static str,
    usage: wgpu::BufferUsages,
    buffer: wgpu::Buffer,
}

impl Grown {
    fn new(gpu: &Gpu, label: &'static str) -> Self {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        Self { label, usage, buffer: gpu.buffer(label, 0, usage) }
    }

    fn fit(&mut self, gpu: &Gpu, bytes: usize) -> Result<(), String> {
        if bytes as u64 > gpu.max_binding_bytes {
            return Err(format!("{} would take {bytes} bytes, a binding holds {}", self.label, gpu.max_binding_bytes));
        }
        if self.buffer.size() < bytes as u64 {
            self.buffer = gpu.buffer(self.label, bytes as u64, self.usage);
        }
        Ok(())
    }
}

impl Scratch {
    pub(super) fn new(gpu: &Gpu) -> Self {
        Self {
            queries: Grown::new(gpu, "homebody queries"),
            mask: Grown::new(gpu, "homebody mask"),
            keys: Grown::new(gpu, "homebody keys"),
            bins: Grown::new(gpu, "homebody bins"),
            states: Grown::new(gpu, "homebody states"),
            found: Grown::new(gpu, "homebody found"),
            top_params: gpu.buffer(
                "homebody top-k parameters",
                size_of::<TopParams>() as u64,
                wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            ),
            ticket: 0,
        }
    }
}

/// Bytes on their way back.
struct Reading {
    gpu: Rc<Gpu>,
    buffer: wgpu::Buffer,
    /// Words of the answer itself; what follows are times.
    words: usize,
    pass_times: Rc<Cell<Option<PassTimes>>>,
    mapped: Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl Reading {
    async fn words(self) -> Result<Vec<u32>, String> {
        // Natively nobody else drives the device; browsers drive it themselves and this does nothing.
        #[cfg(not(target_arch = "wasm32"))]
        let _ = self.gpu.device.poll(wgpu::PollType::wait_indefinitely());
        let mapped = self.mapped.await;
        if let Some(failure) = self.gpu.failure() {
            return Err(failure);
        }
        match mapped {
            Some(Ok(())) => {}
            _ => return Err("its answer could not be read".into()),
        }
        let view =
            self.buffer.get_mapped_range(..).map_err(|error| format!("its answer could not be read: {error:?}"))?;
        let mut words: Vec<u32> = bytemuck::pod_collect_to_vec(&view);
        let times = words.split_off(self.words);
        if !times.is_empty() {
            self.pass_times.set(Some(pass_times(&times, self.gpu.queue.get_timestamp_period())));
        }
        Ok(words)
    }
}

/// Candidates on their way.
pub(crate) struct PendingBest {
    reading: Reading,
    queries: usize,
    capacity: usize,
    ticket: u32,
}

impl PendingBest {
    /// Waits for the candidates of each query.
    pub(crate) async fn read(self) -> Result<Vec<Candidates>, String> {
        let words = self.reading.words().await?;
        words
            .chunks_exact(FOUND_HEADER + 2 * self.capacity)
            .take(self.queries)
            .map(|words| {
                let [count, least, ticket, _] = words[..FOUND_HEADER] else { unreachable!("four words of header") };
                if ticket != self.ticket {
                    return Err("it returned without having run".into());
                }
                let pairs = words[FOUND_HEADER..].chunks_exact(2).take(count as usize);
                Ok(Candidates {
                    rows: pairs.map(|pair| pair[0]).collect(),
                    // The least key of all says that every row that is on was found.
                    least: (least > 1).then(|| score_of_key(least)),
                    overflow: count as usize > self.capacity,
                })
            })
            .collect()
    }
}

/// Bare sums on their way.
pub(crate) struct PendingSums {
    reading: Reading,
    rows: usize,
}

impl PendingSums {
    /// Waits for the sums: for each query a word a row, the bits of an i32 (int8) or f32; 0 where a row is off.
    pub(crate) async fn read(self) -> Result<Vec<u32>, String> {
        let words = self.reading.words().await?;
        let stride = self.rows.next_multiple_of(TILE);
        Ok(words.chunks_exact(stride.max(1)).flat_map(|query| &query[..self.rows]).copied().collect())
    }
}

impl GpuVectors {
    /// Starts a search for the best `wanted` (1 or more) rows of each query. The queries are made for `source`, at most
    /// [`MAX_QUERIES`]; the mask has been checked.
    pub(crate) fn begin_best(
        &mut self,
        source: &mut impl Source,
        queries: &[Query],
        wanted: usize,
        mask: Option<&Mask>,
    ) -> Result<PendingBest, String> {
        // Not cut to the number of rows: asked for more than there are, the shaders say that they found all.
        let wanted = wanted.min(MAX_CANDIDATES);
        let capacity = wanted + ROOM_FOR_EQUALS;
        let mut encoder = self.begin(source, queries, mask, false)?;
        let answer = 4 * (FOUND_HEADER + 2 * capacity) * queries.len();
        let Self { gpu, scratch, .. } = self;
        scratch.bins.fit(gpu, queries.len() * BINS * 4)?;
        scratch.states.fit(gpu, queries.len() * STATE_BYTES)?;
        scratch.found.fit(gpu, answer)?;
        scratch.ticket = scratch.ticket.wrapping_add(1).max(1);
        let params = TopParams {
            rows: self.rows as u32,
            stride: self.rows.next_multiple_of(TILE) as u32,
            wanted: wanted as u32,
            capacity: capacity as u32,
            ticket: scratch.ticket,
            unused: [0; 3],
        };
        gpu.queue.write_buffer(&scratch.top_params, 0, bytemuck::bytes_of(&params));
        self.stats.question_bytes += size_of::<TopParams>() as u64;
        for buffer in [&scratch.bins.buffer, &scratch.states.buffer, &scratch.found.buffer] {
            encoder.clear_buffer(buffer, 0, None);
        }
        self.select(&mut encoder, queries.len());
        let ticket = self.scratch.ticket;
        let found = self.scratch.found.buffer.clone();
        let reading = self.send(encoder, 3, &found, answer);
        Ok(PendingBest { reading, queries: queries.len(), capacity, ticket })
    }

    /// Queries whose sums with every row fit into one binding: eight, for up to four million rows in one of 128 MiB.
    pub(crate) fn most_queries(&self) -> usize {
        let fits =
            |count: &&usize| 4 * self.rows.next_multiple_of(TILE) as u64 * **count as u64 <= self.gpu.max_binding_bytes;
        QUERY_COUNTS.iter().rev().find(fits).copied().unwrap_or(1)
    }

    /// Starts the sums of each query with every row: for the ranker, which wants them all, and for the known answer.
    pub(crate) fn begin_sums(
        &mut self,
        source: &mut impl Source,
        queries: &[Query],
        mask: Option<&Mask>,
    ) -> Result<PendingSums, String> {
        let encoder = self.begin(source, queries, mask, true)?;
        let keys = self.scratch.keys.buffer.clone();
        let reading = self.send(encoder, 1, &keys, 4 * self.rows.next_multiple_of(TILE) * queries.len());
        Ok(PendingSums { reading, rows: self.rows })
    }

    /// Sends what changed and the queries, and encodes the products.
    fn begin(
        &mut self,
        source: &mut impl Source,
        queries: &[Query],
        mask: Option<&Mask>,
        raw: bool,
    ) -> Result<wgpu::CommandEncoder, String> {
        debug_assert!((1..=MAX_QUERIES).contains(&queries.len()));
        self.update(source)?;
        let stride = self.rows.next_multiple_of(TILE);
        let form = self.gpu.query_form(source.set().precision());
        let pipeline = QUERY_COUNTS.iter().position(|count| *count >= queries.len()).expect("8 is the most");
        let Self { gpu, scratch, .. } = self;
        // Pipelines write as many queries as they are compiled for.
        scratch.keys.fit(gpu, 4 * stride * QUERY_COUNTS[pipeline])?;
        let words = query_words(queries, self.words, form);
        scratch.queries.fit(gpu, words.len() * 4)?;
        gpu.queue.write_buffer(&scratch.queries.buffer, 0, bytemuck::cast_slice(&words));
        self.stats.question_bytes += (words.len() * 4) as u64;
        if let Some(mask) = mask {
            let words: &[u8] = bytemuck::cast_slice(mask.words());
            scratch.mask.fit(gpu, words.len())?;
            gpu.queue.write_buffer(&scratch.mask.buffer, 0, words);
            self.stats.question_bytes += words.len() as u64;
        }
        let mut factors = [0.0; MAX_QUERIES];
        for (factor, query) in factors.iter_mut().zip(queries) {
            let scale = match query {
                Query::Int8(query) => query.scale,
                Query::Float32(_) => 1.0,
            };
            *factor = if source.metric() == Metric::L2 { 2.0 * scale } else { scale };
        }
        let mut encoder =
            self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("homebody search") });
        let mut groups = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let first_row = part.first_tile * TILE;
            let rows = (self.rows - first_row).min(part.tiles * TILE);
            let params = DotParams {
                rows: rows as u32,
                first_row: first_row as u32,
                words: self.words as u32,
                tiles: rows.div_ceil(TILE) as u32,
                stride: stride as u32,
                masked: mask.is_some().into(),
                raw: raw.into(),
                unused: 0,
                factors,
            };
            self.gpu.queue.write_buffer(&part.params, 0, bytemuck::bytes_of(&params));
            self.stats.question_bytes += size_of::<DotParams>() as u64;
            let scratch = &self.scratch;
            let buffers = [
                &part.params,
                &part.items,
                &part.row_data,
                &scratch.queries.buffer,
                &scratch.mask.buffer,
                &scratch.keys.buffer,
            ];
            let bound: Vec<_> = buffers.into_iter().enumerate().map(|(at, buffer)| (at as u32, buffer)).collect();
            groups.push((self.bind("homebody dots", &self.pipelines.dots_layout, &bound), rows.div_ceil(TILE)));
        }
        let mut pass = self.pass(&mut encoder, "homebody dots", 0);
        pass.set_pipeline(&self.pipelines.dots[pipeline]);
        for (group, tiles) in &groups {
            pass.set_bind_group(0, group, &[]);
            let x = tiles.div_ceil(tiles.div_ceil(MAX_GROUPS_X).max(1)).max(1);
            pass.dispatch_workgroups(x as u32, tiles.div_ceil(x) as u32, 1);
            self.stats.passes += 1;
        }
        drop(pass);
        Ok(encoder)
    }

    /// Encodes the choice of the best keys.
    fn select(&mut self, encoder: &mut wgpu::CommandEncoder, queries: usize) {
        let Self { pipelines, scratch, .. } = &*self;
        let (params, keys, bins) = (&scratch.top_params, &scratch.keys.buffer, &scratch.bins.buffer);
        let (states, found) = (&scratch.states.buffer, &scratch.found.buffer);
        let (queries, groups) = (queries as u32, self.rows.div_ceil(ROWS_PER_GROUP).max(1) as u32);
        let count = self.bind(
            "homebody top-k count",
            &pipelines.count_layout,
            &[(0, params), (1, keys), (2, bins), (3, states)],
        );
        let choose =
            self.bind("homebody top-k choose", &pipelines.choose_layout, &[(0, params), (2, bins), (3, states)]);
        let collect = self.bind(
            "homebody top-k collect",
            &pipelines.collect_layout,
            &[(0, params), (1, keys), (3, states), (4, found)],
        );
        debug_assert!(TOP_LANES.is_power_of_two());
        let mut pass = self.pass(encoder, "homebody top-k", 1);
        for (counting, choosing) in pipelines.count.iter().zip(&pipelines.choose) {
            pass.set_pipeline(counting);
            pass.set_bind_group(0, &count, &[]);
            pass.dispatch_workgroups(groups, queries, 1);
            pass.set_pipeline(choosing);
            pass.set_bind_group(0, &choose, &[]);
            pass.dispatch_workgroups(1, queries, 1);
        }
        drop(pass);
        let mut pass = self.pass(encoder, "homebody top-k collect", 2);
        pass.set_pipeline(&pipelines.collect);
        pass.set_bind_group(0, &collect, &[]);
        pass.dispatch_workgroups(groups, queries, 1);
        drop(pass);
        self.stats.passes += 7;
    }

    fn bind(&self, label: &str, layout: &wgpu::BindGroupLayout, buffers: &[(u32, &wgpu::Buffer)]) -> wgpu::BindGroup {
        let entries: Vec<_> = buffers
            .iter()
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding: *binding, resource: buffer.as_entire_binding() })
            .collect();
        let label = Some(label);
        self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout, entries: &entries })
    }

    /// Submits so many passes, with a copy of the first `bytes` of `answer` and of the times to where the CPU can read them.
    fn send(&mut self, mut encoder: wgpu::CommandEncoder, passes: u32, answer: &wgpu::Buffer, bytes: usize) -> Reading {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let all_bytes = bytes as u64 + if self.timer.is_some() { times_bytes(passes) } else { 0 };
        let buffer = self.gpu.buffer("homebody answer", all_bytes, usage);
        encoder.copy_buffer_to_buffer(answer, 0, &buffer, 0, bytes as u64);
        if let Some(timer) = &self.timer {
            timer.copy(&mut encoder, passes, &buffer, bytes as u64);
        }
        self.gpu.queue.submit([encoder.finish()]);
        let (sender, mapped) = oneshot();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result));
        self.stats.searches += 1;
        self.stats.submits += 1;
        self.stats.read_backs += 1;
        self.stats.answer_bytes += all_bytes;
        let pass_times = Rc::clone(&self.pass_times);
        Reading { gpu: Rc::clone(&self.gpu), buffer, words: bytes / 4, pass_times, mapped }
    }

    /// Begins the pass of that number, timed where the adapter can.
    fn pass<'a>(&self, encoder: &'a mut wgpu::CommandEncoder, label: &str, number: u32) -> wgpu::ComputePass<'a> {
        let timestamp_writes = self.timer.as_ref().map(|timer| timer.writes(number));
        encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes })
    }
}
