//! WebAssembly with fixed-width SIMD: `i32x4.dot_i16x8_s` on weights widened while they are loaded.
//!
//! One dot product instruction does eight multiplications. A tile of four rows by eight channels keeps eight sums in
//! registers and reads each weight once for four rows; with the sixteen registers of x86 (one of which V8 keeps for
//! itself) more rows would spill.

use std::arch::wasm32::{
    f32x4_add, f32x4_mul, f32x4_splat, i16x8_load_extend_i8x8, i32x4_add, i32x4_dot_i16x8, i32x4_splat, v128,
    v128_load, v128_load32_splat, v128_store,
};

use super::{COLUMNS, Kernel, Matrix, Shape, check, check_product};

/// A module with this code in it runs only where `simd128` is there: the proof is that it was instantiated.
struct Simd128 {
    _proof: (),
}

const WIDTH: usize = 8;
/// Rows per tile.
const ROWS: usize = 4;

pub(super) fn available() -> Vec<&'static dyn Kernel> {
    vec![const { &Simd128 { _proof: () } }]
}

impl Kernel for Simd128 {
    fn name(&self) -> &'static str {
        "wasm simd128"
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
        // SAFETY: `check` has made sure that `rows` rows of activations and sums and `pairs` pairs of weights are there;
        // each tile stays within the rows that are left, which are a block of their own.
        unsafe {
            while row + ROWS <= rows {
                tile::<ROWS>(a.add(row * pairs * 2), w, pairs, o.add(row * WIDTH));
                row += ROWS;
            }
            match rows - row {
                1 => tile::<1>(a.add(row * pairs * 2), w, pairs, o.add(row * WIDTH)),
                2 => tile::<2>(a.add(row * pairs * 2), w, pairs, o.add(row * WIDTH)),
                3 => tile::<3>(a.add(row * pairs * 2), w, pairs, o.add(row * WIDTH)),
                _ => {}
            }
        }
    }

    fn product(&self, a: Matrix<'_>, b: Matrix<'_>, shape: Shape, out: &mut [f32], out_stride: usize) {
        check_product(a, b, shape, out, out_stride);
        let out = out.as_mut_ptr();
        for row in (0..shape.rows).step_by(ROWS) {
            for column in (0..shape.columns).step_by(COLUMNS) {
                // SAFETY: `check_product` has made sure that all rows and columns below those of `shape` are there.
                unsafe {
                    let (x, y) = (a.values.as_ptr().add(row), b.values.as_ptr().add(column));
                    let (steps, o) = ((a.stride, b.stride), out.add(row * out_stride + column));
                    match shape.rows - row {
                        1 => float_tile::<1>(x, y, steps, shape.depth, o, out_stride),
                        2 => float_tile::<2>(x, y, steps, shape.depth, o, out_stride),
                        3 => float_tile::<3>(x, y, steps, shape.depth, o, out_stride),
                        _ => float_tile::<ROWS>(x, y, steps, shape.depth, o, out_stride),
                    }
                }
            }
        }
    }
}

/// Not inlined, so that V8 allocates registers for each tile by itself.
///
/// # Safety
/// `a` points at a block of `R` rows and `pairs` pairs, `w` at `pairs` pairs of weights, `o` at room for `R × WIDTH` sums.
#[inline(never)]
unsafe fn tile<const R: usize>(mut a: *const i16, mut w: *const i8, pairs: usize, o: *mut i32) {
    let zero: v128 = i32x4_splat(0);
    let mut low = [zero; R];
    let mut high = [zero; R];
    // SAFETY: behind the last pair, which is still an address of the same slice.
    let end = unsafe { a.add(pairs * R * 2) };
    while a < end {
        // SAFETY: `a` is at a pair of the block and `w` at the same pair of weights; see the contract of this function.
        // Loads have no alignment.
        unsafe {
            let w_low = i16x8_load_extend_i8x8(w);
            let w_high = i16x8_load_extend_i8x8(w.add(8));
            for r in 0..R {
                let x = v128_load32_splat(a.add(r * 2).cast());
                low[r] = i32x4_add(low[r], i32x4_dot_i16x8(x, w_low));
                high[r] = i32x4_add(high[r], i32x4_dot_i16x8(x, w_high));
            }
            a = a.add(R * 2);
            w = w.add(WIDTH * 2);
        }
    }
    for r in 0..R {
        // SAFETY: room for `R × WIDTH` sums.
        unsafe {
            v128_store(o.add(r * WIDTH).cast(), low[r]);
            v128_store(o.add(r * WIDTH + 4).cast(), high[r]);
        }
    }
}

/// A tile of `R` rows by eight columns, as [`tile`] but of floats: a multiplication and an addition for each four products.
///
/// # Safety
/// At `a` and `b` are `depth` rows, `steps` apart, the first of at least `R` and the second of at least eight values; at `o` is
/// room for `R` rows of eight, `out_stride` apart.
#[inline(never)]
unsafe fn float_tile<const R: usize>(
    mut a: *const f32,
    mut b: *const f32,
    steps: (usize, usize),
    depth: usize,
    o: *mut f32,
    out_stride: usize,
) {
    let mut low = [f32x4_splat(0.0); R];
    let mut high = [f32x4_splat(0.0); R];
    for _ in 0..depth {
        // SAFETY: `a` and `b` are at one of the `depth` rows; see the contract of this function. Behind the last row the
        // pointers are moved but not read.
        unsafe {
            let (b_low, b_high) = (v128_load(b.cast()), v128_load(b.add(4).cast()));
            for r in 0..R {
                let x = v128_load32_splat(a.add(r).cast());
                low[r] = f32x4_add(low[r], f32x4_mul(x, b_low));
                high[r] = f32x4_add(high[r], f32x4_mul(x, b_high));
            }
        }
        a = a.wrapping_add(steps.0);
        b = b.wrapping_add(steps.1);
    }
    for r in 0..R {
        // SAFETY: room for `R` rows of eight.
        unsafe {
            let o = o.add(r * out_stride);
            v128_store(o.cast(), low[r]);
            v128_store(o.add(4).cast(), high[r]);
        }
    }
}
