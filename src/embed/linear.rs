//! The quantized linear operator: `y = activation(x · W + b)` with int8 weights and int16 activations.
//!
//! Each output channel `c` of `W` is int8 numbers times one scale; each row `r` of `x` is rounded to int16 times one step.
//! The sum over the inputs is then one of integers, exact, and one multiplication gives the float:
//!
//! ```text
//! y[r, c] = activation(step[r] · scale[c] · Σ_k q[r, k] · (w[k, c] − zero[c]) + b[c])
//! ```
//!
//! # How wide the activations may be
//!
//! The sum has to fit in 32 bits. With |q| ≤ L it is at most L · Σ_k |w[k, c] − zero[c]|, so
//!
//! ```text
//! L = min(32767, ⌊(2³¹ − 1) / max_c Σ_k |w[k, c] − zero[c]|⌋)
//! ```
//!
//! is the widest range that cannot overflow with these weights, and it is used for all rows. At worst, all weights ±127, that
//! is 15 bits and sign up to 516 inputs and still 13.4 bits at BERT-small's 1536; real weights are a fifth of that on
//! average, which leaves all 15 bits in every layer of every model tried. Partial sums may pass 2³¹ when `zero` is not 0;
//! they wrap, and the whole sum is right again.

use super::kernel::{Kernel, math};

/// Output channels that are dequantized together: two cache lines of a row, and runs long enough for the vector loop of GELU.
const GROUP_CHANNELS: usize = 32;

/// What is applied to the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Gelu,
}

/// Weights of some output channels as they are stored in a model.
pub(crate) struct Channels {
    /// `inputs × channels`, row-major.
    pub(crate) weights: Vec<i8>,
    /// One per channel.
    pub(crate) scales: Vec<f32>,
    /// The integer that stands for zero, one per channel; empty if it is 0 for all.
    pub(crate) zeros: Vec<i32>,
    /// One per channel; empty if there is none.
    pub(crate) bias: Vec<f32>,
}

/// A linear layer, packed for one kernel.
pub(crate) struct Linear {
    kernel: &'static dyn Kernel,
    inputs: usize,
    outputs: usize,
    /// Panels in the kernel's layout, one after another.
    panels: Vec<i8>,
    /// One per channel of every panel: the last panel is filled up with zeros.
    scales: Vec<f32>,
    bias: Vec<f32>,
    zeros: Vec<i32>,
    /// The largest magnitude of an activation.
    limit: f32,
}

