//! Vectors of sixteen f32: AVX-512, with or without the dot products of bf16 pairs (Zen 4, Cooper Lake and later).
//!
//! One type for both: they differ in [`Simd::dot`] and in how operands are stored, and nowhere else.

use std::arch::x86_64::{
    __m512, __m512bh, _mm512_add_epi32, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtne2ps_pbh, _mm512_div_ps, _mm512_dpbf16_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_mov_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_slli_epi32,
    _mm512_storeu_ps, _mm512_sub_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd,
    _mm512_unpacklo_ps,
};
use std::mem::transmute;

use super::simd::{Operation, Simd};

const LANES: usize = 16;

/// The proof that this processor has the AVX-512 of every server since Skylake, and `avx512bf16` too if `BF16`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512<const BF16: bool>(());

impl<const BF16: bool> Avx512<BF16> {
    pub(super) fn detect() -> Option<Self> {
        let base = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma");
        (base && (!BF16 || is_x86_feature_detected!("avx512bf16"))).then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn run<S: Simd, O: Operation>(simd: S, operation: O) -> O::Output {
    operation.apply(simd)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma,avx512bf16")]
pub(super) fn run_bf16<S: Simd, O: Operation>(simd: S, operation: O) -> O::Output {
    operation.apply(simd)
}

/// Methods that are one intrinsic on values.
macro_rules! intrinsics {
    ($($name:ident($($argument:ident),*) = $intrinsic:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: __m512),*) -> __m512 {
            // SAFETY: `self` proves that the processor has AVX-512 F, all that the intrinsic asks for.
            unsafe { $intrinsic($($argument),*) }
        }
    )*};
}

impl<const BF16: bool> Simd for Avx512<BF16> {
    type Vector = __m512;
    const LANES: usize = LANES;
    const OPERANDS_PER_WORD: usize = if BF16 { 2 } else { 1 };
    const TILE_VECTORS: usize = 4;

    fn run<O: Operation>(self, operation: O) -> O::Output {
        if BF16 {
            // SAFETY: `self` proves that the processor has the features that `run_bf16` is compiled with.
            unsafe { run_bf16(self, operation) }
        } else {
            // SAFETY: `self` proves that the processor has the features that `run` is compiled with.
            unsafe { run(self, operation) }
        }
    }

    intrinsics! {
        add(left, right) = _mm512_add_ps;
        subtract(left, right) = _mm512_sub_ps;
        multiply(left, right) = _mm512_mul_ps;
        divide(left, right) = _mm512_div_ps;
        maximum(left, right) = _mm512_max_ps;
        minimum(left, right) = _mm512_min_ps;
        multiply_add(left, right, sum) = _mm512_fmadd_ps;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, source: &[f32]) -> __m512 {
        assert!(source.len() >= LANES);
        // SAFETY: `self` proves the features; the sixteen values read are inside `source`.
        unsafe { _mm512_loadu_ps(source.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, target: &mut [f32], vector: __m512) {
        assert!(target.len() >= LANES);
        // SAFETY: `self` proves the features; the sixteen values written are inside `target`.
        unsafe { _mm512_storeu_ps(target.as_mut_ptr(), vector) }
    }

    #[inline(always)]
    fn scale_by_power(self, vector: __m512, exponent: __m512) -> __m512 {
        // SAFETY: `self` proves the features.
        unsafe {
            let power = _mm512_slli_epi32::<23>(_mm512_castps_si512(exponent));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(vector), power))
        }
    }

    #[inline(always)]
    fn keep_first(self, vector: __m512, count: usize, fill: __m512) -> __m512 {
        let kept = if count < LANES { (1u16 << count) - 1 } else { u16::MAX };
        // SAFETY: `self` proves the features.
        unsafe { _mm512_mask_mov_ps(fill, kept, vector) }
    }

    #[inline(always)]
    fn sum_of_lanes(self, vector: __m512) -> f32 {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_reduce_add_ps(vector) }
    }

