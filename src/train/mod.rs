//! Training: from labelled templates to a head.
//!
//! The work is per distinct template, not per row. Regularisation is chosen by cross-validation in which a template
//! is never on both sides, and everything that says how far a model may be trusted (temperature, thresholds, the
//! figures in the file) comes from those held-out predictions, never from what the model was fitted to.

mod dense;
pub mod lbfgs;
pub mod regression;
mod select;

use anyhow::{Result, bail};
use rayon::prelude::*;
use std::collections::HashMap;

use crate::encoder::Encoder;
use crate::head::ngrams::{NgramShape, SparseVector};
use crate::head::prototypes::{MAX_PROTOTYPES, Prototypes};
use crate::head::{FORMAT_VERSION, Head, ModelInfo, TrainingInfo};
use crate::record::UNCLASSIFIED;
use crate::template::{MASKER_VERSION, mask, template_hash};
use regression::{Features, Penalty};
pub use select::{HeldOut, folds, group_folds, select};

/// Choices of a training.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Seed of the folds.
    pub seed: u64,
    /// Precision that `min_confidence` is chosen for.
    pub precision: f64,
    /// How n-grams are made.
    pub ngrams: NgramShape,
    /// Inverse strengths of the regularisation to choose from.
    pub regularisations: Vec<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folds: 5,
            seed: 0,
            precision: 0.95,
            ngrams: NgramShape { minimum: 3, maximum: 5, buckets: 1 << 13, weight: 1.5 },
            regularisations: vec![1.0, 10.0, 100.0],
        }
    }
}

/// Labelled messages, one entry per distinct template.
#[derive(Debug, Clone, Default)]
pub struct Dataset {
    /// The labels, in alphabetical order.
    pub labels: Vec<String>,
    /// The templates, in alphabetical order.
    pub templates: Vec<String>,
    /// Label of each template.
    pub truth: Vec<u16>,
    /// Templates that are labelled `Unclassified`: they set the abstention and are no class.
    pub outliers: Vec<String>,
    /// Rows read.
    pub rows: usize,
    /// What a person should know of the data, each with its remedy.
    pub warnings: Vec<String>,
}

/// Text that belongs to no log, for data that brings none labelled `Unclassified` of its own.
const OUTLIERS: &str = include_str!("../../resources/corpus/unclassified.csv");

/// Templates a label should have at the least.
const FEW: usize = 5;

impl Dataset {
    /// Groups rows by template. A template with more than one label gets the one that most of its rows have.
    ///
    /// # Errors
    /// When fewer than two labels are there.
    pub fn new<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut counts: HashMap<String, HashMap<String, usize>> = HashMap::new();
        let (mut read, mut unlabelled, mut empty) = (0, 0, 0);
        for (message, label) in rows {
            read += 1;
            let (label, template) = (label.trim(), mask(message.as_bytes()));
            if label.is_empty() {
                unlabelled += 1;
            } else if template.is_empty() {
                empty += 1;
            } else {
                *counts.entry(template).or_default().entry(label.to_owned()).or_default() += 1;
            }
        }
        let mut dataset = Self { rows: read, ..Self::default() };
        let skipped = [(unlabelled, "without a label"), (empty, "with an empty message")];
        for (count, what) in skipped.into_iter().filter(|(count, _)| *count > 0) {
            dataset.warnings.push(format!("{count} rows {what} were skipped"));
        }
        let mut entries: Vec<(String, String)> = Vec::with_capacity(counts.len());
        for (template, labels) in counts {
            let mut labels: Vec<(String, usize)> = labels.into_iter().collect();
            labels.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            if let [(first, _), (second, _), ..] = &labels[..] {
                dataset.warnings.push(format!(
                    "{template:?} is labelled {first:?} and {second:?}; {first:?} was taken: correct the rows that are wrong"
                ));
            }
            entries.push((template, labels.swap_remove(0).0));
        }
        entries.sort_unstable();
        dataset.warnings.sort_unstable();
        let mut names: Vec<&str> =
            entries.iter().map(|(_, label)| label.as_str()).filter(|&name| name != UNCLASSIFIED).collect();
        names.sort_unstable();
        names.dedup();
        dataset.labels = names.into_iter().map(str::to_owned).collect();
        match &dataset.labels[..] {
            [] => bail!("no label among {read} rows: a model needs two or more"),
            [only] => bail!("{only:?} is the only label among {read} rows: a model needs two or more"),
            _ => {}
        }
        if dataset.labels.len() >= usize::from(u16::MAX) {
            bail!("{} labels are more than a model can hold ({})", dataset.labels.len(), u16::MAX - 1);
        }
        for (template, label) in entries {
            match dataset.labels.binary_search(&label) {
                Ok(index) => {
                    dataset.templates.push(template);
                    dataset.truth.push(u16::try_from(index).unwrap_or(u16::MAX));
                }
                Err(_) => dataset.outliers.push(template),
            }
        }
        if dataset.outliers.is_empty() {
            dataset.borrow_outliers();
        }
        dataset.warn_of_rare_labels();
        Ok(dataset)
    }

    /// Takes the outliers that the program carries, but for those that are templates of this data.
    fn borrow_outliers(&mut self) {
        let mut reader = csv::Reader::from_reader(OUTLIERS.as_bytes());
        let texts = reader.records().filter_map(|record| Some(mask(record.ok()?.get(1)?.as_bytes())));
        self.outliers =
            texts.filter(|text| !text.is_empty() && self.templates.binary_search(text).is_err()).collect();
        self.outliers.sort_unstable();
        self.outliers.dedup();
    }

    fn warn_of_rare_labels(&mut self) {
        let mut counts = vec![0; self.labels.len()];
        for &label in &self.truth {
            counts[usize::from(label)] += 1;
        }
        for (name, count) in self.labels.iter().zip(counts) {
            if count < FEW {
                self.warnings.push(format!(
                    "label {name:?} has {count} distinct templates: label more messages of its kind (rows that differ in numbers only count once)"
                ));
            }
        }
    }
}