impl Linear {
    /// Packs the channels of one or more parts side by side (query, key and value read the same input).
    pub(crate) fn pack(kernel: &'static dyn Kernel, inputs: usize, parts: &[Channels]) -> Self {
        let width = kernel.width();
        let pairs = inputs.div_ceil(2);
        let outputs: usize = parts.iter().map(|p| p.scales.len()).sum();
        let padded = outputs.next_multiple_of(width);
        let mut panels = vec![0i8; padded * pairs * 2];
        let mut sums = vec![0u32; padded];
        let mut first = 0;
        for part in parts {
            let channels = part.scales.len();
            assert_eq!(part.weights.len(), inputs * channels, "a part has a weight for every input and channel");
            let nothing = vec![0i8; channels];
            for (pair, rows) in part.weights.chunks(2 * channels.max(1)).enumerate() {
                let (even, odd) = rows.split_at(channels);
                // Behind an odd number of inputs.
                let odd = if odd.is_empty() { &nothing } else { odd };
                // Runs of channels that lie in one panel are written in one go.
                let mut done = 0;
                while done < channels {
                    let channel = first + done;
                    let (panel, within) = (channel / width, channel % width);
                    let run = (width - within).min(channels - done);
                    let at = panel * width * pairs * 2 + pair * width * 2 + within * 2;
                    interleave(&even[done..done + run], &odd[done..done + run], &mut panels[at..at + 2 * run]);
                    done += run;
                }
                if part.zeros.is_empty() {
                    for ((sum, e), o) in sums[first..].iter_mut().zip(even).zip(odd) {
                        *sum = sum.wrapping_add(u32::from(e.unsigned_abs()) + u32::from(o.unsigned_abs()));
                    }
                } else {
                    for row in rows.chunks_exact(channels) {
                        for ((sum, &w), &zero) in sums[first..].iter_mut().zip(row).zip(&part.zeros) {
                            *sum = sum.wrapping_add((i32::from(w) - zero).unsigned_abs());
                        }
                    }
                }
            }
            first += channels;
        }
        // Of so many inputs a sum could be larger than 32 bits; then it counts as the largest that there can be.
        let largest_sum = match u32::try_from(inputs as u64 * u64::from(u8::MAX)) {
            Ok(_) => u64::from(sums.iter().copied().max().unwrap_or(0).max(1)),
            Err(_) => inputs as u64 * u64::from(u8::MAX),
        };
        let limit = (i32::MAX as u64 / largest_sum).min(i16::MAX as u64);
        let gather = |of: fn(&Channels) -> &Vec<f32>| {
            let mut all = vec![0f32; padded];
            let mut first = 0;
            for part in parts {
                let values = of(part);
                all[first..first + values.len()].copy_from_slice(values);
                first += part.scales.len();
            }
            all
        };
        let zeros = if parts.iter().all(|p| p.zeros.iter().all(|&z| z == 0)) {
            Vec::new()
        } else {
            let mut zeros: Vec<i32> = Vec::with_capacity(padded);
            for part in parts {
                zeros.extend(&part.zeros);
                zeros.resize(zeros.len() + part.scales.len() - part.zeros.len(), 0);
            }
            zeros.resize(padded, 0);
            zeros
        };
        Self {
            kernel,
            inputs,
            outputs,
            panels,
            scales: gather(|p| &p.scales),
            bias: gather(|p| &p.bias),
            zeros,
            limit: limit as f32,
        }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Distance between the rows of the output: the number of outputs, filled up to whole panels.
    pub(crate) fn stride(&self) -> usize {
        self.scales.len()
    }

    /// Runs the layer on rows of `inputs` floats and leaves rows of [`Linear::stride`] floats in `out`.
    pub(crate) fn run(
        &self,
        rows: math::Matrix<'_>,
        count: usize,
        activation: Activation,
        scratch: &mut Scratch,
        out: &mut Vec<f32>,
    ) {
        scratch.quantize(self, rows, count);
        let (width, stride, pairs) = (self.kernel.width(), self.stride(), self.inputs.div_ceil(2));
        // Everything is written below: old content need not be cleared.
        out.resize(count * stride, 0.0);
        let group = (GROUP_CHANNELS / width).max(1);
        scratch.sums.resize(group * count * width, 0);
        let panels = stride / width;
        for first in (0..panels).step_by(group) {
            let last = (first + group).min(panels);
            for (panel, sums) in (first..last).zip(scratch.sums.chunks_exact_mut(count * width)) {
                let weights = &self.panels[panel * width * pairs * 2..][..width * pairs * 2];
                self.kernel.multiply(&scratch.values, count, weights, pairs, sums);
                if !self.zeros.is_empty() {
                    let zeros = &self.zeros[panel * width..(panel + 1) * width];
                    for (sums, &total) in sums.chunks_exact_mut(width).zip(&scratch.totals) {
                        for (sum, &zero) in sums.iter_mut().zip(zeros) {
                            *sum = sum.wrapping_sub(zero.wrapping_mul(total));
                        }
                    }
                }
            }
            let channels = first * width..last * width;
            let (scales, bias) = (&self.scales[channels.clone()], &self.bias[channels.clone()]);
            let out = &mut out[channels.start..];
            match activation {
                Activation::None => math::dequantize(&scratch.sums, width, &scratch.steps, scales, bias, out, stride),
                Activation::Gelu => {
                    math::dequantize_gelu(&scratch.sums, width, &scratch.steps, scales, bias, out, stride)
                }
            }
        }
    }
}

/// `to = [even₀, odd₀, even₁, odd₁, …]`, eight pairs at a time by value, so that they are shuffled and not moved one by one.
fn interleave(even: &[i8], odd: &[i8], to: &mut [i8]) {
    let ((even, even_rest), (odd, odd_rest)) = (even.as_chunks::<8>(), odd.as_chunks::<8>());
    let (eights, rest) = to.split_at_mut(even.len() * 16);
    for ((to, even), odd) in eights.as_chunks_mut::<16>().0.iter_mut().zip(even).zip(odd) {
        *to = std::array::from_fn(|i| if i % 2 == 0 { even[i / 2] } else { odd[i / 2] });
    }
    for ((to, &even), &odd) in rest.as_chunks_mut::<2>().0.iter_mut().zip(even_rest).zip(odd_rest) {
        *to = [even, odd];
    }
}

/// Memory that every layer uses in turn: quantized activations and the sums of one panel.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The rows of one block as they come, and all rows in the blocks that the kernel wants.
    rows: Vec<i16>,
    values: Vec<i16>,
    /// The value of one integer step, per row.
    steps: Vec<f32>,
    /// The sum of a row's integers; only kept for weights with a zero other than 0.
    totals: Vec<i32>,
    sums: Vec<i32>,
}

