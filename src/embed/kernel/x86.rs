//! x86-64: AVX2 (`vpmaddwd`, and FMA for floats) and AVX-512 with VNNI (`vpdpwssd`, multiply and add in one instruction).

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_loadu_si128, _mm256_add_epi32, _mm256_broadcast_ss, _mm256_cvtepi8_epi16,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_storeu_ps, _mm256_storeu_si256, _mm512_cvtepi8_epi16, _mm512_dpwssd_epi32,
    _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::{COLUMNS, Kernel, Matrix, Shape, check, check_product};

/// Exists only where the CPU has AVX2 and FMA.
struct Avx2 {
    _proof: (),
}

/// Exists only where the CPU has AVX-512 F, BW and VNNI, beside AVX2 and FMA.
struct Vnni {
    _proof: (),
}

pub(super) fn available() -> Vec<&'static dyn Kernel> {
    let mut kernels: Vec<&'static dyn Kernel> = Vec::new();
    // There is no CPU with one of the two alone.
    if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("fma") {
        return kernels;
    }
    kernels.push(const { &Avx2 { _proof: () } });
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
    {
        kernels.push(const { &Vnni { _proof: () } });
    }
    kernels
}

/// Calls `$tile::<R>` for as many whole tiles of `$rows` rows as there are, then once for the rest.
macro_rules! tiles {
    ($tile:ident, $rows:expr, [$($rest:literal)*], $a:expr, $total:expr, $w:expr, $pairs:expr, $o:expr, $width:expr) => {{
        let mut row = 0;
        while row + $rows <= $total {
            $tile::<$rows>($a.add(row * $pairs * 2), $w, $pairs, $o.add(row * $width));
            row += $rows;
        }
        match $total - row {
            $($rest => $tile::<$rest>($a.add(row * $pairs * 2), $w, $pairs, $o.add(row * $width)),)*
            _ => {}
        }
    }};
}

const AVX2_WIDTH: usize = 16;
const AVX2_ROWS: usize = 4;

impl Kernel for Avx2 {
    fn name(&self) -> &'static str {
        "x86-64 AVX2"
    }

    fn width(&self) -> usize {
        AVX2_WIDTH
    }

    fn block(&self) -> usize {
        AVX2_ROWS
    }

    fn multiply(&self, activations: &[i16], rows: usize, panel: &[i8], pairs: usize, out: &mut [i32]) {
        check(activations, rows, panel, pairs, out, AVX2_WIDTH);
        let (a, w, o) = (activations.as_ptr(), panel.as_ptr(), out.as_mut_ptr());
        // SAFETY: the CPU has AVX2, or there would be no `Avx2`; `check` has made sure of the lengths, and each tile stays
        // within the rows that are left.
        unsafe { tiles!(tile_avx2, AVX2_ROWS, [1 2 3], a, rows, w, pairs, o, AVX2_WIDTH) }
    }

    fn product(&self, a: Matrix<'_>, b: Matrix<'_>, shape: Shape, out: &mut [f32], out_stride: usize) {
        // SAFETY: the CPU has AVX2 and FMA, or there would be no `Avx2`.
        unsafe { product(a, b, shape, out, out_stride) }
    }
}

/// # Safety
/// AVX2; `a` points at a block of `R` rows and `pairs` pairs, `w` at `pairs` pairs of weights, `o` at room
/// for `R × AVX2_WIDTH` sums.
#[target_feature(enable = "avx2")]
unsafe fn tile_avx2<const R: usize>(a: *const i16, w: *const i8, pairs: usize, o: *mut i32) {
    let mut low = [_mm256_setzero_si256(); R];
    let mut high = [_mm256_setzero_si256(); R];
    for pair in 0..pairs {
        // SAFETY: `pair` is below `pairs` and `r` below `R`; loads have no alignment.
        unsafe {
            let weights = w.add(pair * 2 * AVX2_WIDTH).cast::<__m128i>();
            let w_low = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights));
            let w_high = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.add(1)));
            for r in 0..R {
                let x = _mm256_set1_epi32(a.add((pair * R + r) * 2).cast::<i32>().read_unaligned());
                low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(x, w_low));
                high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(x, w_high));
            }
        }
    }
    for r in 0..R {
        // SAFETY: room for `R × AVX2_WIDTH` sums.
        unsafe {
            let sums = o.add(r * AVX2_WIDTH).cast::<__m256i>();
            _mm256_storeu_si256(sums, low[r]);
            _mm256_storeu_si256(sums.add(1), high[r]);
        }
    }
}

const VNNI_WIDTH: usize = 32;
const VNNI_ROWS: usize = 8;

impl Kernel for Vnni {
    fn name(&self) -> &'static str {
        "x86-64 AVX-512 VNNI"
    }

    fn width(&self) -> usize {
        VNNI_WIDTH
    }

    fn block(&self) -> usize {
        VNNI_ROWS
    }

    fn multiply(&self, activations: &[i16], rows: usize, panel: &[i8], pairs: usize, out: &mut [i32]) {
        check(activations, rows, panel, pairs, out, VNNI_WIDTH);
        let (a, w, o) = (activations.as_ptr(), panel.as_ptr(), out.as_mut_ptr());
        // SAFETY: the CPU has AVX-512 F, BW and VNNI, or there would be no `Vnni`; `check` has made sure of the lengths, and
        // each tile stays within the rows that are left.
        unsafe { tiles!(tile_vnni, VNNI_ROWS, [1 2 3 4 5 6 7], a, rows, w, pairs, o, VNNI_WIDTH) }
    }

    fn product(&self, a: Matrix<'_>, b: Matrix<'_>, shape: Shape, out: &mut [f32], out_stride: usize) {
        // SAFETY: the CPU has AVX2 and FMA, or there would be no `Vnni`.
        unsafe { product(a, b, shape, out, out_stride) }
    }
}