/// A dataset as numbers.
pub struct Encoded {
    /// A row per template, and behind them a row per outlier: the sentence vector, and those of the inner layers.
    pub vectors: Vec<f32>,
    /// Length of the sentence vector at the start of a row, and of each vector behind it.
    pub dimensions: usize,
    /// The inner layers.
    pub layers: Vec<usize>,
    /// N-grams, in the same order.
    pub ngrams: Vec<SparseVector>,
}

impl Encoded {
    /// Encodes every template of the dataset; `done` is told how many at a time.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn new(
        dataset: &Dataset,
        encoder: &Encoder,
        shape: NgramShape,
        done: impl Fn(u64) + Sync,
    ) -> Result<Self> {
        let texts: Vec<&str> =
            dataset.templates.iter().chain(&dataset.outliers).map(String::as_str).collect();
        let layers = encoder.inner_layers();
        let parts: Vec<(Vec<f32>, Vec<SparseVector>)> = texts
            .par_chunks(32)
            .map(|texts| {
                let ngrams = texts.iter().map(|text| {
                    let mut vector = SparseVector::new();
                    shape.extract_into(text, &mut vector);
                    vector
                });
                let part = (encoder.encode_with(texts, &layers)?, ngrams.collect());
                done(texts.len() as u64);
                Ok(part)
            })
            .collect::<Result<_>>()?;
        let (vectors, ngrams): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let dimensions = encoder.dimensions();
        Ok(Self { vectors: vectors.concat(), dimensions, layers, ngrams: ngrams.concat() })
    }

    /// Length of a row.
    fn width(&self) -> usize {
        self.dimensions * (1 + self.layers.len())
    }

    /// The numbers of all templates and outliers.
    pub fn features(&self, buckets: usize) -> Features<'_> {
        Features { vectors: &self.vectors, width: self.width(), ngrams: &self.ngrams, buckets }
    }

    /// The sentence vector of a sample.
    pub fn vector(&self, sample: usize) -> &[f32] {
        &self.vectors[sample * self.width()..][..self.dimensions]
    }
}

/// Trains a head on all of the dataset, with what cross-validation chose.
pub fn finish(
    dataset: &Dataset,
    encoded: &Encoded,
    encoder: &Encoder,
    settings: &Settings,
    held_out: &HeldOut,
    mut training: TrainingInfo,
) -> Head {
    let all: Vec<usize> = (0..dataset.templates.len()).collect();
    let labels = dataset.labels.len();
    let features = encoded.features(settings.ngrams.buckets);
    let penalty = Penalty { regularisation: held_out.regularisation, tolerance: 1e-5 };
    let weights = regression::fit(features, &dataset.truth, labels, &all, penalty, None);
    let everything: Vec<usize> = (0..dataset.templates.len() + dataset.outliers.len()).collect();
    let familiarity = select::fit_familiarity(dataset, encoded, settings, &everything);
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
        dimensions: encoded.dimensions,
        layers: encoded.layers.clone(),
        masker: MASKER_VERSION,
        ngrams: settings.ngrams,
        temperature: held_out.temperature,
        min_confidence: held_out.min_confidence,
        min_familiarity: held_out.min_familiarity,
        confidence_weight: held_out.confidence_weight,
        training,
    };
    let mut hashes: Vec<u64> = dataset.templates.iter().map(|template| template_hash(template)).collect();
    hashes.sort_unstable();
    Head::new(info, narrow(weights), narrow(familiarity), prototypes(dataset, encoded), hashes)
}

/// All templates, or where there are too many every so-manieth of each label.
fn prototypes(dataset: &Dataset, encoded: &Encoded) -> Prototypes {
    let mut samples: Vec<usize> = (0..dataset.templates.len()).collect();
    if samples.len() > MAX_PROTOTYPES {
        samples.sort_by_key(|&sample| dataset.truth[sample]);
        let all = samples.len();
        samples = (0..MAX_PROTOTYPES).map(|index| samples[index * all / MAX_PROTOTYPES]).collect();
    }
    let vectors: Vec<f32> = samples.iter().flat_map(|&sample| encoded.vector(sample)).copied().collect();
    let templates = samples.iter().map(|&sample| dataset.templates[sample].clone()).collect();
    let labels = samples.iter().map(|&sample| dataset.truth[sample]).collect();
    Prototypes::new(encoded.dimensions, &vectors, templates, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_grouped_by_template_and_contradictions_are_named() {
        let rows = [("a 1", "X"), ("a 2", "X"), ("a 3", "Y"), ("b", "Y"), ("c", ""), ("hello", UNCLASSIFIED)];
        let dataset = Dataset::new(rows).unwrap();
        assert_eq!(dataset.labels, ["X", "Y"]);
        assert_eq!(dataset.templates, ["a #", "b"]);
        assert_eq!(dataset.truth, [0, 1]);
        assert_eq!(dataset.outliers, ["hello"]);
        assert!(
            dataset.warnings.iter().any(|warning| warning.starts_with("\"a #\" is labelled \"X\" and \"Y\""))
        );
        assert!(dataset.warnings.iter().any(|warning| warning == "1 rows without a label were skipped"));
    }

    #[test]
    fn one_label_is_no_classification() {
        assert!(Dataset::new([("a", "X"), ("b", "X"), ("c", UNCLASSIFIED)]).is_err());
    }
}
