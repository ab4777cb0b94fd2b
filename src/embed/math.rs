//! The float side of a transformer layer: quantization of activations, GELU, softmax, layer normalization, and the two
//! small products of attention.
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
        #[inline]
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

    /// `row[i] = exp(scale · row[i]) / Σ exp(scale · row[j])`, computed against the maximum so that nothing overflows.
    pub(crate) fn softmax(row: &mut [f32], scale: f32) => softmax_body;

    /// `c = a · b` for `a` of `rows × depth`, `b` of `depth × columns`, `c` of `rows × columns`; each matrix row-major
    /// with its own distance between rows. `columns` is a multiple of 8.
    pub(crate) fn product(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32], c_stride: usize, rows: usize, depth: usize, columns: usize)
        => product_body;

    /// `out[i] += (bytes[i] − zero) · scale` for signed bytes.
    pub(crate) fn add_scaled_bytes(bytes: &[i8], zero: f32, scale: f32, out: &mut [f32]) => add_scaled_bytes_body;

    /// `out[i] += row[i]`.
    pub(crate) fn add(row: &[f32], out: &mut [f32]) => add_body;
}

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
                for lane in 0..LANES {
                    y[lane] = fused::<FMA>(sums[lane] as f32, step * scales[lane], bias[lane]);
                }
            }
        }
    }
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
    // Apart from the conversion, over whole runs of outputs: of both in one loop the compiler makes scalar code, which took
    // 14.3 ms where this takes 3.9 (wasm, 128 tokens, six layers).
    dequantize_body::<FMA>(sums, width, steps, scales, bias, out, out_stride);
    let (c, e) = (black_box(&GELU), black_box(&EXP));
    for row in out.chunks_mut(out_stride).take(steps.len()) {
        for y in &mut row[..scales.len()] {
            *y = gelu::<FMA>(*y, c, e);
        }
    }
}

