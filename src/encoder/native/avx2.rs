//! Vectors of eight f32: AVX2 with fused multiply-add, on nearly every x86-64 processor since 2013.

use std::arch::x86_64::{
    __m256, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_max_ps, _mm_max_ss, _mm_movehdup_ps, _mm_movehl_ps,
    _mm256_add_epi32, _mm256_add_ps, _mm256_blendv_ps, _mm256_castps_si256, _mm256_castps256_ps128,
    _mm256_castsi256_ps, _mm256_cmpgt_epi32, _mm256_div_ps, _mm256_extractf128_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setr_epi32, _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
};

use super::simd::{Operation, Simd};

const LANES: usize = 8;

/// The proof that this processor has AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,fma")]
fn run<O: Operation>(simd: Avx2, operation: O) -> O::Output {
    operation.apply(simd)
}

/// Methods that are one intrinsic on values.
macro_rules! intrinsics {
    ($($name:ident($($argument:ident),*) = $intrinsic:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: __m256),*) -> __m256 {
            // SAFETY: `self` proves that the processor has AVX2 and FMA, all that the intrinsic asks for.
            unsafe { $intrinsic($($argument),*) }
        }
    )*};
}

impl Simd for Avx2 {
    type Vector = __m256;
    const LANES: usize = LANES;
    const OPERANDS_PER_WORD: usize = 1;
    const TILE_VECTORS: usize = 2;

    fn run<O: Operation>(self, operation: O) -> O::Output {
        // SAFETY: `self` proves that the processor has the features that `run` is compiled with.
        unsafe { run(self, operation) }
    }

    intrinsics! {
        add(left, right) = _mm256_add_ps;
        subtract(left, right) = _mm256_sub_ps;
        multiply(left, right) = _mm256_mul_ps;
        divide(left, right) = _mm256_div_ps;
        maximum(left, right) = _mm256_max_ps;
        minimum(left, right) = _mm256_min_ps;
        multiply_add(left, right, sum) = _mm256_fmadd_ps;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        // SAFETY: `self` proves the features.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, source: &[f32]) -> __m256 {
        assert!(source.len() >= LANES);
        // SAFETY: `self` proves the features; the eight values read are inside `source`.
        unsafe { _mm256_loadu_ps(source.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, target: &mut [f32], vector: __m256) {
        assert!(target.len() >= LANES);
        // SAFETY: `self` proves the features; the eight values written are inside `target`.
        unsafe { _mm256_storeu_ps(target.as_mut_ptr(), vector) }
    }

    #[inline(always)]
    fn scale_by_power(self, vector: __m256, exponent: __m256) -> __m256 {
        // SAFETY: `self` proves the features.
        unsafe {
            let power = _mm256_slli_epi32::<23>(_mm256_castps_si256(exponent));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(vector), power))
        }
    }

    #[inline(always)]
    fn keep_first(self, vector: __m256, count: usize, fill: __m256) -> __m256 {
        let count = i32::try_from(count.min(LANES)).unwrap_or(0);
        // SAFETY: `self` proves the features.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let kept = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lanes);
            _mm256_blendv_ps(fill, vector, _mm256_castsi256_ps(kept))
        }
    }

    #[inline(always)]
    fn sum_of_lanes(self, vector: __m256) -> f32 {
        // SAFETY: `self` proves the features.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(vector), _mm256_extractf128_ps::<1>(vector));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn maximum_of_lanes(self, vector: __m256) -> f32 {
        // SAFETY: `self` proves the features.
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(vector), _mm256_extractf128_ps::<1>(vector));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn load_words(self, source: &[u32]) -> __m256 {
        assert!(source.len() >= LANES);
        // SAFETY: `self` proves the features; the eight words read are inside `source`, and any word is an f32.
        unsafe { _mm256_loadu_ps(source.as_ptr().cast()) }
    }

    #[inline(always)]
    fn splat_word(self, word: u32) -> __m256 {
        self.splat(f32::from_bits(word))
    }

    #[inline(always)]
    fn dot(self, sum: __m256, left: __m256, right: __m256) -> __m256 {
        self.multiply_add(left, right, sum)
    }

    #[inline(always)]
    fn store_operands(self, target: &mut [u32], low: __m256, high: __m256) {
        assert!(target.len() >= 2 * LANES);
        let target = target.as_mut_ptr().cast::<f32>();
        // SAFETY: `self` proves the features; the sixteen words written are inside `target`.
        unsafe {
            _mm256_storeu_ps(target, low);
            _mm256_storeu_ps(target.add(LANES), high);
        }
    }
}
