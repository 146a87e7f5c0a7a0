//! Counts over time, in few bytes whatever the time.
//!
//! Only buckets that hold something are kept. When there are more than [`MOST`] of them, all become wider, by a step
//! of a fixed ladder whose widths divide each other; so two series can always be added, at the wider of their widths,
//! and a single row with an absurd time costs one bucket and no resolution.

use serde::{Deserialize, Serialize};

/// Widths of a bucket, in seconds: from a minute to four weeks and beyond.
const WIDTHS: [i64; 10] =
    [60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_419_200, 31_449_600, 3_144_960_000];
/// Buckets a series may have.
const MOST: usize = 128;

/// Seconds that a bucket of this level covers.
pub fn width(level: u8) -> i64 {
    WIDTHS[usize::from(level).min(WIDTHS.len() - 1)]
}

/// Counts in buckets of one width.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// How wide its buckets are: see [`width`].
    #[serde(rename = "w")]
    level: u8,
    /// Number of each bucket since 1970 and its count; ascending.
    #[serde(rename = "b")]
    buckets: Vec<(i64, u64)>,
}

impl Series {
    /// Adds `count` at `seconds` since 1970.
    pub fn add(&mut self, seconds: i64, count: u64) {
        let bucket = seconds.div_euclid(width(self.level));
        match self.buckets.last_mut() {
            Some((last, counted)) if *last == bucket => *counted = counted.saturating_add(count),
            Some((last, _)) if *last > bucket => {
                match self.buckets.binary_search_by_key(&bucket, |&(number, _)| number) {
                    Ok(place) => self.buckets[place].1 = self.buckets[place].1.saturating_add(count),
                    Err(place) => self.buckets.insert(place, (bucket, count)),
                }
            }
            _ => self.buckets.push((bucket, count)),
        }
        self.fit();
    }

    /// Adds all of another series.
    pub fn merge(&mut self, other: &Self) {
        self.widen(self.level.max(other.level));
        let factor = width(self.level) / width(other.level);
        let mut all = std::mem::take(&mut self.buckets);
        all.extend(other.buckets.iter().map(|&(number, count)| (number.div_euclid(factor), count)));
        all.sort_unstable_by_key(|&(number, _)| number);
        self.buckets = folded(all);
        self.fit();
    }

    /// Makes the buckets as wide as this level says, where they are narrower.
    pub fn widen(&mut self, level: u8) {
        if level <= self.level {
            return;
        }
        let factor = width(level) / width(self.level);
        self.level = level;
        let buckets = std::mem::take(&mut self.buckets);
        self.buckets =
            folded(buckets.into_iter().map(|(number, count)| (number.div_euclid(factor), count)).collect());
    }

    fn fit(&mut self) {
        while self.buckets.len() > MOST && usize::from(self.level) + 1 < WIDTHS.len() {
            self.widen(self.level + 1);
        }
    }

    /// How wide the buckets are.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// First second and count of each bucket, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (i64, u64)> {
        self.buckets.iter().map(|&(number, count)| (number.saturating_mul(width(self.level)), count))
    }

    /// Whether it can have been written by this program.
    pub fn is_sound(&self) -> bool {
        usize::from(self.level) < WIDTHS.len() && self.buckets.is_sorted_by(|one, next| one.0 < next.0)
    }
}

/// One bucket where several have the same number.
fn folded(buckets: Vec<(i64, u64)>) -> Vec<(i64, u64)> {
    let mut folded: Vec<(i64, u64)> = Vec::with_capacity(buckets.len());
    for (number, count) in buckets {
        match folded.last_mut() {
            Some((last, counted)) if *last == number => *counted = counted.saturating_add(count),
            _ => folded.push((number, count)),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_widths_divide_each_other() {
        assert!(WIDTHS.windows(2).all(|pair| pair[1] % pair[0] == 0));
    }

    #[test]
    fn an_absurd_time_costs_no_resolution() {
        let mut series = Series::default();
        (0..100).for_each(|minute| series.add(minute * 60, 1));
        series.add(i64::MAX, 1);
        series.add(i64::MIN, 1);
        assert_eq!((series.level(), series.buckets().count()), (0, 102));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_order_does_not_matter(
            times in prop::collection::vec((any::<i32>(), 1_u64..9), 0..400), cut in 0_usize..400
        ) {
            let mut whole = Series::default();
            times.iter().for_each(|&(time, count)| whole.add(time.into(), count));
            let (mut one, mut two) = (Series::default(), Series::default());
            let cut = cut.min(times.len());
            times[..cut].iter().rev().for_each(|&(time, count)| one.add(time.into(), count));
            times[cut..].iter().for_each(|&(time, count)| two.add(time.into(), count));
            two.merge(&one);
            prop_assert!(two.is_sound() && two.buckets.len() <= MOST);
            let sum = |series: &Series| series.buckets().map(|(_, count)| count).sum::<u64>();
            prop_assert_eq!(sum(&two), times.iter().map(|(_, count)| count).sum::<u64>());
            let level = whole.level().max(two.level());
            whole.widen(level);
            two.widen(level);
            prop_assert_eq!(whole, two);
        }
    }
}
