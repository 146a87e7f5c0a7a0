//! The lexical path: what can be told of a template without the encoder.
//!
//! Two things settle a template here. One that the model was trained on has the answer that the full head gave it then, which is
//! kept in the model file. Another is looked at by a linear classifier over character n-grams, words with pairs of words, and the
//! severity. Text that belongs to no log is one more of its classes, so a single probability says both that a label is
//! certain and that the text is familiar. Where it is high enough, the label stands; `train` chooses how high on templates that were
//! held out, so that the full head would have agreed. Everything else goes to the encoder.

use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

use super::ngrams::{NgramShape, SparseVector};
use super::softmax::{add_scaled, softmax};
use super::words::{Term, WordShape, each_term};
use crate::envelope::Severity;
use crate::template::Template;

/// How a template becomes features. Part of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LexicalShape {
    /// Character n-grams.
    pub ngrams: NgramShape,
    /// Words and pairs of words.
    pub words: WordShape,
    /// What the severity's feature is when a template has that severity.
    pub severity_weight: f32,
}

/// What a model file says of its lexical path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LexicalInfo {
    /// How a template becomes features.
    pub shape: LexicalShape,
    /// Logits are divided by this.
    pub temperature: f32,
    /// Probability from which on a label stands; nothing where none was found that keeps to the agreement asked for.
    pub min_confidence: Option<f32>,
    /// What was measured on held-out templates.
    pub figures: LexicalFigures,
}

/// How the lexical path and the full head compare on held-out templates.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LexicalFigures {
    /// Share of early answers that the full head should agree with.
    pub asked_agreement: f64,
    /// Held-out templates.
    pub templates: usize,
    /// Share of them that is settled early.
    pub settled: f64,
    /// Share of the early answers that the full head agrees with, text that is no log included.
    pub agreement: f64,
    /// Accuracy of the early answers.
    pub accuracy: f64,
    /// Accuracy of the full head on the same templates.
    pub full_accuracy: f64,
    /// Accuracy of both together on all held-out templates.
    pub joint_accuracy: f64,
    /// Accuracy of the full head on all of them.
    pub full_joint_accuracy: f64,
    /// Share of held-out text that is no log and is settled early all the same.
    pub outliers_settled: f64,
}

/// What the full head said of a template that it was trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// Its label, or [`Trained::OPEN`].
    pub label: u16,
    /// The label's probability.
    pub confidence: f32,
}

impl Trained {
    /// Stands for a label where the full head abstains: the encoder is to be asked.
    pub const OPEN: u16 = u16::MAX;
}

/// An answer without the encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Early {
    /// Index of the label.
    pub label: usize,
    /// Its probability.
    pub confidence: f32,
    /// The model was trained on this very template.
    pub trained: bool,
}

/// Stands for no name in [`Lexical::strongest`].
pub const NO_NAME: u16 = u16::MAX;
/// Names that a model can hold.
pub const MOST_NAMES: usize = 1 << 15;

/// The lexical path of a model, ready to predict.
#[derive(Debug, Clone)]
pub struct Lexical {
    /// What the model file says of it.
    pub info: LexicalInfo,
    /// The labels, and behind them text that is no log.
    columns: usize,
    /// `rows` x `columns`: n-grams, words, severities, bias.
    weights: Vec<f32>,
    /// The full head's answers to the training templates, in the order of the model's template hashes.
    trained: Vec<Trained>,
    /// Words and pairs that reasons can name, one a line, in ascending order.
    names: String,
    /// Where they lie; only reasons need it.
    lines: OnceLock<Vec<(u32, u32)>>,
}

/// Working space.
#[derive(Debug, Default)]
pub struct Scratch {
    features: SparseVector,
    part: SparseVector,
    probabilities: Vec<f32>,
}

impl LexicalShape {
    /// Rows of the weights.
    pub fn rows(&self) -> usize {
        self.ngrams.buckets + self.words.buckets + Severity::ALL.len() + 1
    }

    /// Whether the numbers make sense, for reading model files.
    pub fn is_valid(&self) -> bool {
        self.ngrams.is_valid()
            && self.words.is_valid()
            && self.severity_weight.is_finite()
            && self.severity_weight >= 0.0
    }

    /// The features of `template` into `out` (cleared first): rows of the weights with their values. `part` is working space.
    #[allow(clippy::cast_possible_truncation)] // buckets are 2^22 at the most
    pub fn extract_into(&self, template: &Template, part: &mut SparseVector, out: &mut SparseVector) {
        self.ngrams.extract_into(&template.text, out);
        self.words.extract_into(&template.text, part);
        let words = self.ngrams.buckets as u32;
        out.extend(part.iter().map(|&(bucket, value)| (words + bucket, value)));
        if let Some(severity) = template.severity
            && self.severity_weight > 0.0
        {
            out.push((words + self.words.buckets as u32 + severity as u32, self.severity_weight));
        }
    }
}

