//! Each kernel against plain Rust on odd shapes, for every instruction set this processor has.
//!
//! The references compute in f64 from the operands as the path rounded them, so that what is left is the kernel's own error.

use half::bf16;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::super::attention::{Attention, Panels};
use super::super::epilogue::{Bias, BiasGelu, BiasResidual};
use super::super::exponential::power_of_two;
use super::super::gelu::gelu;
use super::super::multiply::{Multiply, readable_rows};
use super::super::normalize::{Norm, Normalize};
use super::super::packed::{Pack, Packed, to_operands};
use super::super::simd::{Operation, Simd};
use super::super::weights::Weights;
use super::super::{Instructions, Path};
use super::noise;

/// Runs a test with each instruction set that there is.
macro_rules! each_path {
    ($simd:ident => $test:expr) => {
        for instructions in Instructions::available() {
            let path = Path::new(instructions).expect("available");
            with_path!(path, $simd => $test);
        }
    };
}

struct ToOperands<'a>(&'a [f32]);

impl Operation for ToOperands<'_> {
    type Output = Vec<u32>;

    #[inline(always)]
    fn apply<S: Simd>(self, simd: S) -> Vec<u32> {
        let mut words = vec![0; self.0.len() / S::OPERANDS_PER_WORD];
        to_operands(simd, self.0, 1.0, &mut words);
        words
    }
}

/// The values that words of operands stand for.
fn values<S: Simd>(_: S, words: &[u32]) -> Vec<f64> {
    let pair = |word: u32| [bf16::from_bits((word & 0xffff) as u16), bf16::from_bits((word >> 16) as u16)];
    if S::OPERANDS_PER_WORD == 1 {
        words.iter().map(|&word| f64::from(f32::from_bits(word))).collect()
    } else {
        words.iter().flat_map(|&word| pair(word).map(f64::from)).collect()
    }
}

/// What rounding to operands may add to an error.
fn rounding<S: Simd>(_: S) -> f64 {
    if S::OPERANDS_PER_WORD == 1 { 1e-6 } else { 1.0 / 256.0 }
}

fn assert_close(computed: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(computed.len(), expected.len());
    for (index, (computed, expected)) in computed.iter().zip(expected).enumerate() {
        let limit = tolerance * expected.abs().max(1.0);
        assert!((computed - expected).abs() <= limit, "{what} at {index}: {computed}, not {expected}");
    }
}

fn to_f64(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// A safetensors file of one matrix.
fn matrix_file(name: &str, rows: usize, columns: usize, values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![rows, columns], &bytes).expect("shape");
    serialize([(name, view)], None).expect("file")
}

fn pack<S: Simd>(simd: S, rows: usize, columns: usize, values: &[f32]) -> Packed {
    let file = matrix_file("w", rows, columns, values);
    let tensor = Weights::read(&file).expect("file").tensor("w", rows, columns).expect("tensor");
    simd.run(Pack { file: &file, parts: &[(tensor, 1.0)] })
}

/// `rows` x `depth` times the transpose of `columns` x `depth`, plus `bias`.
fn product(left: &[f64], right: &[f64], depth: usize, bias: &[f32]) -> Vec<f64> {
    let mut result = Vec::new();
    for left in left.chunks_exact(depth) {
        for (right, bias) in right.chunks_exact(depth).zip(bias) {
            result.push(
                left.iter().zip(right).map(|(left, right)| left * right).sum::<f64>() + f64::from(*bias),
            );
        }
    }
    result
}

/// The error function: its Maclaurin series, and the continued fraction of the complement where the series cancels.
fn erf(x: f64) -> f64 {
    if x.abs() > 3.0 {
        let size = x.abs();
        let fraction = (1..=60).rev().fold(size, |fraction, k| size + f64::from(k) / 2.0 / fraction);
        return x.signum() * (1.0 - (-x * x).exp() / std::f64::consts::PI.sqrt() / fraction);
    }
    let (mut term, mut sum) = (x, x);
    for k in 1..100 {
        term *= -x * x / f64::from(k);
        sum += term / f64::from(2 * k + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

fn exact_gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))
}

