//! The lexical path in a model file: four tensors, of which the largest is in f16.

use anyhow::{Context, Result, bail};
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors};

use super::lexical::{Lexical, LexicalInfo, MOST_NAMES, Trained};
use super::tensors::{floats, integers};

const WEIGHTS: &str = "lexical_weights";
const NAMES: &str = "lexical_names";
const LABELS: &str = "template_labels";
const CONFIDENCES: &str = "template_confidences";

/// Name, type, shape and bytes of a tensor.
type Named = (&'static str, Dtype, Vec<usize>, Vec<u8>);

/// The tensors of a lexical path for this many labels.
pub(super) fn bytes(lexical: &Lexical, labels: usize) -> Vec<Named> {
    let weights: Vec<u8> =
        lexical.weights().iter().flat_map(|&weight| f16::from_f32(weight).to_le_bytes()).collect();
    let trained = lexical.trained();
    let truth: Vec<u8> = trained.iter().flat_map(|trained| trained.label.to_le_bytes()).collect();
    let confidences: Vec<u8> = trained.iter().flat_map(|trained| trained.confidence.to_le_bytes()).collect();
    let names = lexical.names().as_bytes().to_vec();
    vec![
        (WEIGHTS, Dtype::F16, vec![lexical.info.shape.rows(), labels + 1], weights),
        (LABELS, Dtype::U16, vec![trained.len()], truth),
        (CONFIDENCES, Dtype::F32, vec![trained.len()], confidences),
        (NAMES, Dtype::U8, vec![names.len()], names),
    ]
}

/// The lexical path that `info` describes, for this many labels and training templates.
pub(super) fn read(
    tensors: &SafeTensors<'_>,
    info: &LexicalInfo,
    labels: usize,
    templates: usize,
) -> Result<Lexical> {
    let weights = floats(tensors, WEIGHTS, &[info.shape.rows(), labels + 1])?;
    let truth: Vec<u16> = integers(tensors, LABELS, Dtype::U16, u16::from_le_bytes)?;
    let confidences = floats(tensors, CONFIDENCES, &[templates])?;
    let known = |label: &u16| usize::from(*label) < labels || *label == Trained::OPEN;
    if truth.len() != templates
        || !truth.iter().all(known)
        || !confidences.iter().all(|confidence| (0.0..=1.0).contains(confidence))
    {
        bail!("damaged model file: the answers to its templates do not agree");
    }
    let trained = truth.into_iter().zip(confidences);
    let trained = trained.map(|(label, confidence)| Trained { label, confidence }).collect();
    let names = tensors.tensor(NAMES).with_context(|| format!("damaged model file: no {NAMES}"))?;
    let names = std::str::from_utf8(names.data()).context("damaged model file")?.to_owned();
    if names.matches('\n').take(MOST_NAMES).count() >= MOST_NAMES {
        bail!("damaged model file: {NAMES} has too many lines");
    }
    Ok(Lexical::new(info.clone(), labels, weights, trained, names))
}

/// Whether the numbers make sense.
pub(super) fn is_valid(info: &LexicalInfo) -> bool {
    info.shape.is_valid()
        && info.temperature.is_finite()
        && info.temperature > 0.0
        && info.min_confidence.is_none_or(|confidence| (0.0..=1.0).contains(&confidence))
}
