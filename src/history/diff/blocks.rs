//! How unevenly templates come within one side of a comparison.

use super::super::collection::Collection;
use super::super::entry::Entry;
use super::super::series::{Series, width};

/// Parts that a side is cut into.
const PARTS: u64 = 20;
/// Fewer say nothing about how much counts vary.
const LEAST: usize = 3;

/// A side cut into blocks of about as many rows each.
pub struct Blocks {
    /// Whether its rows were counted in their order.
    in_order: bool,
    level: u8,
    /// Where each block ends (excluded), ascending.
    ends: Vec<i64>,
    /// Share of all rows in each.
    shares: Vec<f64>,
}

impl Blocks {
    /// Cuts a side; nothing where it is too short, or has no times.
    pub fn of(side: &Collection) -> Option<Self> {
        let in_order = side.entries.values().any(|entry| entry.order.buckets().next().is_some());
        let series = |entry: &'_ Entry| if in_order { entry.order.clone() } else { entry.series.clone() };
        let level = side.entries.values().map(|entry| series(entry).level()).max()?;
        let mut total = std::collections::BTreeMap::<i64, u64>::new();
        for entry in side.entries.values() {
            let mut series = series(entry);
            series.widen(level);
            for (start, count) in series.buckets() {
                *total.entry(start).or_default() += count;
            }
        }
        let rows: u64 = total.values().sum();
        let (mut ends, mut sizes, mut filled) = (Vec::new(), Vec::new(), 0);
        for (start, count) in &total {
            filled += count;
            if filled * PARTS >= rows {
                ends.push(start.saturating_add(width(level)));
                sizes.push(filled);
                filled = 0;
            }
        }
        if filled > 0 {
            ends.push(i64::MAX);
            sizes.push(filled);
        }
        #[allow(clippy::cast_precision_loss)] // shares
        let shares: Vec<f64> = sizes.into_iter().map(|size| size as f64 / rows as f64).collect();
        (shares.len() >= LEAST).then_some(Self { in_order, level, ends, shares })
    }

    /// Whether all rows of a template are in one block, or in two that touch.
    pub fn in_one_place<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> bool {
        let counts = self.counts(entries);
        let filled = |count: &u64| *count > 0;
        let (first, last) = (counts.iter().position(filled), counts.iter().rposition(filled));
        first.zip(last).is_some_and(|(first, last)| last - first <= 1)
    }

    /// Rows of a template in each block.
    fn counts<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Vec<u64> {
        let mut counts = vec![0_u64; self.shares.len()];
        for entry in entries {
            let mut series: Series = if self.in_order { entry.order.clone() } else { entry.series.clone() };
            series.widen(self.level);
            for (start, count) in series.buckets() {
                let block = self.ends.partition_point(|&end| end <= start).min(counts.len() - 1);
                counts[block] += count;
            }
        }
        counts
    }

    /// Pearson's statistic of a template's counts in the blocks against an even distribution over the rows,
    /// and its degrees of freedom.
    #[allow(clippy::cast_precision_loss)] // statistics
    pub fn pearson<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> (f64, f64) {
        let counts = self.counts(entries);
        let all = counts.iter().sum::<u64>() as f64;
        if all == 0.0 {
            return (0.0, 0.0);
        }
        let terms = counts.iter().zip(&self.shares).map(|(&count, share)| {
            let expected = all * share;
            (count as f64 - expected).powi(2) / expected
        });
        (terms.sum(), (counts.len() - 1) as f64)
    }
}
