//! The float side of a transformer layer that is no matrix product: quantization of activations, GELU, softmax, layer
//! normalization.
//!
//! Written as plain loops over slices that the compiler turns into vector code: `simd128` on wasm, and on x86-64 AVX2
//! and FMA where the CPU has them (see [`versions`]). Elementwise functions have no branches; sums run in eight lanes,
//! in the same order on every target.

use std::hint::black_box;

/// Lanes of a sum: a multiple of every vector width that matters here (4 on wasm and NEON, 8 with AVX2).
const LANES: usize = 8;

/// Added to a float of magnitude below 2²², it leaves the nearest integer in the low bits: the sum is so large that its
/// unit in the last place is 1, and the addition rounds to nearest, ties to even.
const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³

/// Defines each function twice on x86-64: as written, and compiled for AVX2 and FMA, which is taken where the CPU has
/// both. `FMA` tells the body whether fused multiply-add is an instruction; where it is not it would be a slow call.
macro_rules! versions {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? => $body:ident;)*) => {$(
        $(#[$doc])*
        // In wasm each stays a function of its own, for V8 hands out registers function by function.
        #[cfg_attr(target_arch = "wasm32", inline(never))]
        #[cfg_attr(not(target_arch = "wasm32"), inline)]
        #[allow(unsafe_code, reason = "a function compiled for more than the baseline is unsafe to call")]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($arg: $ty),*) $(-> $ret)? {
                    $body::<true>($($arg),*)
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the CPU has the features, by the line above.
                    return unsafe { wide($($arg),*) };
                }
            }
            $body::<{ cfg!(target_arch = "aarch64") }>($($arg),*)
        }
    )*};
}

versions! {
    /// Rounds `row` to integers of magnitude at most `limit`, the largest of which stands for the largest magnitude in
    /// the row. Returns the value of one step; `row[i] ≈ out[i] · step`. A row of zeros has step 0.
    ///
    /// `out` may be longer than `row`: the rest is filled with zeros.
    pub(crate) fn quantize(row: &[f32], limit: f32, out: &mut [i16]) -> f32 => quantize_body;

    /// Turns the integer sums of a few panels into outputs, row by row: with `c` the channel `w` of panel `p`,
    /// `out[r · out_stride + c] = sums[(p · rows + r) · width + w] · (steps[r] · scales[c]) + bias[c]`. There are as many rows
    /// as steps; `width` is a multiple of 8.
    pub(crate) fn dequantize(sums: &[i32], width: usize, steps: &[f32], scales: &[f32], bias: &[f32], out: &mut [f32], out_stride: usize)
        => dequantize_body;

    /// [`dequantize`], then the exact GELU.
    pub(crate) fn dequantize_gelu(sums: &[i32], width: usize, steps: &[f32], scales: &[f32], bias: &[f32], out: &mut [f32], out_stride: usize)
        => dequantize_gelu_body;

    /// Normalizes `row`: mean 0, variance 1, then `· gain + bias`.
    pub(crate) fn layer_norm(row: &mut [f32], gain: &[f32], bias: &[f32], epsilon: f32) => layer_norm_body;

    /// The numerators and denominators of a softmax along each of [`SOFTMAX_COLUMNS`] columns: with `m[c]` the largest of column
    /// `c`, `rows[r, c] = exp(scale · (rows[r, c] − m[c]))`, and what is returned is one through the sum of each column. No
    /// power overflows, for none is larger than 1; `scale` is positive.
    pub(crate) fn softmax_columns(rows: &mut [[f32; SOFTMAX_COLUMNS]], scale: f32) -> [f32; SOFTMAX_COLUMNS] => softmax_columns_body;

    /// `row[i] *= factor`.
    pub(crate) fn scale(row: &mut [f32], factor: f32) => scale_body;

    /// `out[i] += (bytes[i] − zero) · scale` for signed bytes.
    pub(crate) fn add_scaled_bytes(bytes: &[i8], zero: f32, scale: f32, out: &mut [f32]) => add_scaled_bytes_body;

    /// `out[i] += row[i]`.
    pub(crate) fn add(row: &[f32], out: &mut [f32]) => add_body;
}

/// Columns of [`softmax_columns`]: one cache line.
pub(crate) const SOFTMAX_COLUMNS: usize = 16;

/// Rows of floats within a slice.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    /// Distance from one row to the next.
    pub(crate) stride: usize,
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    // One instruction, unlike `f32::max`, which has to care for NaN.
    if a > b { a } else { b }
}

#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Folds eight lanes in a fixed order.
#[inline(always)]
fn fold(lanes: [f32; LANES], with: impl Fn(f32, f32) -> f32) -> f32 {
    let four: [f32; 4] = std::array::from_fn(|i| with(lanes[i], lanes[i + 4]));
    with(with(four[0], four[2]), with(four[1], four[3]))
}