/// # Safety
/// AVX-512 F, BW and VNNI; `a` points at a block of `R` rows and `pairs` pairs, `w` at `pairs` pairs of
/// weights, `o` at room for `R × VNNI_WIDTH` sums.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn tile_vnni<const R: usize>(a: *const i16, w: *const i8, pairs: usize, o: *mut i32) {
    let mut low = [_mm512_setzero_si512(); R];
    let mut high = [_mm512_setzero_si512(); R];
    for pair in 0..pairs {
        // SAFETY: `pair` is below `pairs` and `r` below `R`; loads have no alignment.
        unsafe {
            let weights = w.add(pair * 2 * VNNI_WIDTH).cast::<__m256i>();
            let w_low = _mm512_cvtepi8_epi16(_mm256_loadu_si256(weights));
            let w_high = _mm512_cvtepi8_epi16(_mm256_loadu_si256(weights.add(1)));
            for r in 0..R {
                let x = _mm512_set1_epi32(a.add((pair * R + r) * 2).cast::<i32>().read_unaligned());
                low[r] = _mm512_dpwssd_epi32(low[r], x, w_low);
                high[r] = _mm512_dpwssd_epi32(high[r], x, w_high);
            }
        }
    }
    for r in 0..R {
        // SAFETY: room for `R × VNNI_WIDTH` sums.
        unsafe {
            let sums = o.add(r * VNNI_WIDTH).cast::<__m512i>();
            _mm512_storeu_si512(sums, low[r]);
            _mm512_storeu_si512(sums.add(1), high[r]);
        }
    }
}

/// Rows and eights of columns per tile of floats: eight sums, as many as two multiply-adds a cycle of latency four need.
const FLOAT_ROWS: usize = 4;
const FLOAT_EIGHTS: usize = 2;

/// # Safety
/// AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
unsafe fn product(a: Matrix<'_>, b: Matrix<'_>, shape: Shape, out: &mut [f32], out_stride: usize) {
    check_product(a, b, shape, out, out_stride);
    let Shape { depth, rows, columns } = shape;
    let out = out.as_mut_ptr();
    for row in (0..rows).step_by(FLOAT_ROWS) {
        for column in (0..columns).step_by(FLOAT_EIGHTS * COLUMNS) {
            // SAFETY: `check_product` has made sure that all rows and columns below those of `shape` are there.
            unsafe {
                let (x, y) = (a.values.as_ptr().add(row), b.values.as_ptr().add(column));
                let (steps, o) = ((a.stride, b.stride), out.add(row * out_stride + column));
                match (rows - row, columns - column) {
                    (1, COLUMNS) => float_tile::<1, 1>(x, y, steps, depth, o, out_stride),
                    (2, COLUMNS) => float_tile::<2, 1>(x, y, steps, depth, o, out_stride),
                    (3, COLUMNS) => float_tile::<3, 1>(x, y, steps, depth, o, out_stride),
                    (_, COLUMNS) => float_tile::<FLOAT_ROWS, 1>(x, y, steps, depth, o, out_stride),
                    (1, _) => float_tile::<1, FLOAT_EIGHTS>(x, y, steps, depth, o, out_stride),
                    (2, _) => float_tile::<2, FLOAT_EIGHTS>(x, y, steps, depth, o, out_stride),
                    (3, _) => float_tile::<3, FLOAT_EIGHTS>(x, y, steps, depth, o, out_stride),
                    _ => float_tile::<FLOAT_ROWS, FLOAT_EIGHTS>(x, y, steps, depth, o, out_stride),
                }
            }
        }
    }
}

/// # Safety
/// AVX2 and FMA; at `a` and `b` are `depth` rows, `steps` apart, the first of at least `R` and the second of at least `8 · E`
/// values; at `o` is room for `R` rows of `8 · E`, `out_stride` apart.
#[target_feature(enable = "avx2,fma")]
unsafe fn float_tile<const R: usize, const E: usize>(
    mut a: *const f32,
    mut b: *const f32,
    steps: (usize, usize),
    depth: usize,
    o: *mut f32,
    out_stride: usize,
) {
    let mut sums = [[_mm256_setzero_ps(); E]; R];
    for _ in 0..depth {
        // SAFETY: `a` and `b` are at one of the `depth` rows. Behind the last the pointers are moved but not read.
        unsafe {
            let mut eights = [_mm256_setzero_ps(); E];
            for (e, values) in eights.iter_mut().enumerate() {
                *values = _mm256_loadu_ps(b.add(e * COLUMNS));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = _mm256_broadcast_ss(&*a.add(r));
                for (sum, &y) in sums.iter_mut().zip(&eights) {
                    *sum = _mm256_fmadd_ps(x, y, *sum);
                }
            }
        }
        a = a.wrapping_add(steps.0);
        b = b.wrapping_add(steps.1);
    }
    for (r, sums) in sums.iter().enumerate() {
        for (e, &sum) in sums.iter().enumerate() {
            // SAFETY: room for `R` rows of `8 · E`.
            unsafe { _mm256_storeu_ps(o.add(r * out_stride + e * COLUMNS), sum) }
        }
    }
}