fn check_products<S: Simd>(simd: S) {
    for (rows, depth, columns) in [
        (1, 64, 64),
        (2, 64, 128),
        (3, 128, 64),
        (4, 192, 64),
        (5, 384, 128),
        (6, 64, 192),
        (7, 1536, 64),
        (16, 64, 64),
        (17, 64, 128),
        (23, 384, 192),
        (32, 128, 64),
        (33, 64, 64),
        (50, 1536, 64),
    ] {
        let what = format!("{rows} x {depth} x {columns}");
        let weights = noise(columns * depth, 1);
        let packed = pack(simd, columns, depth, &weights);
        let operands = simd.run(ToOperands(&noise(rows * depth, 2)));
        let bias = noise(columns, 3);
        let left = values(simd, &operands);
        let right = values(simd, &simd.run(ToOperands(&weights)));
        let expected = product(&left, &right, depth, &bias);
        // Rows that a product in blocks may read and must not mind.
        let readable = readable_rows::<S>(rows) * depth / S::OPERANDS_PER_WORD;
        let mut operands = operands;
        operands.resize(readable, u32::MAX);

        let mut words = vec![u32::MAX; rows * columns / S::OPERANDS_PER_WORD];
        simd.run(Multiply {
            operands: &operands,
            rows,
            weights: &packed,
            epilogue: Bias { bias: &bias, operands: &mut words },
        });
        assert_close(&values(simd, &words), &expected, rounding(simd) + 1e-4, &what);

        simd.run(Multiply {
            operands: &operands,
            rows,
            weights: &packed,
            epilogue: BiasGelu { bias: &bias, operands: &mut words },
        });
        let expected_gelu: Vec<f64> = expected.iter().map(|&x| exact_gelu(x)).collect();
        assert_close(&values(simd, &words), &expected_gelu, rounding(simd) + 1e-4, &what);

        let mut residual = noise(rows * columns, 4);
        let expected_sum: Vec<f64> =
            expected.iter().zip(&residual).map(|(sum, residual)| sum + f64::from(*residual)).collect();
        simd.run(Multiply {
            operands: &operands,
            rows,
            weights: &packed,
            epilogue: BiasResidual { bias: &bias, residual: &mut residual },
        });
        assert_close(&to_f64(&residual), &expected_sum, 1e-4, &what);
    }
}

#[test]
fn products_of_odd_shapes() {
    each_path!(simd => check_products(simd));
}

/// GELU and power of two of each value.
struct Curves<'a>(&'a [f32]);

impl Operation for Curves<'_> {
    type Output = (Vec<f64>, Vec<f64>);

    #[inline(always)]
    fn apply<S: Simd>(self, simd: S) -> Self::Output {
        let (mut gelus, mut powers) = (Vec::new(), Vec::new());
        let mut lanes = vec![0.0; S::LANES];
        for values in self.0.chunks_exact(S::LANES) {
            let values = simd.load(values);
            simd.store(&mut lanes, gelu(simd, values));
            gelus.extend(lanes.iter().copied().map(f64::from));
            simd.store(&mut lanes, power_of_two(simd, values));
            powers.extend(lanes.iter().copied().map(f64::from));
        }
        (gelus, powers)
    }
}

fn check_curves<S: Simd>(simd: S) {
    let inputs: Vec<f32> = (0i16..16_000).map(|step| f32::from(step) / 1000.0 - 8.0).collect();
    let (gelus, powers) = simd.run(Curves(&inputs));
    let allowed = if S::OPERANDS_PER_WORD == 1 { 1e-6 } else { 7e-5 };
    for ((&input, gelu), power) in inputs.iter().zip(gelus).zip(powers) {
        let (expected, exact) = (exact_gelu(f64::from(input)), f64::from(input).exp2());
        assert!(
            (gelu - expected).abs() <= allowed * expected.max(1.0),
            "gelu({input}) = {gelu}, not {expected}"
        );
        assert!((power / exact - 1.0).abs() <= 3e-7, "2^{input} = {power}, not {exact}");
    }
    let far: Vec<f32> = [-1e30, -127.0, -126.0, -20.0].into_iter().cycle().take(64).collect();
    let (gelus, powers) = simd.run(Curves(&far));
    assert!(gelus.iter().all(|gelu| gelu.abs() < 1e-6));
    assert!(powers.iter().all(|&power| power > 0.0 && power < 1e-6));
}

