//! `exp` as plain arithmetic: the same bits on every machine, and in a loop the compiler makes SIMD of it, which a call of the
//! platform's own function keeps it from. A long profile asks for millions of them.

/// The exponential function, within two units in the last place; of what lies beyond ±700 it is that of ±700, and of NaN NaN.
///
/// With x = k·ln 2 + r and |r| ≤ ½ ln 2, it is 2^k times the Taylor series of r up to r¹³, whose rest is below half a unit in
/// the last place (Cody and Waite 1980: ln 2 in two parts, so that r is exact).
#[inline]
pub(crate) fn exp(x: f64) -> f64 {
    /// 1.5 · 2⁵²: a sum with it has the nearest whole number in its last bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    /// The first 33 bits of ln 2: any k times it is exact.
    const LN_2_FIRST: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN_2_REST: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    /// 1 / n!, from 13 down to 0.
    const SERIES: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let bounded = x.clamp(-700.0, 700.0);
    let shifted = bounded * std::f64::consts::LOG2_E + SHIFT;
    let whole = shifted - SHIFT;
    let rest = (bounded - whole * LN_2_FIRST) - whole * LN_2_REST;
    let sum = SERIES.iter().fold(0.0, |sum, factor| sum * rest + factor);
    // Its exponent, k more.
    let scaled = f64::from_bits(sum.to_bits().wrapping_add(shifted.to_bits() << 52));
    if x.is_nan() { x } else { scaled }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_function() {
        let units = |x: f64| (exp(x) - x.exp()).abs() / (x.exp() * f64::EPSILON);
        let most = (-699_000..=699_000).map(|at| units(f64::from(at) / 1000.0 + 1e-7)).fold(0.0, f64::max);
        assert!(most <= 2.0, "{most} units");
        assert_eq!((exp(0.0), exp(-0.0)), (1.0, 1.0));
        assert!(exp(f64::NAN).is_nan());
        assert!(exp(f64::NEG_INFINITY) == exp(-700.0) && exp(-700.0) < 1e-300);
        assert!(exp(1e9) == exp(700.0) && exp(700.0) > 1e300);
    }

    #[test]
    fn it_rises() {
        let values: Vec<f64> = (-40_000..=0).map(|at| exp(f64::from(at) / 1000.0)).collect();
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
