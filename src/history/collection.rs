//! Entries and runs, wherever they come from.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

use super::entry::{Entry, Id, rarest_first};
use crate::envelope::Severity;

/// The figures of one run, as a history keeps them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its number in the history, from 1; 0 where it is not in one.
    #[serde(default)]
    pub number: u64,
    /// When it began, in seconds since 1970.
    pub time: i64,
    /// Names of its inputs.
    pub inputs: Vec<String>,
    /// Records classified.
    pub rows: u64,
    /// Records that could not be taken.
    pub rejects: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Distinct templates.
    pub templates: u64,
    /// Templates that the history had not met.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub new_templates: Option<u64>,
    /// Records of each label.
    pub labels: BTreeMap<String, u64>,
}

/// Names of inputs that are kept of a run.
const INPUTS: usize = 20;

impl Run {
    /// Keeps a few names of inputs where there are many.
    pub fn name_inputs(&mut self, names: impl ExactSizeIterator<Item = String>) {
        let more = names.len().saturating_sub(INPUTS);
        self.inputs = names.take(INPUTS).collect();
        if more > 0 {
            self.inputs.push(format!("and {more} more"));
        }
    }
}

/// What one run saw, or what is kept of many.
#[derive(Debug, Clone, Default)]
pub struct Collection {
    /// The entries by their keys.
    pub entries: HashMap<[u8; 32], Entry>,
    /// The runs, oldest first.
    pub runs: Vec<Run>,
    /// Entries that were given up to stay within a bound.
    pub dropped: u64,
    /// Their records, by label and severity.
    pub dropped_rows: BTreeMap<(String, Option<Severity>), u64>,
}

impl Collection {
    /// Adds an entry, to the one of the same key if there is one.
    pub fn add(&mut self, entry: Entry) {
        match self.entries.entry(entry.key()) {
            std::collections::hash_map::Entry::Occupied(mut there) => there.get_mut().merge(&entry),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(entry);
            }
        }
    }

    /// Several histories as one: their runs in the order of their times, with new numbers.
    pub fn merged(sides: Vec<Self>) -> Self {
        let mut merged = Self::default();
        let mut order: Vec<(i64, usize, u64)> = Vec::new();
        for (side, collection) in sides.iter().enumerate() {
            order.extend(collection.runs.iter().map(|run| (run.time, side, run.number)));
        }
        order.sort_unstable();
        let numbers: HashMap<(usize, u64), u64> =
            order.iter().zip(1..).map(|(&(_, side, number), new)| ((side, number), new)).collect();
        for (side, collection) in sides.into_iter().enumerate() {
            // The figures of an old run may be gone.
            let renumbered = |number: u64| numbers.get(&(side, number)).copied().unwrap_or(0);
            for mut entry in collection.entries.into_values() {
                entry.first_run = renumbered(entry.first_run);
                entry.last_run = renumbered(entry.last_run);
                merged.add(entry);
            }
            merged
                .runs
                .extend(collection.runs.into_iter().map(|run| Run { number: renumbered(run.number), ..run }));
        }
        merged.runs.sort_by_key(|run| run.number);
        merged
    }

    /// Gives up an entry; its records are still counted.
    pub fn drop_entry(&mut self, entry: Entry) {
        self.dropped += 1;
        *self.dropped_rows.entry((entry.label, entry.severity)).or_default() += entry.count;
    }

    /// All records, also those of entries that were given up.
    pub fn rows(&self) -> u64 {
        let kept: u64 = self.entries.values().map(|entry| entry.count).sum();
        kept + self.dropped_rows.values().sum::<u64>()
    }

    /// The distinct templates.
    pub fn ids(&self) -> HashSet<Id> {
        self.entries.values().map(Entry::id).collect()
    }

    /// Records of each label.
    pub fn labels(&self) -> BTreeMap<String, u64> {
        let mut labels = BTreeMap::new();
        for entry in self.entries.values() {
            *labels.entry(entry.label.clone()).or_default() += entry.count;
        }
        for ((label, _), rows) in &self.dropped_rows {
            *labels.entry(label.clone()).or_default() += rows;
        }
        labels
    }

    /// The entries in an order that depends on nothing else: most frequent first, then by label and template.
    pub fn sorted(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_by(|one, other| {
            other.count.cmp(&one.count).then_with(|| {
                (&one.label, &one.template, &one.source, one.severity).cmp(&(
                    &other.label,
                    &other.template,
                    &other.source,
                    other.severity,
                ))
            })
        });
        entries
    }

    /// Gives up entries until no more than `limit` are left, by what they are worth `now`; says how many it gave up.
    pub fn shrink(&mut self, limit: usize, now: i64) -> u64 {
        let excess = self.entries.len().saturating_sub(limit);
        if excess == 0 {
            return 0;
        }
        let mut worth: Vec<(f64, [u8; 32])> =
            self.entries.iter().map(|(key, entry)| (entry.worth(now), *key)).collect();
        worth.sort_unstable_by(rarest_first);
        for (_, key) in &worth[..excess] {
            if let Some(entry) = self.entries.remove(key) {
                self.drop_entry(entry);
            }
        }
        excess as u64
    }
}
