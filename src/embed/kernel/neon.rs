//! aarch64 NEON: `smlal` on weights widened to 16 bits.
//!
//! NEON multiplies lane by lane (`smlal` adds four products of 16-bit lanes to four 32-bit sums), so the even and the odd
//! input of each pair are taken apart first: `ld2` does so while it loads.

use std::arch::aarch64::{
    float32x4_t, int32x4_t, vdupq_n_f32, vdupq_n_s32, vfmaq_n_f32, vget_low_s16, vld1q_f32, vld2_s8, vmlal_high_n_s16,
    vmlal_n_s16, vmovl_s8, vst1q_f32, vst1q_s32,
};

use super::{COLUMNS, Kernel, Matrix, Shape, check, check_product};

/// Exists only where the CPU has NEON.
struct Neon {
    _proof: (),
}

const WIDTH: usize = 8;
/// Rows per tile: eight sums, four widened weights, and room to spare among 32 registers.
const ROWS: usize = 6;

pub(super) fn available() -> Vec<&'static dyn Kernel> {
    let mut kernels: Vec<&'static dyn Kernel> = Vec::new();
    if std::arch::is_aarch64_feature_detected!("neon") {
        kernels.push(const { &Neon { _proof: () } });
    }
    kernels
}

impl Kernel for Neon {
    fn name(&self) -> &'static str {
        "aarch64 NEON"
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn block(&self) -> usize {
        ROWS
    }

    fn multiply(&self, activations: &[i16], rows: usize, panel: &[i8], pairs: usize, out: &mut [i32]) {
        check(activations, rows, panel, pairs, out, WIDTH);
        let (a, w, o) = (activations.as_ptr(), panel.as_ptr(), out.as_mut_ptr());
        let mut row = 0;
        // SAFETY: the CPU has NEON, or there would be no `Neon`; `check` has made sure of the lengths, and each tile stays
        // within the rows that are left.
        unsafe {
            while row + ROWS <= rows {
                tile::<ROWS>(a.add(row * pairs * 2), w, pairs, o.add(row * WIDTH));
                row += ROWS;
            }
            let (a, o) = (a.add(row * pairs * 2), o.add(row * WIDTH));
            match rows - row {
                1 => tile::<1>(a, w, pairs, o),
                2 => tile::<2>(a, w, pairs, o),
                3 => tile::<3>(a, w, pairs, o),
                4 => tile::<4>(a, w, pairs, o),
                5 => tile::<5>(a, w, pairs, o),
                _ => {}
            }
        }
    }

    fn product(&self, a: Matrix<'_>, b: Matrix<'_>, shape: Shape, out: &mut [f32], out_stride: usize) {
        check_product(a, b, shape, out, out_stride);
        let out = out.as_mut_ptr();
        for row in (0..shape.rows).step_by(FLOAT_ROWS) {
            for column in (0..shape.columns).step_by(COLUMNS) {
                // SAFETY: the CPU has NEON; `check_product` has made sure that all rows and columns below those of `shape`
                // are there.
                unsafe {
                    let (x, y) = (a.values.as_ptr().add(row), b.values.as_ptr().add(column));
                    let (steps, o) = ((a.stride, b.stride), out.add(row * out_stride + column));
                    match shape.rows - row {
                        1 => float_tile::<1>(x, y, steps, shape.depth, o, out_stride),
                        2 => float_tile::<2>(x, y, steps, shape.depth, o, out_stride),
                        3 => float_tile::<3>(x, y, steps, shape.depth, o, out_stride),
                        _ => float_tile::<FLOAT_ROWS>(x, y, steps, shape.depth, o, out_stride),
                    }
                }
            }
        }
    }
}

const FLOAT_ROWS: usize = 4;

/// # Safety
/// NEON; `a` points at a block of `R` rows and `pairs` pairs, `w` at `pairs` pairs of weights, `o` at room for
/// `R × WIDTH` sums.
#[target_feature(enable = "neon")]
unsafe fn tile<const R: usize>(a: *const i16, w: *const i8, pairs: usize, o: *mut i32) {
    let mut low: [int32x4_t; R] = [vdupq_n_s32(0); R];
    let mut high: [int32x4_t; R] = [vdupq_n_s32(0); R];
    for pair in 0..pairs {
        // SAFETY: `pair` is below `pairs` and `r` below `R`.
        unsafe {
            let weights = vld2_s8(w.add(pair * 2 * WIDTH));
            let (even, odd) = (vmovl_s8(weights.0), vmovl_s8(weights.1));
            for r in 0..R {
                let x = a.add((pair * R + r) * 2);
                let (x_even, x_odd) = (x.read(), x.add(1).read());
                low[r] = vmlal_n_s16(low[r], vget_low_s16(even), x_even);
                high[r] = vmlal_high_n_s16(high[r], even, x_even);
                low[r] = vmlal_n_s16(low[r], vget_low_s16(odd), x_odd);
                high[r] = vmlal_high_n_s16(high[r], odd, x_odd);
            }
        }
    }
    for r in 0..R {
        // SAFETY: room for `R × WIDTH` sums.
        unsafe {
            vst1q_s32(o.add(r * WIDTH), low[r]);
            vst1q_s32(o.add(r * WIDTH + 4), high[r]);
        }
    }
}

/// # Safety
/// NEON; at `a` and `b` are `depth` rows, `steps` apart, the first of at least `R` and the second of at least eight values; at
/// `o` is room for `R` rows of eight, `out_stride` apart.
#[target_feature(enable = "neon")]
unsafe fn float_tile<const R: usize>(
    mut a: *const f32,
    mut b: *const f32,
    steps: (usize, usize),
    depth: usize,
    o: *mut f32,
    out_stride: usize,
) {
    let mut low: [float32x4_t; R] = [vdupq_n_f32(0.0); R];
    let mut high: [float32x4_t; R] = [vdupq_n_f32(0.0); R];
    for _ in 0..depth {
        // SAFETY: `a` and `b` are at one of the `depth` rows. Behind the last the pointers are moved but not read.
        unsafe {
            let (b_low, b_high) = (vld1q_f32(b), vld1q_f32(b.add(4)));
            for r in 0..R {
                let x = a.add(r).read();
                low[r] = vfmaq_n_f32(low[r], b_low, x);
                high[r] = vfmaq_n_f32(high[r], b_high, x);
            }
        }
        a = a.wrapping_add(steps.0);
        b = b.wrapping_add(steps.1);
    }
    for r in 0..R {
        // SAFETY: room for `R` rows of eight.
        unsafe {
            let o = o.add(r * out_stride);
            vst1q_f32(o, low[r]);
            vst1q_f32(o.add(4), high[r]);
        }
    }
}
