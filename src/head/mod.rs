//! The head: from a template's vector and n-grams to a label with a calibrated probability.
//!
//! It is multinomial logistic regression over the sentence embedding, what two inner layers of the encoder hold, and hashed
//! character n-grams: the first knows what a message means, the last how it is written, and the layers what lies between. The severity
//! that the message states is one feature more. A softmax is sure of itself on
//! any text, so a second, binary regression over the same features tells text that belongs from text that does not
//! (chat, prose, code), and the head abstains on the latter. The nearest training template ([`prototypes`]) is the
//! reason it can give. What needs no encoder at all is settled by [`lexical`] before.

mod file;
pub mod lexical;
mod lexical_file;
pub mod ngrams;
pub mod prototypes;
mod softmax;
mod tensors;
pub mod words;

use serde::{Deserialize, Serialize};

pub use file::{BUNDLED, FORMAT_VERSION};
use lexical::{Early, Lexical, LexicalInfo, Scratch, Trained};
use ngrams::{NgramShape, SparseVector};
use prototypes::Prototypes;
use softmax::{add_scaled, softmax};

use crate::envelope::Severity;
use crate::metrics::LabelScore;
use crate::template::Template;

/// What a model file says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Version of the file format.
    pub format: u32,
    /// The labels, in the order of the weights' columns.
    pub labels: Vec<String>,
    /// Name of the encoder it was trained with.
    pub encoder: String,
    /// SHA-256 of that encoder's weights.
    pub encoder_sha256: String,
    /// SHA-256 of that encoder's `tokenizer.json`; files of version 0.1.0 do not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer_sha256: Option<String>,
    /// Length of a sentence vector.
    pub dimensions: usize,
    /// Layers of the encoder whose vectors stand behind the sentence vector; format 1 had none.
    #[serde(default)]
    pub layers: Vec<usize>,
    /// Version of the masking it was trained with.
    pub masker: u32,
    /// How n-grams are made.
    pub ngrams: NgramShape,
    /// What the severity's feature is when a template has that severity; 0 in formats 1 and 2, which did not know it.
    #[serde(default)]
    pub severity_weight: f32,
    /// Logits are divided by this, so that probabilities are calibrated.
    pub temperature: f32,
    /// Confidence below which the model abstains.
    pub min_confidence: f32,
    /// Familiarity below which the model abstains.
    pub min_familiarity: f32,
    /// How much the log odds of the confidence count towards the familiarity; format 1 had none of it.
    #[serde(default)]
    pub confidence_weight: f32,
    /// The lexical path; models of formats 1 to 3 have none, and neither have those of very many labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lexical: Option<LexicalInfo>,
    /// How it was trained.
    pub training: TrainingInfo,
}

impl ModelInfo {
    /// Floats that the encoder gives for a template: the sentence vector and those of the inner layers.
    pub fn width(&self) -> usize {
        self.dimensions * (1 + self.layers.len())
    }

    /// Rows of the weights: the encoder's floats, the buckets of the n-grams, the severities, the bias.
    pub fn rows(&self) -> usize {
        let severities = if self.severity_weight > 0.0 { Severity::ALL.len() } else { 0 };
        self.width() + self.ngrams.buckets + severities + 1
    }
}

/// How a model was trained, and what cross-validation said of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TrainingInfo {
    /// Version of the program that trained it.
    pub program: String,
    /// Seconds since 1970 that `SOURCE_DATE_EPOCH` gave, if it was set: a model file holds no clock of its own, so
    /// that the same training gives the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<u64>,
    /// Files it was trained from, with their SHA-256.
    pub inputs: Vec<(String, String)>,
    /// Rows read, labels of nothing included.
    pub rows: usize,
    /// Distinct templates among them.
    pub templates: usize,
    /// Inverse strength of the L2 regularisation, chosen by cross-validation.
    pub regularisation: f64,
    /// Seed of the folds.
    pub seed: u64,
    /// Precision that `min_confidence` was chosen for.
    pub target_precision: f64,
    /// Cross-validated figures, templates held out.
    pub cross_validation: Option<CrossValidation>,
}

/// Figures on templates that the model had not seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CrossValidation {
    /// Folds.
    pub folds: usize,
    /// Share of templates labelled right.
    pub accuracy: f64,
    /// Unweighted mean of the labels' F1.
    pub macro_f1: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Share of templates that the thresholds leave labelled.
    pub coverage: f64,
    /// Accuracy on those.
    pub covered_accuracy: f64,
    /// Share of the text that belongs to no log on which the model abstains.
    pub outliers_rejected: f64,
    /// Share of templates that would be labelled right if their severity were not known; nothing where none has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_without_severity: Option<f64>,
    /// Figures per label.
    pub labels: Vec<(String, LabelScore)>,
}

/// What the head says of a template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Index of the likeliest label.
    pub label: usize,
    /// Its calibrated probability.
    pub confidence: f32,
    /// How much the text is of the kind the model was trained on: the log odds of belonging, and some of those of the confidence.
    pub familiarity: f32,
    /// Index of the nearest prototype; 0 where it was not asked for.
    pub nearest: u32,
}