/// e to the power of `x`, for `x` of at most 88; relative error below 3e-7.
///
/// Everything smaller than −70 counts as −70: next to 1 that is nothing, and products of the result with weights stay out
/// of the subnormal numbers, with which x86 is a hundred times slower.
#[inline(always)]
fn exp<const FMA: bool>(x: f32, c: &ExpConstants) -> f32 {
    let x = larger(x, c.lowest);
    // x = n · ln 2 + r with |r| ≤ ln 2 / 2.
    let shifted = fused::<FMA>(x, c.log2_e, c.round);
    let n = shifted - c.round;
    let r = fused::<FMA>(n, c.minus_ln2_low, fused::<FMA>(n, c.minus_ln2_high, x));
    let p = fused::<FMA>(c.taylor[0], r, c.taylor[1]);
    let p = fused::<FMA>(p, r, c.taylor[2]);
    let p = fused::<FMA>(p, r, c.taylor[3]);
    let p = fused::<FMA>(p, r, c.taylor[4]);
    let p = fused::<FMA>(p, r, c.one);
    let p = fused::<FMA>(p, r, c.one);
    // Times 2ⁿ: n added to the exponent.
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// The constants of [`exp`].
///
/// They are read from memory, behind [`black_box`]: V8 puts a constant vector together from immediates wherever it is
/// used, in every round of a loop, which takes several times as long as the arithmetic.
struct ExpConstants {
    lowest: f32,
    log2_e: f32,
    round: f32,
    minus_ln2_high: f32,
    minus_ln2_low: f32,
    /// Taylor's polynomial of degree 6, highest power first: its error on |r| ≤ ln 2 / 2 is below the rounding of a float.
    taylor: [f32; 5],
    one: f32,
}

static EXP: ExpConstants = ExpConstants {
    lowest: -70.0,
    log2_e: std::f32::consts::LOG2_E,
    round: ROUND,
    minus_ln2_high: -355.0 / 512.0, // nine bits, so that n times it is exact
    minus_ln2_low: 2.121_944_4e-4,
    taylor: [1.388_889e-3, 8.333_334e-3, 4.166_666_6e-2, 0.166_666_67, 0.5],
    one: 1.0,
};

/// The constants of [`gelu`], kept as those of [`exp`] are.
struct GeluConstants {
    /// Their p = 0.3275911, divided by √2.
    slope: f32,
    one: f32,
    /// Their a₅ to a₁, halved.
    tail: [f32; 5],
    minus_half: f32,
}

static GELU: GeluConstants = GeluConstants {
    slope: 0.231_641_89,
    one: 1.0,
    tail: [0.530_702_7, -0.726_576_04, 0.710_706_9, -0.142_248_37, 0.127_414_8],
    minus_half: -0.5,
};

/// `x · Φ(x)`, the exact GELU (not the tanh form); absolute error below 1e-6.
///
/// Φ is 1 − erfc(x/√2)/2 with erfc by formula 7.1.26 of Abramowitz and Stegun, Handbook of Mathematical Functions.
#[inline(always)]
fn gelu<const FMA: bool>(x: f32, c: &GeluConstants, e: &ExpConstants) -> f32 {
    let t = c.one / fused::<FMA>(x.abs(), c.slope, c.one);
    let p = fused::<FMA>(c.tail[0], t, c.tail[1]);
    let p = fused::<FMA>(p, t, c.tail[2]);
    let p = fused::<FMA>(p, t, c.tail[3]);
    let p = fused::<FMA>(p, t, c.tail[4]);
    let tail = p * t * exp::<FMA>(c.minus_half * x * x, e);
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
fn softmax_body<const FMA: bool>(row: &mut [f32], scale: f32) {
    let largest = accumulate(row, f32::NEG_INFINITY, larger, larger);
    let e = black_box(&EXP);
    for x in row.iter_mut() {
        *x = exp::<FMA>((*x - largest) * scale, e);
    }
    let inverse = 1.0 / accumulate(row, 0.0, |sum, x| sum + x, |a, b| a + b);
    for x in row.iter_mut() {
        *x *= inverse;
    }
}

/// Rows per tile of [`product`]: as many sums of eight as stay in registers (16 of 4 lanes on wasm, of 8 with AVX2).
const TILE_ROWS: usize = if cfg!(target_arch = "wasm32") { 4 } else { 8 };

#[inline(always)]
fn product_body<const FMA: bool>(
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    c_stride: usize,
    rows: usize,
    depth: usize,
    columns: usize,
) {
    assert!(columns.is_multiple_of(LANES), "columns come in eights");
    let mut row = 0;
    while row < rows {
        let tile = (rows - row).min(TILE_ROWS);
        for column in (0..columns).step_by(LANES) {
            let a = Matrix { values: &a.values[row * a.stride..], stride: a.stride };
            let b = Matrix { values: &b.values[column..], stride: b.stride };
            let c = &mut c[row * c_stride + column..];
            if tile == TILE_ROWS {
                product_tile::<FMA, TILE_ROWS>(a, b, c, c_stride, depth);
            } else {
                for r in 0..tile {
                    let a = Matrix { values: &a.values[r * a.stride..], stride: a.stride };
                    product_tile::<FMA, 1>(a, b, &mut c[r * c_stride..], c_stride, depth);
                }
            }
        }
        row += tile;
    }
}

#[inline(always)]
fn product_tile<const FMA: bool, const R: usize>(
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    c_stride: usize,
    depth: usize,
) {
    let a: [&[f32]; R] = std::array::from_fn(|r| &a.values[r * a.stride..][..depth]);
    let mut sums = [[0f32; LANES]; R];
    for (k, b) in b.values.chunks(b.stride).take(depth).enumerate() {
        let b: &[f32; LANES] = b.first_chunk().expect("a row of b has eight more columns");
        for (sums, a) in sums.iter_mut().zip(&a) {
            let x = a[k];
            for (sum, &y) in sums.iter_mut().zip(b) {
                *sum = fused::<FMA>(x, y, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        c[r * c_stride..][..LANES].copy_from_slice(sums);
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
    fn exp_is_right_to_float_precision() {
        for x in ramp(-70.0, 88.0, 20_001) {
            let (got, want) = (f64::from(exp::<false>(x, &EXP)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 3e-7, "exp({x}) = {got}, expected {want}");
        }
        assert_eq!(exp::<false>(-1e30, &EXP), exp::<false>(-70.0, &EXP));
    }

    #[test]
    fn gelu_is_the_exact_form() {
        for x in ramp(-9.0, 9.0, 1501) {
            let got = f64::from(gelu::<false>(x, &GELU, &EXP));
            let want = f64::from(x) * normal_distribution(f64::from(x));
            assert!((got - want).abs() < 1e-6, "gelu({x}) = {got}, expected {want}");
        }
        for x in [-1e4f32, -40.0, 0.0, 40.0, 1e4] {
            let (got, want) = (gelu::<false>(x, &GELU, &EXP), x.max(0.0));
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
    fn layer_norm_and_softmax_follow_their_definitions() {
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

            let mut got = row.clone();
            softmax(&mut got, 2.5);
            let total: f64 = row.iter().map(|&x| (2.5 * f64::from(x)).exp()).sum();
            for (&p, &x) in got.iter().zip(&row) {
                let want = (2.5 * f64::from(x)).exp() / total;
                assert!((f64::from(p) - want).abs() < 1e-6, "length {len}: {p} for {want}");
            }
        }
    }

    #[test]
    fn products_of_any_shape_are_those_of_the_definition() {
        for (rows, depth, columns) in [(1, 1, 8), (3, 5, 8), (4, 32, 16), (9, 33, 24), (17, 7, 40)] {
            let (sa, sb, sc) = (depth + 3, columns + 8, columns + 1);
            let a: Vec<f32> = (0..rows * sa).map(|i| (i * 7 % 23) as f32 - 11.0).collect();
            let b: Vec<f32> = (0..depth * sb).map(|i| (i * 5 % 19) as f32 - 9.0).collect();
            let mut c = vec![0.0; rows * sc];
            product(
                Matrix { values: &a, stride: sa },
                Matrix { values: &b, stride: sb },
                &mut c,
                sc,
                rows,
                depth,
                columns,
            );
            for i in 0..rows {
                for j in 0..columns {
                    // Small integers: exact in any order.
                    let want: f32 = (0..depth).map(|k| a[i * sa + k] * b[k * sb + j]).sum();
                    assert_eq!(c[i * sc + j], want, "{rows}×{depth}×{columns} at {i}, {j}");
                }
            }
        }
    }
}
