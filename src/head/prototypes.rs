//! Training vectors that stay in the model, with their templates: what a new message is most like.
//!
//! The nearest training template is what a person wants to read as the reason for a label.

use half::f16;
use half::slice::HalfFloatSliceExt;
use std::sync::OnceLock;

/// Vectors with their templates and labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prototypes {
    dimensions: usize,
    /// `len` x `dimensions`, unit vectors, as the file holds them.
    halves: Vec<f16>,
    /// The same for a search; many runs need none.
    vectors: OnceLock<Vec<f32>>,
    templates: Vec<String>,
    labels: Vec<u16>,
}

/// Most prototypes a model keeps: 8,192 `MiniLM` vectors are 6 MB in the file.
pub const MAX_PROTOTYPES: usize = 8192;

impl Prototypes {
    /// `vectors` holds a row of `dimensions` for each of `templates`, in f16, as the file does, so that a model behaves the
    /// same before and after it is written.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn new(dimensions: usize, vectors: Vec<f16>, templates: Vec<String>, labels: Vec<u16>) -> Self {
        assert_eq!(vectors.len(), dimensions * templates.len());
        assert_eq!(labels.len(), templates.len());
        Self { dimensions, halves: vectors, vectors: OnceLock::new(), templates, labels }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.templates.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// All vectors, row after row, as the file holds them.
    pub fn halves(&self) -> &[f16] {
        &self.halves
    }

    fn vectors(&self) -> &[f32] {
        self.vectors.get_or_init(|| {
            let mut vectors = vec![0.0; self.halves.len()];
            self.halves.convert_to_f32_slice(&mut vectors);
            vectors
        })
    }

    /// The template of a prototype.
    pub fn template(&self, index: usize) -> &str {
        &self.templates[index]
    }

    /// The templates, in order.
    pub fn templates(&self) -> &[String] {
        &self.templates
    }

    /// The labels, in order: indices into the model's labels.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Index of the prototype of `label` nearest to `vector`, and its cosine; 0 and -1 when there are none.
    pub fn nearest(&self, vector: &[f32], label: usize) -> (u32, f32) {
        let mut best = (0, -1.0);
        for (index, row) in (0_u32..).zip(self.vectors().chunks_exact(self.dimensions.max(1))) {
            if usize::from(self.labels[index as usize]) != label {
                continue;
            }
            let cosine = dot(row, vector);
            if cosine > best.1 {
                best = (index, cosine);
            }
        }
        best
    }
}

/// Dot product in sixteen fixed lanes: as wide as the compiler likes, and the same sum on every machine.
pub fn dot(left: &[f32], right: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (left_lanes, right_lanes) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let tail: f32 = left_lanes.remainder().iter().zip(right_lanes.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left_lanes.zip(right_lanes) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0] + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_prototype_of_a_label_is_found() {
        let vectors = [1.0, 0.0, 0.0, 1.0].map(f16::from_f32).to_vec();
        let prototypes = Prototypes::new(2, vectors, vec!["a".to_owned(), "b".to_owned()], vec![0, 1]);
        let (index, cosine) = prototypes.nearest(&[0.6, 0.8], 1);
        assert_eq!(index, 1);
        assert!((cosine - 0.8).abs() < 1e-6);
        assert_eq!(prototypes.nearest(&[0.6, 0.8], 0).0, 0);
    }

    #[test]
    fn a_dot_product_of_odd_length_counts_its_tail() {
        let values: Vec<f32> = (0..19_u8).map(f32::from).collect();
        let expected: f32 = values.iter().map(|x| x * x).sum();
        assert!((dot(&values, &values) - expected).abs() < 1e-3);
    }
}
