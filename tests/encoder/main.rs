//! The encoder against vectors that the `transformers` library (`PyTorch`, f32) computes from the same weights: mean of the tokens,
//! length 1.
#![cfg(feature = "bundled")]

#[cfg(feature = "candle")]
mod wordpiece;

use logclass::encoder::native::Instructions;
use logclass::encoder::{Backend, Encoder, parse_source};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    text: String,
    vector: Vec<f32>,
}

fn golden() -> Vec<Golden> {
    include_str!("golden.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Mean and least cosine to the golden vectors.
fn parity(encoder: &Encoder) -> (f32, f32) {
    let golden = golden();
    assert!(golden.len() >= 64);
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    let vectors = encoder.encode(&texts).unwrap();
    let cosines: Vec<f32> = golden
        .iter()
        .zip(vectors.chunks_exact(encoder.dimensions()))
        .map(|(golden, vector)| golden.vector.iter().zip(vector).map(|(a, b)| a * b).sum())
        .collect();
    for (golden, cosine) in golden.iter().zip(&cosines) {
        assert!(*cosine > 0.99, "{cosine} for {:?}", golden.text);
    }
    #[allow(clippy::cast_precision_loss)]
    let count = golden.len() as f32;
    (cosines.iter().sum::<f32>() / count, cosines.iter().copied().fold(1.0, f32::min))
}

#[cfg(feature = "candle")]
#[test]
fn candle_agrees_with_the_transformers_library() {
    let (mean, least) = parity(&Encoder::load(&parse_source(None).unwrap(), Backend::Candle).unwrap());
    println!("candle: mean {mean:.6}, min {least:.6}");
    assert!(mean > 0.99999 && least > 0.9999, "mean {mean}, min {least}");
}

#[test]
fn every_native_path_of_this_processor_agrees_with_the_transformers_library() {
    for instructions in Instructions::available() {
        let encoder = Encoder::native(&parse_source(None).unwrap(), instructions).unwrap();
        let (mean, least) = parity(&encoder);
        println!("{instructions}: mean {mean:.6}, min {least:.6}");
        let halves = matches!(instructions, Instructions::Avx512Bf16 | Instructions::Amx);
        let bound = if halves { (0.9999, 0.999) } else { (0.99999, 0.9999) };
        assert!(mean > bound.0 && least > bound.1, "{instructions}: mean {mean}, min {least}");
    }
}

#[cfg(feature = "candle")]
#[test]
fn inner_layers_stand_behind_the_sentence_vector_and_are_those_of_the_reference() {
    let candle = Encoder::load(&parse_source(None).unwrap(), Backend::Candle).unwrap();
    let layers = [candle.inner_layers(), vec![0, 6]].concat();
    assert_eq!(layers, [4, 2, 0, 6]);
    let dimensions = candle.dimensions();
    let golden = golden();
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    let expected = candle.encode_with(&texts, &layers).unwrap();
    assert_eq!(expected.len(), texts.len() * 5 * dimensions);
    for instructions in Instructions::available() {
        let encoder = Encoder::native(&parse_source(None).unwrap(), instructions).unwrap();
        let rows = encoder.encode_with(&texts, &layers).unwrap();
        for (row, alone) in
            rows.chunks_exact(5 * dimensions).zip(encoder.encode(&texts).unwrap().chunks_exact(dimensions))
        {
            assert_eq!(&row[..dimensions], alone);
            assert_eq!(&row[4 * dimensions..], alone, "layer 6 is the last");
        }
        for (vector, expected) in rows.chunks_exact(dimensions).zip(expected.chunks_exact(dimensions)) {
            let cosine: f32 = vector.iter().zip(expected).map(|(a, b)| a * b).sum();
            assert!(cosine > 0.999, "{instructions}: {cosine}");
        }
    }
    let error = candle.encode_with(&texts, &[7]).unwrap_err().to_string();
    assert!(error.contains("there is no layer 7, it has 6"), "{error}");
}

#[test]
fn a_vector_does_not_depend_on_its_neighbours() {
    let encoder = Encoder::load(&parse_source(None).unwrap(), Backend::Auto).unwrap();
    let golden = golden();
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    let together = encoder.encode(&texts).unwrap();
    for (text, vector) in texts.iter().zip(together.chunks_exact(encoder.dimensions())).step_by(5) {
        assert_eq!(encoder.encode(&[text]).unwrap(), vector, "{text:?}");
    }
}