/// Accumulates `step(lane, value)` over `values` in eight lanes, the rest of the last eight in lane order.
#[inline(always)]
fn accumulate(values: &[f32], start: f32, step: impl Fn(f32, f32) -> f32, with: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, value);
    }
    fold(lanes, with)
}

#[inline(always)]
fn quantize_body<const FMA: bool>(row: &[f32], limit: f32, out: &mut [i16]) -> f32 {
    let largest = accumulate(row, 0.0, |m, x| larger(m, x.abs()), larger);
    let (out, padding) = out.split_at_mut(row.len());
    padding.fill(0);
    if largest == 0.0 {
        out.fill(0);
        return 0.0;
    }
    let steps = limit / largest;
    for (q, &x) in out.iter_mut().zip(row) {
        // The product can pass `limit` by one rounding, which nearest-integer rounding takes back.
        *q = (x * steps + ROUND).to_bits() as i16;
    }
    largest / limit
}

#[inline(always)]
fn dequantize_body<const FMA: bool>(
    sums: &[i32],
    width: usize,
    steps: &[f32],
    scales: &[f32],
    bias: &[f32],
    out: &mut [f32],
    out_stride: usize,
) {
    dequantize_with(sums, width, steps, scales, bias, out, out_stride, |sums, step, scales, bias| {
        std::array::from_fn(|i| fused::<FMA>(sums[i] as f32, step * scales[i], bias[i]))
    });
}

#[inline(always)]
fn dequantize_gelu_body<const FMA: bool>(
    sums: &[i32],
    width: usize,
    steps: &[f32],
    scales: &[f32],
    bias: &[f32],
    out: &mut [f32],
    out_stride: usize,
) {
    let (c, e) = (black_box(&GELU), black_box(&EXP2));
    dequantize_with(sums, width, steps, scales, bias, out, out_stride, |sums, step, scales, bias| {
        let x: [f32; LANES] = std::array::from_fn(|i| fused::<FMA>(sums[i] as f32, step * scales[i], bias[i]));
        x.map(|x| gelu::<FMA>(x, c, e))
    });
}

/// The way through all that [`dequantize`] reads and writes. `with` makes eight outputs by value: written one by one into `out`,
/// they would have to be computed one by one, for all the compiler knows of where `out` and the operands lie.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "those of `dequantize`, and what is done with them")]
fn dequantize_with(
    sums: &[i32],
    width: usize,
    steps: &[f32],
    scales: &[f32],
    bias: &[f32],
    out: &mut [f32],
    out_stride: usize,
    with: impl Fn(&[i32; LANES], f32, &[f32; LANES], &[f32; LANES]) -> [f32; LANES],
) {
    assert!(width.is_multiple_of(LANES) && scales.len().is_multiple_of(width), "panels come in eights");
    assert_eq!(scales.len(), bias.len());
    let (scales, bias) = (scales.as_chunks::<LANES>().0, bias.as_chunks::<LANES>().0);
    let rows = steps.len();
    for (row, (&step, out)) in steps.iter().zip(out.chunks_mut(out_stride)).enumerate() {
        let panels = scales.chunks_exact(width / LANES).zip(bias.chunks_exact(width / LANES)).enumerate();
        for (panel, (scales, bias)) in panels {
            let sums = sums[(panel * rows + row) * width..][..width].as_chunks::<LANES>().0;
            let out = out[panel * width..][..width].as_chunks_mut::<LANES>().0;
            for (((y, sums), scales), bias) in out.iter_mut().zip(sums).zip(scales).zip(bias) {
                *y = with(sums, step, scales, bias);
            }
        }
    }
}

