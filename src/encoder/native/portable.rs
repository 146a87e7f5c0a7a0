//! Vectors in plain Rust, for every processor without kernels of its own (NEON by the compiler's vectoriser).
//!
//! Four lanes, because that is what both baseline x86-64 and 64-bit ARM have registers for.

use super::simd::{Operation, Simd};

const LANES: usize = 4;

/// Whether a fused multiply-add is one instruction here; in software it would be a hundred times slower than two roundings.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

type Vector = [f32; LANES];

impl Portable {
    #[inline(always)]
    fn zip(left: Vector, right: Vector, operation: impl Fn(f32, f32) -> f32) -> Vector {
        let mut result = left;
        for lane in 0..LANES {
            result[lane] = operation(left[lane], right[lane]);
        }
        result
    }
}

impl Simd for Portable {
    type Vector = Vector;
    const LANES: usize = LANES;
    const OPERANDS_PER_WORD: usize = 1;
    const TILE_VECTORS: usize = 2;

    fn run<O: Operation>(self, operation: O) -> O::Output {
        operation.apply(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Vector {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, source: &[f32]) -> Vector {
        [source[0], source[1], source[2], source[3]]
    }

    #[inline(always)]
    fn store(self, target: &mut [f32], vector: Vector) {
        target[..LANES].copy_from_slice(&vector);
    }

    #[inline(always)]
    fn add(self, left: Vector, right: Vector) -> Vector {
        Self::zip(left, right, |left, right| left + right)
    }

    #[inline(always)]
    fn subtract(self, left: Vector, right: Vector) -> Vector {
        Self::zip(left, right, |left, right| left - right)
    }

    #[inline(always)]
    fn multiply(self, left: Vector, right: Vector) -> Vector {
        Self::zip(left, right, |left, right| left * right)
    }

    #[inline(always)]
    fn divide(self, left: Vector, right: Vector) -> Vector {
        Self::zip(left, right, |left, right| left / right)
    }

    #[inline(always)]
    fn maximum(self, left: Vector, right: Vector) -> Vector {
        Self::zip(left, right, |left, right| if left > right { left } else { right })
    }

    #[inline(always)]
    fn minimum(self, left: Vector, right: Vector) -> Vector {
        Self::zip(left, right, |left, right| if left < right { left } else { right })
    }

    #[inline(always)]
    fn multiply_add(self, left: Vector, right: Vector, sum: Vector) -> Vector {
        let mut result = sum;
        for lane in 0..LANES {
            result[lane] = if FUSED {
                left[lane].mul_add(right[lane], sum[lane])
            } else {
                left[lane] * right[lane] + sum[lane]
            };
        }
        result
    }

    #[inline(always)]
    fn scale_by_power(self, vector: Vector, exponent: Vector) -> Vector {
        Self::zip(vector, exponent, |value, exponent| {
            f32::from_bits(value.to_bits().wrapping_add(exponent.to_bits() << 23))
        })
    }

    #[inline(always)]
    fn keep_first(self, vector: Vector, count: usize, fill: Vector) -> Vector {
        let mut result = fill;
        for lane in 0..LANES {
            if lane < count {
                result[lane] = vector[lane];
            }
        }
        result
    }

    #[inline(always)]
    fn sum_of_lanes(self, vector: Vector) -> f32 {
        (vector[0] + vector[2]) + (vector[1] + vector[3])
    }

    #[inline(always)]
    fn maximum_of_lanes(self, vector: Vector) -> f32 {
        vector[0].max(vector[2]).max(vector[1].max(vector[3]))
    }

    #[inline(always)]
    fn load_words(self, source: &[u32]) -> Vector {
        [source[0], source[1], source[2], source[3]].map(f32::from_bits)
    }

    #[inline(always)]
    fn splat_word(self, word: u32) -> Vector {
        [f32::from_bits(word); LANES]
    }

    #[inline(always)]
    fn dot(self, sum: Vector, left: Vector, right: Vector) -> Vector {
        self.multiply_add(left, right, sum)
    }

    #[inline(always)]
    fn store_operands(self, target: &mut [u32], low: Vector, high: Vector) {
        target[..LANES].copy_from_slice(&low.map(f32::to_bits));
        target[LANES..2 * LANES].copy_from_slice(&high.map(f32::to_bits));
    }
}
