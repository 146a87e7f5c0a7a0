//! The time that a report shows, cut into intervals.

use std::collections::BTreeMap;

use super::super::collection::Collection;
use super::super::series::{Series, width};

/// Intervals that a chart shows.
const MOST: i64 = 72;
/// Rows at either end that a chart may leave out, as a share of all: one in so many.
const OUTLIERS: u64 = 500;

/// Intervals of one width, from the first to the last that is shown.
#[derive(Debug, Clone)]
pub struct Timeline {
    level: u8,
    /// When the first begins, in seconds since 1970.
    pub start: i64,
    /// How many there are.
    pub intervals: usize,
    /// Rows that are earlier or later, and are not shown.
    pub outside: u64,
}

impl Timeline {
    /// The intervals that show a collection best. A few rows with absurd times do not flatten the rest.
    pub fn of(seen: &Collection) -> Self {
        let mut level = seen.entries.values().map(|entry| entry.series.level()).max().unwrap_or(0);
        let mut rows = BTreeMap::<i64, u64>::new();
        for entry in seen.entries.values() {
            let mut series = entry.series.clone();
            series.widen(level);
            series.buckets().for_each(|(start, count)| *rows.entry(start).or_default() += count);
        }
        let all: u64 = rows.values().sum();
        let bounds = |rows: &BTreeMap<i64, u64>| {
            (rows.keys().next().copied().unwrap_or(0), rows.keys().next_back().copied().unwrap_or(0))
        };
        let mut outside = 0;
        let (mut first, mut last) = bounds(&rows);
        let intervals =
            |first: i64, last: i64, level: u8| (last / width(level)).saturating_sub(first / width(level)) + 1;
        while intervals(first, last, level) > MOST && rows.len() > 2 {
            // The end that is farther from its neighbour is the outlier, if it is small enough.
            let mut keys = rows.keys();
            let (one, two) = (keys.next().copied().unwrap_or(0), keys.next().copied().unwrap_or(0));
            let mut keys = rows.keys().rev();
            let (end, before) = (keys.next().copied().unwrap_or(0), keys.next().copied().unwrap_or(0));
            let (head, tail) = (two.saturating_sub(one), end.saturating_sub(before));
            let edge = if head >= tail { one } else { end };
            let small = (outside + rows[&edge]) * OUTLIERS <= all;
            if !small || head.max(tail) <= 8 * width(level) {
                break;
            }
            outside += rows.remove(&edge).unwrap_or(0);
            (first, last) = bounds(&rows);
        }
        while intervals(first, last, level) > MOST && level < 9 {
            level += 1;
        }
        let start = first.div_euclid(width(level)) * width(level);
        let intervals = usize::try_from(intervals(start, last, level).clamp(1, MOST)).unwrap_or(1);
        Self { level, start, intervals, outside }
    }

    /// Seconds that an interval covers.
    pub fn width(&self) -> i64 {
        width(self.level)
    }

    /// Adds a series to the counts of the intervals.
    pub fn add(&self, series: &Series, counts: &mut [u64]) {
        let mut series = series.clone();
        series.widen(self.level);
        for (start, count) in series.buckets() {
            let place = start.saturating_sub(self.start).div_euclid(self.width());
            if let Some(counted) = usize::try_from(place).ok().and_then(|place| counts.get_mut(place)) {
                *counted += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_with_an_absurd_time_does_not_flatten_a_chart() {
        let mut series = Series::default();
        (0..60).for_each(|minute| series.add(1_700_000_000 + 60 * minute, 100));
        series.add(0, 1);
        let mut seen = Collection::default();
        let entry = super::super::super::entry::Entry {
            source: String::new(),
            template: "x".to_owned(),
            label: "A".to_owned(),
            severity: None,
            example: String::new(),
            input: String::new(),
            line: 1,
            count: 6_001,
            first: 0,
            last: 1_700_003_600,
            confidence: 1.0,
            first_run: 0,
            last_run: 0,
            series,
            order: Series::default(),
        };
        seen.add(entry.clone());
        let timeline = Timeline::of(&seen);
        assert_eq!((timeline.width(), timeline.intervals, timeline.outside), (60, 60, 1));
        let mut counts = vec![0; timeline.intervals];
        timeline.add(&entry.series, &mut counts);
        assert_eq!(counts.iter().sum::<u64>(), 6_000);
        let empty = Timeline::of(&Collection::default());
        assert_eq!((empty.intervals, empty.outside), (1, 0));
    }
}
