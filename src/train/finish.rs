//! The end of a training: a head on all of the dataset, with what cross-validation chose.

use super::dataset::Dataset;
use super::encoded::Encoded;
use super::lexical::fit_lexical;
use super::regression::{self, Penalty, Targets};
use super::select::{self, HeldOut};
use super::settings::Settings;
use crate::encoder::Encoder;
use crate::head::lexical::{LexicalInfo, Trained};
use crate::head::prototypes::{MAX_PROTOTYPES, Prototypes};
use crate::head::{FORMAT_VERSION, Head, ModelInfo, Prediction, TrainingInfo};
use crate::template::{MASKER_VERSION, Template};
use half::f16;
use rayon::prelude::*;

/// Templates that are looked at together.
const CHUNK: usize = 256;

/// Trains a head on all of the dataset, with what cross-validation chose, and its lexical path where there is to be one.
pub fn finish(
    dataset: &Dataset,
    encoded: &Encoded,
    encoder: &Encoder,
    settings: &Settings,
    held_out: &HeldOut,
    lexical: Option<LexicalInfo>,
    mut training: TrainingInfo,
) -> Head {
    let all: Vec<usize> = (0..dataset.templates.len()).collect();
    let labels = dataset.labels.len();
    let features = encoded.features();
    let penalty = Penalty {
        regularisation: held_out.regularisation,
        tolerance: settings.final_tolerance,
        first_step: settings.first_step,
    };
    let prior = settings.prior.shares(dataset);
    let targets = Targets { truth: &dataset.truth, labels, prior: &prior, weights: &dataset.weights };
    let weights = regression::fit(features, targets, &all, penalty, None);
    let everything: Vec<usize> = (0..dataset.templates.len() + dataset.outliers.len()).collect();
    let familiarity = select::fit_familiarity(dataset, encoded, &everything);
    #[allow(clippy::cast_possible_truncation)] // the file holds f32
    let narrow = |weights: Vec<f64>| weights.into_iter().map(|weight| weight as f32).collect();
    training.program = format!("logclass {}", env!("CARGO_PKG_VERSION"));
    training.rows = dataset.rows;
    training.templates = dataset.templates.len();
    training.regularisation = held_out.regularisation;
    training.seed = settings.seed;
    training.target_precision = settings.precision;
    training.cross_validation = Some(held_out.figures.clone());
    let info = ModelInfo {
        format: FORMAT_VERSION,
        labels: dataset.labels.clone(),
        encoder: encoder.identity().name.clone(),
        encoder_sha256: encoder.identity().sha256.clone(),
        tokenizer_sha256: Some(encoder.identity().tokenizer_sha256.clone()),
        dimensions: encoded.dimensions,
        layers: encoded.layers.clone(),
        masker: MASKER_VERSION,
        ngrams: settings.ngrams,
        severity_weight: settings.severity_weight,
        temperature: held_out.temperature,
        min_confidence: held_out.min_confidence,
        min_familiarity: held_out.min_familiarity,
        confidence_weight: held_out.confidence_weight,
        lexical: None,
        training,
    };
    let mut order: Vec<(u64, usize)> = dataset.templates.iter().map(Template::hash).zip(0..).collect();
    order.sort_unstable();
    let hashes = order.iter().map(|(hash, _)| *hash).collect();
    let prototypes = prototypes(dataset, encoded);
    let head = Head::new(info, narrow(weights), narrow(familiarity), prototypes, hashes);
    let Some(lexical) = lexical else { return head };
    let answers = answers(&head, dataset, encoded);
    let trained = order.iter().map(|&(_, sample)| answers[sample]).collect();
    head.with_lexical(fit_lexical(dataset, settings, lexical, trained))
}

/// What the head says of each template that it was trained on.
fn answers(head: &Head, dataset: &Dataset, encoded: &Encoded) -> Vec<Trained> {
    let templates: Vec<&Template> = dataset.templates.iter().collect();
    let parts: Vec<Vec<Trained>> = templates
        .par_chunks(CHUNK)
        .zip(encoded.vectors.par_chunks(CHUNK * head.info.width()))
        .map(|(templates, vectors)| {
            let given = head.predict(vectors, templates, false).into_iter().map(|prediction| {
                let Prediction { label, confidence, familiarity, .. } = prediction;
                let abstains =
                    familiarity < head.info.min_familiarity || confidence < head.info.min_confidence;
                let label = u16::try_from(label).ok().filter(|_| !abstains);
                Trained { label: label.unwrap_or(Trained::OPEN), confidence }
            });
            given.collect()
        })
        .collect();
    parts.concat()
}

/// All templates, or where there are too many every so-manieth of each label.
fn prototypes(dataset: &Dataset, encoded: &Encoded) -> Prototypes {
    let mut samples: Vec<usize> = (0..dataset.templates.len()).collect();
    if samples.len() > MAX_PROTOTYPES {
        samples.sort_by_key(|&sample| dataset.truth[sample]);
        let all = samples.len();
        samples = (0..MAX_PROTOTYPES).map(|index| samples[index * all / MAX_PROTOTYPES]).collect();
    }
    let vectors =
        samples.iter().flat_map(|&sample| encoded.vector(sample)).map(|&value| f16::from_f32(value));
    let templates = samples.iter().map(|&sample| dataset.templates[sample].text.clone()).collect();
    let labels = samples.iter().map(|&sample| dataset.truth[sample]).collect();
    Prototypes::new(encoded.dimensions, vectors.collect(), templates, labels)
}