/// 2 to the power of `x`, for `x` of at most 127; relative error below 2e-7.
///
/// Everything smaller than −101 counts as −101: next to 1 that is nothing, and products of the result with weights stay out
/// of the subnormal numbers, with which x86 is a hundred times slower.
#[inline(always)]
fn exp2<const FMA: bool>(x: f32, c: &Exp2Constants) -> f32 {
    let x = larger(x, c.lowest);
    // x = n + r with |r| ≤ 1/2, exactly.
    let shifted = x + c.round;
    let r = x - (shifted - c.round);
    let square = r * r;
    let high = fused::<FMA>(c.powers[0], r, c.powers[1]);
    let middle = fused::<FMA>(c.powers[2], r, c.powers[3]);
    let low = fused::<FMA>(c.powers[4], r, c.one);
    let p = fused::<FMA>(fused::<FMA>(high, square, middle), square, low);
    // Times 2ⁿ: n added to the exponent.
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// The constants of [`exp2`].
///
/// They are read from memory, behind [`black_box`]: V8 puts a constant vector together from immediates wherever it is
/// used, in every round of a loop, which takes several times as long as the arithmetic.
struct Exp2Constants {
    lowest: f32,
    round: f32,
    /// 2ʳ on |r| ≤ 1/2 as a polynomial of degree 5 that is 1 at 0, highest power first: of all of these it is the one whose
    /// largest relative error is least (9e-8; found by weighted least squares, the weights raised where the error is large).
    powers: [f32; 5],
    one: f32,
}

#[expect(clippy::approx_constant, reason = "the polynomial has the least error with this, and not with ln 2 itself")]
static EXP2: Exp2Constants = Exp2Constants {
    lowest: -101.0,
    round: ROUND,
    powers: [0.001_326_466_6, 0.009_671_513, 0.055_507_34, 0.240_222_42, 0.693_147],
    one: 1.0,
};

/// The constants of [`gelu`], kept as those of [`exp2`] are.
struct GeluConstants {
    /// Their p = 0.3275911, divided by √2.
    slope: f32,
    one: f32,
    /// Their a₅ to a₁, halved.
    tail: [f32; 5],
    /// −log₂(e) / 2.
    power: f32,
}

static GELU: GeluConstants = GeluConstants {
    slope: 0.231_641_89,
    one: 1.0,
    tail: [0.530_702_7, -0.726_576_04, 0.710_706_9, -0.142_248_37, 0.127_414_8],
    power: -0.5 * std::f32::consts::LOG2_E,
};

/// `x · Φ(x)`, the exact GELU (not the tanh form); absolute error below 1e-6.
///
/// Φ is 1 − erfc(x/√2)/2 with erfc by formula 7.1.26 of Abramowitz and Stegun, Handbook of Mathematical Functions.
#[inline(always)]
fn gelu<const FMA: bool>(x: f32, c: &GeluConstants, e: &Exp2Constants) -> f32 {
    let t = c.one / fused::<FMA>(x.abs(), c.slope, c.one);
    let square = t * t;
    let high = fused::<FMA>(c.tail[0], t, c.tail[1]);
    let p = fused::<FMA>(fused::<FMA>(high, square, fused::<FMA>(c.tail[2], t, c.tail[3])), t, c.tail[4]);
    let tail = p * t * exp2::<FMA>(c.power * x * x, e);
    // gelu(x) = x − x·tail for x ≥ 0, x·tail below: both are max(x, 0) − |x|·tail.
    fused::<FMA>(-x.abs(), tail, larger(x, 0.0))
}

#[inline(always)]
fn layer_norm_body<const FMA: bool>(row: &mut [f32], gain: &[f32], bias: &[f32], epsilon: f32) {
    let count = row.len() as f32;
    let mean = accumulate(row, 0.0, |sum, x| sum + x, |a, b| a + b) / count;
    let squares = accumulate(row, 0.0, |sum, x| fused::<FMA>(x - mean, x - mean, sum), |a, b| a + b);
    let inverse = 1.0 / (squares / count + epsilon).sqrt();
    for ((x, &g), &b) in row.iter_mut().zip(gain).zip(bias) {
        *x = fused::<FMA>((*x - mean) * inverse, g, b);
    }
}

#[inline(always)]
fn softmax_columns_body<const FMA: bool>(rows: &mut [[f32; SOFTMAX_COLUMNS]], scale: f32) -> [f32; SOFTMAX_COLUMNS] {
    let mut largest = [f32::NEG_INFINITY; SOFTMAX_COLUMNS];
    for row in rows.iter() {
        for (m, &x) in largest.iter_mut().zip(row) {
            *m = larger(x, *m);
        }
    }
    let (e, scale) = (black_box(&EXP2), scale * std::f32::consts::LOG2_E);
    let mut sums = [0f32; SOFTMAX_COLUMNS];
    for row in rows.iter_mut() {
        let powers: [f32; SOFTMAX_COLUMNS] = std::array::from_fn(|c| exp2::<FMA>((row[c] - largest[c]) * scale, e));
        for (sum, &power) in sums.iter_mut().zip(&powers) {
            *sum += power;
        }
        *row = powers;
    }
    sums.map(|sum| 1.0 / sum)
}

#[inline(always)]
fn scale_body<const FMA: bool>(row: &mut [f32], factor: f32) {
    for x in row {
        *x *= factor;
    }
}

#[inline(always)]
fn add_scaled_bytes_body<const FMA: bool>(bytes: &[i8], zero: f32, scale: f32, out: &mut [f32]) {
    for (y, &byte) in out.iter_mut().zip(bytes) {
        *y += (f32::from(byte) - zero) * scale;
    }
}

#[inline(always)]
fn add_body<const FMA: bool>(row: &[f32], out: &mut [f32]) {
    for (y, &x) in out.iter_mut().zip(row) {
        *y += x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(from: f32, to: f32, count: usize) -> impl Iterator<Item = f32> {
        (0..count).map(move |i| from + (to - from) * i as f32 / (count - 1) as f32)
    }

    /// Φ by integrating the normal density in 64 bits: slow and by the definition.
    fn normal_distribution(x: f64) -> f64 {
        let steps = 4000;
        let h = x / f64::from(steps);
        let density = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let inner: f64 = (1..steps).map(|i| density(f64::from(i) * h) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        0.5 + h / 3.0 * (density(0.0) + inner + density(x))
    }

    #[test]
    fn powers_of_two_are_right_to_float_precision() {
        for x in ramp(-101.0, 127.0, 20_001) {
            let (got, want) = (f64::from(exp2::<false>(x, &EXP2)), f64::from(x).exp2());
            assert!((got / want - 1.0).abs() < 2e-7, "2 to the {x} = {got}, expected {want}");
        }
        for x in -101..=127 {
            assert_eq!(exp2::<false>(x as f32, &EXP2), (x as f32).exp2(), "whole powers are exact");
        }
        assert_eq!(exp2::<false>(-1e30, &EXP2), exp2::<false>(-101.0, &EXP2));
    }

    #[test]
    fn gelu_is_the_exact_form() {
        for x in ramp(-9.0, 9.0, 1501) {
            let got = f64::from(gelu::<false>(x, &GELU, &EXP2));
            let want = f64::from(x) * normal_distribution(f64::from(x));
            assert!((got - want).abs() < 1e-6, "gelu({x}) = {got}, expected {want}");
        }
        for x in [-1e4f32, -40.0, 0.0, 40.0, 1e4] {
            let (got, want) = (gelu::<false>(x, &GELU, &EXP2), x.max(0.0));
            assert!((got - want).abs() < 1e-25, "gelu({x}) = {got}");
        }
    }

    #[test]
    fn quantization_uses_the_whole_range_and_rounds_to_nearest() {
        for len in [1, 7, 8, 9, 31, 384] {
            let row: Vec<f32> = (0..len).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.013).collect();
            let mut out = vec![55; len + 5];
            let step = quantize(&row, 32767.0, &mut out);
            assert_eq!(out[len..], [0; 5]);
            assert_eq!(out.iter().map(|q| q.unsigned_abs()).max(), Some(32767), "length {len}");
            for (&q, &x) in out.iter().zip(&row) {
                assert!(
                    (f32::from(q) * step - x).abs() <= 0.501 * step,
                    "length {len}: {x} became {q} steps of {step}"
                );
            }
        }
        let mut out = [3; 4];
        assert_eq!((quantize(&[0.0; 4], 32767.0, &mut out), out), (0.0, [0; 4]));
    }

    #[test]
    fn layer_norm_follows_its_definition() {
        for len in [1, 5, 8, 13, 384] {
            let row: Vec<f32> = (0..len).map(|i| ((i * 29 % 17) as f32) * 0.3 - 2.0).collect();
            let (gain, bias): (Vec<f32>, Vec<f32>) =
                (0..len).map(|i| (1.0 + i as f32 * 0.01, 0.5 - i as f32 * 0.02)).unzip();
            let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / len as f64;
            let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / len as f64;
            let mut got = row.clone();
            layer_norm(&mut got, &gain, &bias, 1e-5);
            for i in 0..len {
                let want =
                    (f64::from(row[i]) - mean) / (variance + 1e-5).sqrt() * f64::from(gain[i]) + f64::from(bias[i]);
                assert!((f64::from(got[i]) - want).abs() < 1e-4, "length {len}, element {i}: {} for {want}", got[i]);
            }
        }
    }

    #[test]
    fn softmax_follows_its_definition_in_each_column() {
        for len in [1, 2, 7, 128] {
            let rows: Vec<[f32; SOFTMAX_COLUMNS]> = (0..len)
                .map(|r| std::array::from_fn(|c| ((r * 29 + c * 13) % 17) as f32 * 0.3 * c as f32 - 2.0 * c as f32))
                .collect();
            let mut got = rows.clone();
            let inverse = softmax_columns(&mut got, 2.5);
            for c in 0..SOFTMAX_COLUMNS {
                let total: f64 = rows.iter().map(|row| (2.5 * f64::from(row[c])).exp()).sum();
                for (got, row) in got.iter().zip(&rows) {
                    let (p, want) = (f64::from(got[c] * inverse[c]), (2.5 * f64::from(row[c])).exp() / total);
                    assert!((p - want).abs() < 1e-6, "length {len}, column {c}: {p} for {want}");
                }
            }
        }
    }
}
