//! GELU, `x * Phi(x)`: by the error function where sums are f32, by a polynomial where the result is rounded to bf16.

use super::exponential::power_of_two;
use super::simd::Simd;

/// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: `erfc(z) = t * p(t) * exp(-z^2)` with
/// `t = 1 / (1 + 0.3275911 z)`, to 1.5e-7. First the factor of z, then the coefficients of p.
const ERFC_SCALE: f32 = 0.327_591_1;
const ERFC: [f32; 5] = [0.254_829_6, -0.284_496_74, 1.421_413_7, -1.453_152, 1.061_405_4];

/// Beyond it, `Phi` is taken as 0 or 1: `4.25 * Phi(-4.25)` is 4.5e-5.
const LIMIT: f32 = 4.25;

/// `Phi(x) = 0.5 + x * p(x^2)` on [-4.25, 4.25]: the coefficients of p, fitted for the least largest error of GELU (1.6e-5)
/// by Lawson's reweighted least squares in the Chebyshev basis.
const PHI: [f32; 9] = [
    0.398_819_2,
    -0.066_190_28,
    0.009_718_78,
    -0.001_079_078_4,
    8.848_921e-5,
    -5.147_521e-6,
    1.986_163e-7,
    -4.515_316e-9,
    4.547_088_4e-11,
];

/// One half, less what the polynomial leaves at -4.25: so that `Phi` is cut to exactly 0 there, not to a little that x then multiplies.
const HALF: f32 = 0.499_99;

/// GELU of each lane, as exact as the operands that hold the result: absolute error 1e-6 for f32, 5e-5 for bf16.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    if S::OPERANDS_PER_WORD == 1 { exact(simd, x) } else { polynomial(simd, x) }
}

/// `max(x, 0) - |x| / 2 * erfc(|x| / sqrt 2)`, which loses nothing where x is negative.
#[inline(always)]
fn exact<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};
    let zero = simd.splat(0.0);
    let size = simd.maximum(x, simd.subtract(zero, x));
    let t = simd.divide(
        simd.splat(1.0),
        simd.multiply_add(size, simd.splat(ERFC_SCALE * FRAC_1_SQRT_2), simd.splat(1.0)),
    );
    let mut sum = simd.splat(ERFC[4]);
    for &coefficient in ERFC[..4].iter().rev() {
        sum = simd.multiply_add(sum, t, simd.splat(coefficient));
    }
    let tail = power_of_two(simd, simd.multiply(simd.multiply(x, x), simd.splat(-0.5 * LOG2_E)));
    let erfc = simd.multiply(simd.multiply(sum, t), tail);
    simd.subtract(simd.maximum(x, zero), simd.multiply(simd.multiply(size, simd.splat(0.5)), erfc))
}

#[inline(always)]
fn polynomial<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    let inside = simd.maximum(simd.minimum(x, simd.splat(LIMIT)), simd.splat(-LIMIT));
    let square = simd.multiply(inside, inside);
    let mut sum = simd.splat(PHI[8]);
    for &coefficient in PHI[..8].iter().rev() {
        sum = simd.multiply_add(sum, square, simd.splat(coefficient));
    }
    let phi = simd.maximum(simd.multiply_add(sum, inside, simd.splat(HALF)), simd.splat(0.0));
    simd.multiply(x, phi)
}
