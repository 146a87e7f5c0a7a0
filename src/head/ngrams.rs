//! Hashed character n-grams: the lexical half of what the head sees.
//!
//! A sentence embedding knows meaning and blurs spelling; n-grams are the reverse. Each word of the template,
//! lower-cased and with a space at both ends, is cut into runs of `minimum` to `maximum` bytes; a run is counted
//! in the bucket of its FNV-1a hash, and the counts are scaled to the length `weight`.

use serde::{Deserialize, Serialize};

/// How templates are cut and hashed. Part of a model: it must be the same for training and prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NgramShape {
    /// Shortest run, in bytes.
    pub minimum: usize,
    /// Longest run, in bytes.
    pub maximum: usize,
    /// Number of buckets, a power of two.
    pub buckets: usize,
    /// Euclidean length of the resulting vector, beside the embedding's 1.
    pub weight: f32,
}

/// A sparse vector: buckets in ascending order with their values.
pub type SparseVector = Vec<(u32, f32)>;

impl NgramShape {
    /// Whether the numbers make sense, for reading model files.
    pub fn is_valid(&self) -> bool {
        self.buckets.is_power_of_two()
            && self.buckets <= 1 << 22
            && (1..=16).contains(&self.minimum)
            && (self.minimum..=16).contains(&self.maximum)
            && self.weight.is_finite()
            && self.weight >= 0.0
    }

    /// The n-grams of `template` into `out` (cleared first).
    pub fn extract_into(&self, template: &str, out: &mut SparseVector) {
        out.clear();
        let mut padded = Vec::new();
        for word in template.split_ascii_whitespace() {
            padded.clear();
            padded.push(b' ');
            padded.extend(word.bytes().map(|byte| byte.to_ascii_lowercase()));
            padded.push(b' ');
            for start in 0..padded.len() {
                let mut hash = FNV_OFFSET;
                for (index, &byte) in padded[start..].iter().take(self.maximum).enumerate() {
                    hash = (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
                    if index + 1 >= self.minimum {
                        out.push((bucket(hash, self.buckets), 1.0));
                    }
                }
            }
        }
        gather(out);
        let length = out.iter().map(|&(_, count)| count * count).sum::<f32>().sqrt();
        if length > 0.0 {
            let scale = self.weight / length;
            out.iter_mut().for_each(|(_, count)| *count *= scale);
        }
    }
}

/// The bucket of a hash, of a number that is a power of two.
pub(super) fn bucket(hash: u32, buckets: usize) -> u32 {
    (hash ^ (hash >> 15)) & u32::try_from(buckets - 1).unwrap_or(u32::MAX)
}

/// Puts entries in ascending order, each bucket once with the sum of its values.
pub(super) fn gather(vector: &mut SparseVector) {
    vector.sort_unstable_by_key(|&(bucket, _)| bucket);
    vector.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
}

// FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
pub(super) const FNV_OFFSET: u32 = 0x811c_9dc5;
pub(super) const FNV_PRIME: u32 = 0x0100_0193;

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: NgramShape = NgramShape { minimum: 3, maximum: 5, buckets: 8192, weight: 0.5 };

    #[test]
    fn the_vector_has_the_length_asked_for_and_ascending_buckets() {
        let mut vector = Vec::new();
        SHAPE.extract_into("Disk usage at #% of the disk", &mut vector);
        let length = vector.iter().map(|&(_, value)| value * value).sum::<f32>().sqrt();
        assert!((length - 0.5).abs() < 1e-6);
        assert!(vector.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn case_does_not_matter_and_short_words_leave_a_trace() {
        let (mut upper, mut lower) = (Vec::new(), Vec::new());
        SHAPE.extract_into("OK", &mut upper);
        SHAPE.extract_into("ok", &mut lower);
        assert_eq!(upper, lower);
        assert!(!upper.is_empty());
    }

    #[test]
    fn nothing_gives_nothing() {
        let mut vector = vec![(1, 1.0)];
        SHAPE.extract_into("", &mut vector);
        assert!(vector.is_empty());
    }
}