    #[inline(always)]
    fn maximum_of_lanes(self, vector: __m512) -> f32 {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_reduce_max_ps(vector) }
    }

    #[inline(always)]
    fn load_words(self, source: &[u32]) -> __m512 {
        assert!(source.len() >= LANES);
        // SAFETY: `self` proves the features; the sixteen words read are inside `source`, and any word is an f32.
        unsafe { _mm512_loadu_ps(source.as_ptr().cast()) }
    }

    #[inline(always)]
    fn splat_word(self, word: u32) -> __m512 {
        self.splat(f32::from_bits(word))
    }

    #[inline(always)]
    fn dot(self, sum: __m512, left: __m512, right: __m512) -> __m512 {
        if BF16 {
            // SAFETY: `self` proves the features; vectors of words and of bf16 pairs are the same 64 bytes.
            unsafe {
                _mm512_dpbf16_ps(
                    sum,
                    transmute::<__m512, __m512bh>(left),
                    transmute::<__m512, __m512bh>(right),
                )
            }
        } else {
            self.multiply_add(left, right, sum)
        }
    }

    #[inline(always)]
    fn store_operands(self, target: &mut [u32], low: __m512, high: __m512) {
        assert!(target.len() >= 2 * LANES / Self::OPERANDS_PER_WORD);
        let target = target.as_mut_ptr().cast::<f32>();
        // SAFETY: `self` proves the features; the words written, 16 for bf16 and 32 for f32, are inside `target`;
        // vectors of words and of bf16 pairs are the same 64 bytes.
        unsafe {
            if BF16 {
                _mm512_storeu_ps(target, transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high, low)));
            } else {
                _mm512_storeu_ps(target, low);
                _mm512_storeu_ps(target.add(LANES), high);
            }
        }
    }

    /// Sixteen registers, by the usual four rounds of shuffles: of words, of pairs, and twice of quarters.
    #[inline(always)]
    fn transpose(self, rows: &[u32], stride: usize, count: usize, columns: &mut [u32], width: usize) {
        let zero = self.splat(0.0);
        let (mut words, mut pairs) = ([zero; LANES], [zero; LANES]);
        for (row, word) in words.iter_mut().enumerate().take(count) {
            *word = self.load_words(&rows[row * stride..]);
        }
        // SAFETY: `self` proves the features.
        unsafe {
            for two in words.as_chunks_mut::<2>().0 {
                *two = [_mm512_unpacklo_ps(two[0], two[1]), _mm512_unpackhi_ps(two[0], two[1])];
            }
            for (four, pairs) in words.as_chunks::<4>().0.iter().zip(pairs.as_chunks_mut::<4>().0) {
                let four = [
                    _mm512_castps_pd(four[0]),
                    _mm512_castps_pd(four[1]),
                    _mm512_castps_pd(four[2]),
                    _mm512_castps_pd(four[3]),
                ];
                pairs[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(four[0], four[2]));
                pairs[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(four[0], four[2]));
                pairs[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(four[1], four[3]));
                pairs[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(four[1], four[3]));
            }
            for column in 0..4 {
                let even = _mm512_shuffle_f32x4::<0x88>(pairs[column], pairs[column + 4]);
                let odd = _mm512_shuffle_f32x4::<0xdd>(pairs[column], pairs[column + 4]);
                let even_below = _mm512_shuffle_f32x4::<0x88>(pairs[column + 8], pairs[column + 12]);
                let odd_below = _mm512_shuffle_f32x4::<0xdd>(pairs[column + 8], pairs[column + 12]);
                words[column] = _mm512_shuffle_f32x4::<0x88>(even, even_below);
                words[column + 4] = _mm512_shuffle_f32x4::<0x88>(odd, odd_below);
                words[column + 8] = _mm512_shuffle_f32x4::<0xdd>(even, even_below);
                words[column + 12] = _mm512_shuffle_f32x4::<0xdd>(odd, odd_below);
            }
        }
        for (column, word) in words.into_iter().enumerate() {
            let target = &mut columns[column * width..][..LANES];
            // SAFETY: `self` proves the features; the sixteen words written are those of `target`.
            unsafe { _mm512_storeu_ps(target.as_mut_ptr().cast(), word) }
        }
    }
}