impl Lexical {
    /// Puts a lexical path for this many labels together. `weights` has a row of one column per label and one more for each
    /// of [`LexicalShape::rows`].
    ///
    /// # Panics
    /// When the number of weights does not fit.
    pub fn new(
        info: LexicalInfo,
        labels: usize,
        weights: Vec<f32>,
        trained: Vec<Trained>,
        names: String,
    ) -> Self {
        assert_eq!(weights.len(), info.shape.rows() * (labels + 1));
        Self { info, columns: labels + 1, weights, trained, names, lines: OnceLock::new() }
    }

    /// The weights, row after row.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The full head's answers to the training templates.
    pub fn trained(&self) -> &[Trained] {
        &self.trained
    }

    /// The words that reasons can name, one a line.
    pub fn names(&self) -> &str {
        &self.names
    }

    /// The likeliest label of a template and its probability.
    pub fn predict(&self, template: &Template, scratch: &mut Scratch) -> (usize, f32) {
        let Scratch { features, part, probabilities } = scratch;
        self.info.shape.extract_into(template, part, features);
        let row = |row: usize| &self.weights[row * self.columns..(row + 1) * self.columns];
        probabilities.clear();
        probabilities.extend_from_slice(row(self.info.shape.rows() - 1));
        for &(index, value) in &*features {
            add_scaled(probabilities, row(index as usize), value);
        }
        softmax(probabilities, self.info.temperature);
        let labels = probabilities[..self.columns - 1].iter().copied().enumerate();
        labels.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).expect("a model has labels")
    }

    /// The two words or pairs of a template that speak most for a label, by their places among the names; [`NO_NAME`] where
    /// there are fewer.
    pub fn strongest(&self, template: &Template, label: usize) -> [u16; 2] {
        let mut found: Vec<(f32, Term)> = Vec::new();
        each_term(&template.text, |term| {
            let row = self.info.shape.ngrams.buckets + self.info.shape.words.bucket(&term) as usize;
            let row = &self.weights[row * self.columns..(row + 1) * self.columns];
            // What a word adds to all labels decides nothing.
            #[allow(clippy::cast_precision_loss)]
            let strength = row[label] - row.iter().sum::<f32>() / row.len() as f32;
            if strength > 0.0 {
                found.push((strength, term));
            }
        });
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut named = [NO_NAME; 2];
        let mut count = 0;
        for (_, term) in found {
            if let Some(place) = self.place_of(&term.name(&template.text))
                && !named.contains(&place)
            {
                named[count] = place;
                count += 1;
                if count == named.len() {
                    break;
                }
            }
        }
        named
    }

    /// The name at a place.
    pub fn name(&self, place: u16) -> Option<&str> {
        let &(start, end) = self.lines().get(usize::from(place))?;
        self.names.get(start as usize..end as usize)
    }

    fn place_of(&self, name: &str) -> Option<u16> {
        let at = |&(start, end): &(u32, u32)| &self.names[start as usize..end as usize];
        let place = self.lines().binary_search_by(|line| at(line).cmp(name)).ok()?;
        u16::try_from(place).ok()
    }

    #[allow(clippy::cast_possible_truncation)] // a model file is no 4 GB
    fn lines(&self) -> &[(u32, u32)] {
        self.lines.get_or_init(|| {
            let mut start = 0;
            let lines = self.names.split('\n').filter(|_| !self.names.is_empty());
            lines
                .map(|line| {
                    let line = (start as u32, (start + line.len()) as u32);
                    start = line.1 as usize + 1;
                    line
                })
                .collect()
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two labels; "up" speaks for the first, "down" for the second.
    pub fn tiny() -> Lexical {
        let shape = LexicalShape {
            ngrams: NgramShape { minimum: 3, maximum: 5, buckets: 64, weight: 0.0 },
            words: WordShape { buckets: 1024, weight: 1.0 },
            severity_weight: 0.0,
        };
        let mut weights = vec![0.0; shape.rows() * 3];
        for (column, text) in ["up", "down"].into_iter().enumerate() {
            each_term(text, |term| {
                weights[(64 + shape.words.bucket(&term) as usize) * 3 + column] = 8.0;
            });
        }
        let info = LexicalInfo {
            shape,
            temperature: 1.0,
            min_confidence: Some(0.9),
            figures: LexicalFigures::default(),
        };
        let trained = vec![Trained { label: 1, confidence: 0.75 }];
        Lexical::new(info, 2, weights, trained, "down\nlink\nup".to_owned())
    }

    fn template(text: &str) -> Template {
        Template { text: text.to_owned(), severity: None }
    }

    #[test]
    fn known_words_decide_and_unknown_words_make_it_less_certain() {
        let (lexical, mut scratch) = (tiny(), Scratch::default());
        let mut of = |text| lexical.predict(&template(text), &mut scratch);
        assert_eq!((of("up").0, of("Down").0), (0, 1));
        assert!(of("up").1 > 0.9);
        assert!(of("up it went as never before").1 < of("up").1);
    }

    #[test]
    fn the_words_that_decide_are_named() {
        let lexical = tiny();
        let named = lexical.strongest(&template("link DOWN again"), 1);
        assert_eq!(named.map(|place| lexical.name(place)), [Some("down"), None]);
        assert_eq!(lexical.strongest(&template("link"), 1), [NO_NAME; 2]);
    }
}
