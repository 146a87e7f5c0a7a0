//! What the encoder promises, on a small random model, for every instruction set this processor has.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use half::{bf16, f16};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::super::{BertConfig, Instructions, NativeEncoder, Scratch};
use super::noise;

const CONFIG: BertConfig = BertConfig {
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 128,
    vocab_size: 50,
    max_position_embeddings: 80,
    layer_norm_eps: 1e-12,
};

/// A small random model in a precision.
fn model_file(dtype: Dtype, prefix: &str) -> Vec<u8> {
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    let (hidden, intermediate) = (CONFIG.hidden_size, CONFIG.intermediate_size);
    let mut matrix = |name: &str, shape: &[usize]| shapes.push((format!("{prefix}{name}"), shape.to_vec()));
    matrix("embeddings.word_embeddings.weight", &[CONFIG.vocab_size, hidden]);
    matrix("embeddings.position_embeddings.weight", &[CONFIG.max_position_embeddings, hidden]);
    matrix("embeddings.token_type_embeddings.weight", &[2, hidden]);
    let mut vectors = vec![
        ("embeddings.LayerNorm.weight".to_owned(), hidden),
        ("embeddings.LayerNorm.bias".to_owned(), hidden),
    ];
    for layer in 0..CONFIG.num_hidden_layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in
            ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
        {
            matrix(&name(&format!("{part}.weight")), &[hidden, hidden]);
            vectors.push((name(&format!("{part}.bias")), hidden));
        }
        matrix(&name("intermediate.dense.weight"), &[intermediate, hidden]);
        vectors.push((name("intermediate.dense.bias"), intermediate));
        matrix(&name("output.dense.weight"), &[hidden, intermediate]);
        for part in [
            "output.dense.bias",
            "attention.output.LayerNorm.weight",
            "attention.output.LayerNorm.bias",
            "output.LayerNorm.weight",
            "output.LayerNorm.bias",
        ] {
            vectors.push((name(part), hidden));
        }
    }
    shapes.extend(vectors.into_iter().map(|(name, length)| (format!("{prefix}{name}"), vec![length])));
    let mut tensors = HashMap::new();
    for (seed, (name, shape)) in shapes.into_iter().enumerate() {
        let numbers = noise(shape.iter().product(), seed as u64).into_iter().map(|value| value * 0.25);
        let bytes: Vec<u8> = match dtype {
            Dtype::F16 => numbers.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect(),
            Dtype::BF16 => numbers.flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect(),
            _ => numbers.flat_map(f32::to_le_bytes).collect(),
        };
        tensors.insert(name, (shape, bytes));
    }
    let views = tensors
        .iter()
        .map(|(name, (shape, bytes))| (name, TensorView::new(dtype, shape.clone(), bytes).expect("shape")));
    serialize(views, None).expect("file")
}

fn encoder(instructions: Instructions) -> NativeEncoder {
    NativeEncoder::new(Arc::new(model_file(Dtype::F32, "")), &CONFIG, instructions).expect("encoder")
}

fn encode(encoder: &NativeEncoder, batch: &[&[u32]]) -> Vec<f32> {
    let mut vectors = vec![f32::NAN; batch.len() * encoder.dimensions()];
    encoder.encode(batch, &[], &mut Scratch::default(), &mut vectors);
    vectors
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
}

#[test]
fn paths_agree() {
    let messages: [&[u32]; 4] = [&[1], &[1, 9, 2], &[3; 80], &[4, 8, 15, 16, 23, 42, 49, 0]];
    let portable = encode(&encoder(Instructions::Portable), &messages);
    for instructions in Instructions::available() {
        let vectors = encode(&encoder(instructions), &messages);
        let least = if matches!(instructions, Instructions::Amx | Instructions::Avx512Bf16) {
            0.999
        } else {
            0.999_999
        };
        for (vector, portable) in vectors.chunks(64).zip(portable.chunks(64)) {
            assert!((cosine(vector, vector) - 1.0).abs() < 1e-6);
            assert!(cosine(vector, portable) > least, "{instructions}: {}", cosine(vector, portable));
        }
    }
}

/// A file that begins at an odd address.
struct Odd(Vec<u8>);

impl AsRef<[u8]> for Odd {
    fn as_ref(&self) -> &[u8] {
        &self.0[1..]
    }
}