#[test]
fn curves_of_gelu_and_powers() {
    each_path!(simd => check_curves(simd));
}

fn check_normalize<S: Simd>(simd: S) {
    for (rows, width) in [(1, 64), (3, 128), (5, 384)] {
        let norm = Norm { scale: noise(width, 5), shift: noise(width, 6), epsilon: 1e-12 };
        let mut residual: Vec<f32> = noise(rows * width, 7).iter().map(|value| value * 9.0 + 4.0).collect();
        let mut expected = Vec::new();
        for row in residual.chunks_exact(width) {
            let row = to_f64(row);
            let mean = row.iter().sum::<f64>() / width as f64;
            let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / width as f64;
            let parameters = norm.scale.iter().zip(&norm.shift);
            expected.extend(row.iter().zip(parameters).map(|(value, (scale, shift))| {
                (value - mean) / variance.sqrt() * f64::from(*scale) + f64::from(*shift)
            }));
        }
        let mut operands = vec![0; rows * width / S::OPERANDS_PER_WORD];
        simd.run(Normalize { norm: &norm, residual: &mut residual, operands: &mut operands });
        assert_close(&to_f64(&residual), &expected, 1e-5, "normalised");
        assert_close(&values(simd, &operands), &expected, rounding(simd) + 1e-5, "normalised operands");
    }
}

#[test]
fn normalisation() {
    each_path!(simd => check_normalize(simd));
}

fn check_attention<S: Simd>(simd: S, lengths: &[usize], heads: usize, head_size: usize) {
    let width = heads * head_size;
    let rows: usize = lengths.iter().sum();
    let projected = simd.run(ToOperands(&noise(rows * 3 * width, 8)));
    let inputs = values(simd, &projected);
    let at = |row: usize, part: usize, head: usize, column: usize| {
        inputs[row * 3 * width + part * width + head * head_size + column]
    };
    let mut expected = vec![0.0; rows * width];
    let mut first = 0;
    for &length in lengths {
        for head in 0..heads {
            for query in first..first + length {
                let score = |key: usize| {
                    (0..head_size)
                        .map(|column| at(query, 0, head, column) * at(key, 1, head, column))
                        .sum::<f64>()
                };
                let weights: Vec<f64> = (first..first + length).map(|key| score(key).exp2()).collect();
                let total: f64 = weights.iter().sum();
                for column in 0..head_size {
                    let sum: f64 = weights
                        .iter()
                        .enumerate()
                        .map(|(key, weight)| weight * at(first + key, 2, head, column))
                        .sum();
                    expected[query * width + head * head_size + column] = sum / total;
                }
            }
        }
        first += length;
    }
    let mut context = vec![0; rows * width / S::OPERANDS_PER_WORD];
    let mut panels = Panels::default();
    // A second time on panels full of what the first left there.
    for _ in 0..2 {
        simd.run(Attention {
            projected: &projected,
            lengths,
            heads,
            head_size,
            panels: &mut panels,
            context: &mut context,
        });
        assert_close(
            &values(simd, &context),
            &expected,
            2.0 * rounding(simd) + 1e-5,
            &format!("{lengths:?}"),
        );
    }
}

#[test]
fn attention_of_odd_lengths() {
    each_path!(simd => {
        check_attention(simd, &[1, 2, 3, 5, 7, 15, 16, 17, 31, 32, 33, 47, 65], 2, 32);
        check_attention(simd, &[129, 4], 1, 64);
        check_attention(simd, &[12], 3, 96);
    });
}
