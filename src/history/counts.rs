//! Counts of rows and new templates as they grow, for Prometheus.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::entry::Id;
use super::observer::Live;
use crate::prometheus::Page;

/// Templates that were met, of which those that were met long ago are forgotten.
#[derive(Debug)]
struct Met {
    recent: HashSet<Id>,
    /// Those before the recent ones.
    earlier: HashSet<Id>,
    /// Templates in each of the two.
    limit: usize,
}

impl Met {
    fn new(limit: usize) -> Self {
        Self { recent: HashSet::new(), earlier: HashSet::new(), limit: limit.max(1) }
    }

    /// Whether it is new.
    fn insert(&mut self, id: Id) -> bool {
        if self.recent.contains(&id) {
            return false;
        }
        if self.recent.len() >= self.limit {
            self.earlier = std::mem::take(&mut self.recent);
        }
        self.recent.insert(id);
        !self.earlier.contains(&id)
    }
}

/// Rows and new templates, by label and severity (empty where there is none).
#[derive(Debug)]
struct Counts {
    rows: BTreeMap<(String, &'static str), u64>,
    new_templates: BTreeMap<(String, &'static str), u64>,
    met: Met,
}

/// Counts that several runs may add to. Clones share them.
#[derive(Debug, Clone)]
pub struct LiveCounts(Arc<Mutex<Counts>>);

impl LiveCounts {
    /// Nothing counted. A template is new that is not among the last `remembered` that were met for the first time, or
    /// up to twice as many.
    pub fn new(remembered: usize) -> Self {
        let (rows, new_templates) = (BTreeMap::new(), BTreeMap::new());
        Self(Arc::new(Mutex::new(Counts { rows, new_templates, met: Met::new(remembered) })))
    }

    /// Adds them to a page.
    pub fn write(&self, page: &mut Page) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, help, values) in [
            ("logclass_rows_total", "Rows classified, by label and severity.", &counts.rows),
            (
                "logclass_new_templates_total",
                "Templates met for the first time since the start, by label and severity.",
                &counts.new_templates,
            ),
        ] {
            page.head(name, "counter", help);
            for ((label, severity), value) in values {
                page.line(name, &[("label", label), ("severity", severity)], value);
            }
        }
    }
}

impl Live for LiveCounts {
    fn rows(&mut self, rows: u64, label: &str, severity: &'static str, met: Option<Id>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.rows.entry((label.to_owned(), severity)).or_default() += rows;
        if met.is_some_and(|id| counts.met.insert(id)) {
            *counts.new_templates.entry((label.to_owned(), severity)).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_ever_new_templates_takes_bounded_memory_and_old_ones_are_new_again() {
        let mut met = Met::new(100);
        let id = |number: u32| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            id
        };
        let frequent = id(u32::MAX);
        assert!(met.insert(frequent));
        for number in 0..10_000 {
            assert!(met.insert(id(number)));
            assert!(!met.insert(id(number)));
            assert!(!met.insert(frequent), "one that is met again and again is not forgotten");
            assert!(met.recent.len() <= 100 && met.earlier.len() <= 100);
        }
        assert!(!met.insert(id(9_950)) && met.insert(id(5)));
    }
}