impl Scratch {
    fn quantize(&mut self, layer: &Linear, rows: math::Matrix<'_>, count: usize) {
        let pairs = layer.inputs.div_ceil(2);
        let block = layer.kernel.block();
        self.rows.resize(block * pairs * 2, 0);
        self.values.resize(count * pairs * 2, 0);
        self.steps.clear();
        self.totals.clear();
        for (first, values) in (0..count).step_by(block).zip(self.values.chunks_mut(block * pairs * 2)) {
            let in_block = block.min(count - first);
            for (row, integers) in (first..first + in_block).zip(self.rows.chunks_exact_mut(pairs * 2)) {
                let floats = &rows.values[row * rows.stride..][..layer.inputs];
                self.steps.push(math::quantize(floats, layer.limit, integers));
                if !layer.zeros.is_empty() {
                    self.totals.push(integers.iter().map(|&v| i32::from(v)).sum());
                }
            }
            let integers = &self.rows[..in_block * pairs * 2];
            // A loop each for the blocks of all kernels and for what is left behind them.
            match in_block {
                1 => values.copy_from_slice(integers),
                2 => interleave_rows::<2>(integers, values),
                3 => interleave_rows::<3>(integers, values),
                4 => interleave_rows::<4>(integers, values),
                5 => interleave_rows::<5>(integers, values),
                6 => interleave_rows::<6>(integers, values),
                7 => interleave_rows::<7>(integers, values),
                8 => interleave_rows::<8>(integers, values),
                _ => unreachable!("no kernel takes more than eight rows at a time"),
            }
        }
    }
}

/// Brings `R` rows, one after another, into the order of a block: see [`super::kernel`].
fn interleave_rows<const R: usize>(rows: &[i16], block: &mut [i16]) {
    let pairs = rows.len() / R / 2;
    let rows: [&[[i16; 2]]; R] = std::array::from_fn(|r| rows[r * pairs * 2..][..pairs * 2].as_chunks().0);
    for (pair, place) in block.as_chunks_mut::<2>().0.as_chunks_mut::<R>().0.iter_mut().enumerate() {
        *place = std::array::from_fn(|r| rows[r][pair]);
    }
}

/// Rounds float weights (`inputs × channels`, row-major) to int8 with one scale per channel.
///
/// The scale is the one with the smallest squared error among a few between the channel's largest weight at 127 and a
/// fifth less: a little clipping often buys finer steps for everything else.
pub(crate) fn quantize_channels(weights: &[f32], channels: usize) -> (Vec<i8>, Vec<f32>) {
    /// Candidates as fractions of the largest weight.
    const FRACTIONS: [f32; 9] = [1.0, 0.975, 0.95, 0.925, 0.9, 0.875, 0.85, 0.825, 0.8];
    let mut largest = vec![0f32; channels];
    for row in weights.chunks_exact(channels) {
        for (m, &w) in largest.iter_mut().zip(row) {
            *m = m.max(w.abs());
        }
    }
    let mut best = vec![(f64::INFINITY, 0f32); channels];
    for fraction in FRACTIONS {
        let scales: Vec<f32> = largest.iter().map(|m| m * fraction / 127.0).collect();
        let mut errors = vec![0f64; channels];
        for row in weights.chunks_exact(channels) {
            for ((error, &w), &scale) in errors.iter_mut().zip(row).zip(&scales) {
                let difference = w - f32::from(round(w, scale)) * scale;
                *error += f64::from(difference * difference);
            }
        }
        for ((best, error), scale) in best.iter_mut().zip(errors).zip(scales) {
            if error < best.0 {
                *best = (error, scale);
            }
        }
    }
    let scales: Vec<f32> = best.into_iter().map(|(_, scale)| scale).collect();
    let quantized = weights
        .chunks_exact(channels)
        .flat_map(|row| row.iter().zip(&scales).map(|(&w, &scale)| round(w, scale)))
        .collect();
    (quantized, scales)
}

fn round(weight: f32, scale: f32) -> i8 {
    if scale == 0.0 { 0 } else { (weight / scale).round_ties_even().clamp(-127.0, 127.0) as i8 }
}

#[cfg(test)]
mod tests {
    use super::super::kernel;
    use super::*;