#[test]
fn files_of_any_precision_prefix_and_alignment() {
    let message: [&[u32]; 1] = [&[1, 2, 3, 4, 5]];
    let expected = encode(&encoder(Instructions::Portable), &message);
    for (dtype, prefix) in [(Dtype::F16, ""), (Dtype::BF16, ""), (Dtype::F32, "bert."), (Dtype::F16, "bert.")]
    {
        let file = model_file(dtype, prefix);
        let odd: Vec<u8> = [vec![0], file].concat();
        let encoder =
            NativeEncoder::new(Arc::new(Odd(odd)), &CONFIG, Instructions::Portable).expect("encoder");
        assert!(cosine(&encode(&encoder, &message), &expected) > 0.9995);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |config: &BertConfig, file: Vec<u8>| {
        NativeEncoder::new(Arc::new(file), config, Instructions::Portable).err().expect("refused").to_string()
    };
    let file = model_file(Dtype::F32, "");
    assert!(refused(&BertConfig { hidden_size: 100, ..CONFIG }, file.clone()).contains("hidden_size is 100"));
    assert!(
        refused(&BertConfig { intermediate_size: 100, ..CONFIG }, file.clone()).contains("intermediate_size")
    );
    assert!(refused(&BertConfig { num_attention_heads: 4, ..CONFIG }, file.clone()).contains("4 heads"));
    assert!(refused(&BertConfig { num_hidden_layers: 0, ..CONFIG }, file.clone()).contains("without layers"));
    assert!(
        refused(&BertConfig { num_hidden_layers: 3, ..CONFIG }, file.clone()).contains("encoder.layer.2")
    );
    assert!(refused(&BertConfig { vocab_size: 51, ..CONFIG }, file.clone()).contains("word_embeddings"));
    assert!(refused(&CONFIG, file[..file.len() - 1].to_vec()).contains("safetensors"));
    assert!(refused(&CONFIG, b"not a model".to_vec()).contains("safetensors"));
}

#[test]
fn inner_layers_stand_behind_the_last_and_agree_on_all_paths() {
    let messages: [&[u32]; 3] = [&[1, 9, 2], &[], &[4, 8, 15, 16, 23, 42]];
    let inner = [1, 0, 2];
    let rows = |instructions| {
        let encoder = encoder(instructions);
        let mut rows = vec![f32::NAN; messages.len() * 4 * 64];
        encoder.encode(&messages, &inner, &mut Scratch::default(), &mut rows);
        for (row, alone) in rows.chunks(4 * 64).zip(encode(&encoder, &messages).chunks(64)) {
            assert_eq!(&row[..64], alone);
            assert_eq!(&row[3 * 64..], alone, "layer 2 is the last");
        }
        rows
    };
    let portable = rows(Instructions::Portable);
    for instructions in Instructions::available() {
        for (vector, portable) in rows(instructions).chunks(64).zip(portable.chunks(64)) {
            let expected = cosine(portable, portable).round(); // 0 for the empty message
            assert!((cosine(vector, portable) - expected).abs() < 0.001, "{instructions}");
        }
    }
}

#[test]
#[should_panic(expected = "a layer that is not there")]
fn layers_that_are_not_there_panic() {
    encoder(Instructions::Portable).encode(&[&[1]], &[3], &mut Scratch::default(), &mut [0.0; 128]);
}

#[test]
fn empty_batches_and_messages() {
    for instructions in Instructions::available() {
        let encoder = encoder(instructions);
        assert!(encode(&encoder, &[]).is_empty());
        assert_eq!(encode(&encoder, &[&[]]), [0.0; 64]);
        let vectors = encode(&encoder, &[&[], &[1, 2], &[]]);
        assert_eq!(vectors[..64], [0.0; 64]);
        assert_eq!(vectors[64..128], encode(&encoder, &[&[1, 2]]));
        assert_eq!(vectors[128..], [0.0; 64]);
    }
}

#[test]
#[should_panic(expected = "outside the vocabulary")]
fn tokens_outside_the_vocabulary_panic() {
    encode(&encoder(Instructions::Portable), &[&[50]]);
}

static ENCODERS: LazyLock<Vec<(Instructions, NativeEncoder)>> =
    LazyLock::new(|| Instructions::available().into_iter().map(|path| (path, encoder(path))).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// A message's vector is bit for bit the same alone and in any batch, whatever the scratch was used for before.
    #[test]
    fn vectors_do_not_depend_on_the_batch(batch in prop::collection::vec(prop::collection::vec(0u32..50, 1..40), 1..8)) {
        for (instructions, encoder) in ENCODERS.iter() {
            let messages: Vec<&[u32]> = batch.iter().map(Vec::as_slice).collect();
            let together = encode(encoder, &messages);
            let mut scratch = Scratch::default();
            let mut vectors = vec![0.0; together.len()];
            encoder.encode(&messages, &[], &mut scratch, &mut vectors);
            prop_assert_eq!(&vectors, &together);
            for (message, expected) in messages.iter().zip(together.chunks_exact(64)) {
                let mut alone = vec![0.0; 64];
                encoder.encode(&[message], &[], &mut scratch, &mut alone);
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&alone), bits(expected), "{}", instructions);
            }
        }
    }
}