/// A trained model, ready to predict.
#[derive(Debug, Clone)]
pub struct Head {
    /// What its file says of it.
    pub info: ModelInfo,
    /// `rows` x `labels`, the rows in the order of [`ModelInfo::rows`].
    weights: Vec<f32>,
    /// The same rows, of one column: log odds of belonging.
    familiarity: Vec<f32>,
    /// Training vectors kept for reasons.
    pub prototypes: Prototypes,
    /// Hashes of the training templates, ascending.
    pub template_hashes: Vec<u64>,
    lexical: Option<Lexical>,
}

impl Head {
    /// Puts a head together.
    ///
    /// # Panics
    /// When the number of weights does not fit `info`.
    pub fn new(
        info: ModelInfo,
        weights: Vec<f32>,
        familiarity: Vec<f32>,
        prototypes: Prototypes,
        template_hashes: Vec<u64>,
    ) -> Self {
        let rows = info.rows();
        assert_eq!(weights.len(), rows * info.labels.len());
        assert_eq!(familiarity.len(), rows);
        Self { info, weights, familiarity, prototypes, template_hashes, lexical: None }
    }

    /// The same with a lexical path.
    ///
    /// # Panics
    /// When it does not have an answer for each of the template hashes.
    #[must_use]
    pub fn with_lexical(mut self, lexical: Lexical) -> Self {
        assert_eq!(lexical.trained().len(), self.template_hashes.len());
        self.info.lexical = Some(lexical.info.clone());
        Self { lexical: Some(lexical), ..self }
    }

    /// The lexical path, where the model has one.
    pub fn lexical(&self) -> Option<&Lexical> {
        self.lexical.as_ref()
    }

    /// What can be said of a template without the encoder: nothing where there is no lexical path, or it is not sure.
    pub fn early(&self, template: &Template, scratch: &mut Scratch) -> Option<Early> {
        let lexical = self.lexical.as_ref()?;
        if let Ok(place) = self.template_hashes.binary_search(&template.hash()) {
            let Trained { label, confidence } = lexical.trained()[place];
            let label = usize::from(label);
            return (label < self.info.labels.len()).then_some(Early { label, confidence, trained: true });
        }
        let least = lexical.info.min_confidence?;
        let (label, confidence) = lexical.predict(template, scratch);
        (confidence >= least).then_some(Early { label, confidence, trained: false })
    }

    /// Calibrated probabilities of all labels for a template, into `probabilities` (one per label), and the log odds
    /// of belonging. `ngrams` is working space.
    pub fn probabilities_into(
        &self,
        vector: &[f32],
        template: &Template,
        ngrams: &mut SparseVector,
        probabilities: &mut [f32],
    ) -> f32 {
        let labels = self.info.labels.len();
        let width = self.info.width();
        let bias = self.info.rows() - 1;
        probabilities.copy_from_slice(&self.weights[bias * labels..]);
        let mut familiarity = self.familiarity[bias];
        let mut add = |row: usize, value: f32| {
            add_scaled(probabilities, &self.weights[row * labels..(row + 1) * labels], value);
            familiarity += self.familiarity[row] * value;
        };
        for (index, &value) in vector.iter().enumerate() {
            add(index, value);
        }
        self.info.ngrams.extract_into(&template.text, ngrams);
        for &(bucket, value) in ngrams.iter() {
            add(width + bucket as usize, value);
        }
        if let Some(severity) = template.severity
            && self.info.severity_weight > 0.0
        {
            add(width + self.info.ngrams.buckets + severity as usize, self.info.severity_weight);
        }
        softmax(probabilities, self.info.temperature);
        familiarity
    }

    /// The likeliest label of each template; `vectors` holds a row of [`ModelInfo::width`] floats per template. The nearest prototypes are looked
    /// up only `with_nearest`, since that costs more than the rest.
    pub fn predict(&self, vectors: &[f32], templates: &[&Template], with_nearest: bool) -> Vec<Prediction> {
        let mut probabilities = vec![0.0; self.info.labels.len()];
        let mut ngrams = SparseVector::new();
        let rows = vectors.chunks_exact(self.info.width());
        rows.zip(templates)
            .map(|(vector, template)| {
                let familiarity = self.probabilities_into(vector, template, &mut ngrams, &mut probabilities);
                let (label, &confidence) = probabilities
                    .iter()
                    .enumerate()
                    .max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)))
                    .expect("a model has labels");
                #[allow(clippy::cast_possible_truncation)]
                let certainty = log_odds(f64::from(confidence)) as f32;
                let familiarity = familiarity + self.info.confidence_weight * certainty;
                let nearest = if with_nearest {
                    self.prototypes.nearest(&vector[..self.info.dimensions], label).0
                } else {
                    0
                };
                Prediction { label, confidence, familiarity, nearest }
            })
            .collect()
    }

    /// Whether the model was trained on this template.
    pub fn was_trained_on(&self, template: &Template) -> bool {
        self.template_hashes.binary_search(&template.hash()).is_ok()
    }
}

/// `ln(p / (1 - p))`, for probabilities that rounding has made 0 or 1 too.
pub fn log_odds(probability: f64) -> f64 {
    const LEAST: f64 = 1e-6;
    let probability = probability.clamp(LEAST, 1.0 - LEAST);
    (probability / (1.0 - probability)).ln()
}
