//! Two to the power of a vector: softmax (whose scores come scaled by log2 e) and the error function are built on it.

use super::simd::Simd;

/// The least power whose result is a normal number.
const LEAST: f32 = -126.0;

/// 1.5 * 2^23: adding it rounds to an integer, which the low bits of the sum then hold.
const ROUNDER: f32 = 12_582_912.0;

/// `ln(2)^k / k!` for k = 0 to 6: the series of 2^x, whose rest is below 1.3e-7 of the value for |x| <= 1/2.
const SERIES: [f32; 7] =
    [1.0, std::f32::consts::LN_2, 0.240_226_5, 0.055_504_11, 0.009_618_129, 0.001_333_355_8, 0.000_154_035_3];

/// `2^power` for powers up to 126, to a relative 2e-7; 2^-126 for all below -126.
#[inline(always)]
pub(super) fn power_of_two<S: Simd>(simd: S, power: S::Vector) -> S::Vector {
    let power = simd.maximum(power, simd.splat(LEAST));
    let rounder = simd.splat(ROUNDER);
    let whole = simd.add(power, rounder);
    let rest = simd.subtract(power, simd.subtract(whole, rounder));
    let mut result = simd.splat(SERIES[SERIES.len() - 1]);
    for &coefficient in SERIES.iter().rev().skip(1) {
        result = simd.multiply_add(result, rest, simd.splat(coefficient));
    }
    simd.scale_by_power(result, whole)
}
