//! Which templates are held out together: at random, or whole groups.

use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::dataset::Dataset;

/// The fold of a template that is always trained on: the only one of its label, which nothing else could stand for.
pub const ALWAYS_TRAINED: usize = usize::MAX;

/// The fold of each template: labels are spread evenly, the seed decides which template goes where, and neither threads nor the
/// order of the rows do.
pub fn folds(dataset: &Dataset, wanted: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..dataset.templates.len()).collect();
    let shuffled = |sample: usize| xxh3_64_with_seed(&dataset.templates[sample].hash().to_le_bytes(), seed);
    order.sort_by_cached_key(|&sample| (dataset.truth[sample], shuffled(sample)));
    let mut counts = vec![0; dataset.labels.len()];
    for &label in &dataset.truth {
        counts[usize::from(label)] += 1;
    }
    order.retain(|&sample| counts[usize::from(dataset.truth[sample])] > 1);
    let wanted = wanted.clamp(2, order.len().max(2));
    let mut folds = vec![ALWAYS_TRAINED; dataset.templates.len()];
    for (place, &sample) in order.iter().enumerate() {
        folds[sample] = place % wanted;
    }
    folds
}

/// The fold of each template where templates of one group stay together.
pub fn group_folds(dataset: &Dataset, wanted: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<&str> = dataset.groups.iter().map(String::as_str).collect();
    order.sort_by_cached_key(|name| (xxh3_64_with_seed(name.as_bytes(), seed), *name));
    order.dedup();
    let wanted = wanted.clamp(2, order.len().max(2));
    let fold: HashMap<&str, usize> =
        order.iter().enumerate().map(|(place, &name)| (name, place % wanted)).collect();
    dataset.groups.iter().map(|name| fold[name.as_str()]).collect()
}

/// One fold of about an eighth of the templates, whole groups together (or templates, where there are no groups); all others are always
/// trained on. For encoders that are fine-tuned, which costs too much to do once for each fold.
pub fn hold_out_groups(dataset: &Dataset, seed: u64) -> Vec<usize> {
    const PARTS: usize = 8;
    let grouped = dataset.groups.iter().any(|group| *group != dataset.groups[0]);
    let folds = if grouped { group_folds(dataset, PARTS, seed) } else { folds(dataset, PARTS, seed) };
    folds.into_iter().map(|fold| if fold == 0 { 0 } else { ALWAYS_TRAINED }).collect()
}

/// How many folds there are.
pub(super) fn count(folds: &[usize]) -> usize {
    folds.iter().filter(|&&fold| fold != ALWAYS_TRAINED).max().map_or(2, |last| last + 1)
}

/// The fold of a sample, outliers counted behind the templates, where log and no log are told apart.
pub(super) fn fold_with_outliers(sample: usize, folds: &[usize], count: usize) -> usize {
    match folds.get(sample) {
        Some(&fold) if fold != ALWAYS_TRAINED => fold,
        // With one fold, what an encoder was fine-tuned on stays in training.
        Some(_) if count == 1 => ALWAYS_TRAINED,
        None if count == 1 => {
            if is_held_out_outlier(sample - folds.len()) {
                0
            } else {
                ALWAYS_TRAINED
            }
        }
        // Even a label's only template can be held out here, where any other log line can stand for it.
        _ => sample % count,
    }
}

/// Whether an outlier is held out where there is but one fold.
pub(super) fn is_held_out_outlier(index: usize) -> bool {
    index.is_multiple_of(4)
}