    fn noise(seed: u32) -> impl FnMut() -> f32 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        }
    }

    fn channels(inputs: usize, count: usize, with_zeros: bool, seed: u32) -> Channels {
        let mut next = noise(seed);
        Channels {
            weights: (0..inputs * count).map(|_| (next() * 127.9) as i8).collect(),
            scales: (0..count).map(|_| 0.001 + next().abs() * 0.01).collect(),
            zeros: if with_zeros { (0..count).map(|_| (next() * 90.0) as i32).collect() } else { Vec::new() },
            bias: (0..count).map(|_| next()).collect(),
        }
    }

    /// The layer by its definition in 64 bits, on the float inputs themselves.
    fn reference(parts: &[Channels], inputs: usize, row: &[f32]) -> Vec<f64> {
        let mut out = Vec::new();
        for part in parts {
            let count = part.scales.len();
            for c in 0..count {
                let zero = part.zeros.get(c).copied().unwrap_or(0);
                let sum: f64 = (0..inputs)
                    .map(|k| f64::from(row[k]) * f64::from(i32::from(part.weights[k * count + c]) - zero))
                    .sum();
                out.push(sum * f64::from(part.scales[c]) + f64::from(part.bias[c]));
            }
        }
        out
    }

    #[test]
    fn outputs_are_those_of_the_float_layer_to_activation_rounding() {
        for kernel in kernel::available() {
            for (inputs, counts, zeros) in
                [(1, vec![1], false), (37, vec![5, 9, 21], true), (384, vec![40], false), (384, vec![8, 70], true)]
            {
                let parts: Vec<Channels> =
                    counts.iter().enumerate().map(|(i, &n)| channels(inputs, n, zeros, i as u32 + 7)).collect();
                let layer = Linear::pack(kernel, inputs, &parts);
                let mut next = noise(3);
                let rows = 11;
                let values: Vec<f32> = (0..rows * (inputs + 2)).map(|_| next() * 3.0).collect();
                let mut out = Vec::new();
                let matrix = math::Matrix { values: &values, stride: inputs + 2 };
                layer.run(matrix, rows, Activation::None, &mut Scratch::default(), &mut out);
                for row in 0..rows {
                    let input = &values[row * (inputs + 2)..][..inputs];
                    for (c, want) in reference(&parts, inputs, input).into_iter().enumerate() {
                        let got = f64::from(out[row * layer.stride() + c]);
                        // Half a step of 15 bits per input, weights up to 217, scale up to 0.011.
                        let bound =
                            1e-5 + 0.5 * 3.0 / f64::from(layer.limit) * 217.0 * 0.011 * (inputs as f64).sqrt() * 4.0;
                        assert!(
                            (got - want).abs() < bound,
                            "{} {inputs}→{counts:?} row {row} channel {c}: {got} for {want}",
                            kernel.name()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_widest_activations_never_overflow() {
        // Every weight at its extreme and every activation at the limit: the largest sum that can be.
        for kernel in kernel::available() {
            for (inputs, weight, zeros) in
                [(384, -128, vec![]), (1536, -128, vec![]), (1536, 127, vec![]), (4096, -128, vec![127; 8])]
            {
                let part = Channels {
                    weights: vec![weight; inputs * 8],
                    scales: vec![1.0; 8],
                    zeros: zeros.clone(),
                    bias: vec![],
                };
                let layer = Linear::pack(kernel, inputs, &[part]);
                let distance = (f64::from(weight) - zeros.first().map_or(0.0, |&z| f64::from(z))).abs();
                assert!(f64::from(layer.limit) * inputs as f64 * distance <= f64::from(i32::MAX));
                assert!(
                    f64::from(layer.limit) >= 32767.0
                        || f64::from(layer.limit + 1.0) * inputs as f64 * distance > f64::from(i32::MAX)
                );
                let values = vec![2.0f32; inputs];
                let mut out = Vec::new();
                let matrix = math::Matrix { values: &values, stride: inputs };
                layer.run(matrix, 1, Activation::None, &mut Scratch::default(), &mut out);
                let want = 2.0 * inputs as f64 * (f64::from(weight) - zeros.first().map_or(0.0, |&z| f64::from(z)));
                assert!((f64::from(out[0]) / want - 1.0).abs() < 1e-5, "{}: {} for {want}", kernel.name(), out[0]);
            }
        }
    }

    #[test]
    fn quantized_weights_are_close_and_zero_channels_stay_zero() {
        let mut next = noise(1);
        let (inputs, count) = (64, 6);
        let weights: Vec<f32> =
            (0..inputs * count).map(|i| if i % count == 2 { 0.0 } else { next() * (i % count) as f32 }).collect();
        let (q, scales) = quantize_channels(&weights, count);
        assert_eq!(scales[2], 0.0);
        for (i, (&w, &q)) in weights.iter().zip(&q).enumerate() {
            let scale = scales[i % count];
            let clipped = q.unsigned_abs() == 127;
            assert!(
                clipped || (f32::from(q) * scale - w).abs() <= 0.5001 * scale,
                "weight {i}: {w} became {q} of {scale}"
            );
        }
    }
}
