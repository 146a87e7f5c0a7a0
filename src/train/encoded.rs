//! A dataset as numbers: what the encoder makes of each template, and its sparse features.

use anyhow::Result;
use rayon::prelude::*;

use super::dataset::Dataset;
use super::regression::Features;
use super::settings::Settings;
use crate::encoder::Encoder;
use crate::envelope::Severity;
use crate::head::ngrams::SparseVector;
use crate::template::Template;

/// A dataset as numbers.
pub struct Encoded {
    /// A row per template, and behind them a row per outlier: the sentence vector, and those of the inner layers.
    pub vectors: Vec<f32>,
    /// Length of the sentence vector at the start of a row, and of each vector behind it.
    pub dimensions: usize,
    /// The inner layers.
    pub layers: Vec<usize>,
    /// N-grams and severity, in the same order.
    pub sparse: Vec<SparseVector>,
    /// Number of different features in those.
    pub sparse_rows: usize,
}

impl Encoded {
    /// Encodes every template of the dataset; `done` is told how many at a time.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn new(
        dataset: &Dataset,
        encoder: &Encoder,
        settings: &Settings,
        done: impl Fn(u64) + Sync,
    ) -> Result<Self> {
        let templates: Vec<&Template> = dataset.templates.iter().chain(&dataset.outliers).collect();
        let layers = encoder.inner_layers();
        let shape = settings.ngrams;
        let parts: Vec<(Vec<f32>, Vec<SparseVector>)> = templates
            .par_chunks(32)
            .map(|templates| {
                let texts: Vec<&str> = templates.iter().map(|template| template.text.as_str()).collect();
                let sparse = templates.iter().map(|template| {
                    let mut vector = SparseVector::new();
                    shape.extract_into(&template.text, &mut vector);
                    if let Some(severity) = template.severity
                        && settings.severity_weight > 0.0
                    {
                        let row = u32::try_from(shape.buckets).unwrap_or(u32::MAX) + severity as u32;
                        vector.push((row, settings.severity_weight));
                    }
                    vector
                });
                let part = (encoder.encode_with(&texts, &layers)?, sparse.collect());
                done(texts.len() as u64);
                Ok(part)
            })
            .collect::<Result<_>>()?;
        let (vectors, sparse): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let severities = if settings.severity_weight > 0.0 { Severity::ALL.len() } else { 0 };
        Ok(Self {
            vectors: vectors.concat(),
            dimensions: encoder.dimensions(),
            layers,
            sparse: sparse.concat(),
            sparse_rows: shape.buckets + severities,
        })
    }

    /// Length of a row.
    fn width(&self) -> usize {
        self.dimensions * (1 + self.layers.len())
    }

    /// The numbers of all templates and outliers.
    pub fn features(&self) -> Features<'_> {
        Features {
            vectors: &self.vectors,
            width: self.width(),
            sparse: &self.sparse,
            sparse_rows: self.sparse_rows,
        }
    }

    /// The sentence vector of a sample.
    pub fn vector(&self, sample: usize) -> &[f32] {
        &self.vectors[sample * self.width()..][..self.dimensions]
    }
}
