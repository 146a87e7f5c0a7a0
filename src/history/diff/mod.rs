//! What differs between two collections beyond chance: templates that are new, gone, more or less frequent.
//!
//! A template has a count on each side. How many rows the sides have in common measure is told by the median ratio of
//! the counts (S. Anders and W. Huber, *Differential expression analysis for sequence count data*, Genome Biology 11
//! (2010), R106), so that a flood of one template does not make all others look rarer. Each template's counts are
//! held against that by a G-test ([`statistics::g`]).
//!
//! Log lines come in bursts, so a Poisson model takes every burst for a change. Each side is therefore cut into blocks,
//! and how unevenly a template comes over the blocks (Pearson's statistic over its degrees of freedom) is the dispersion
//! that G is divided by; the quotient follows an F distribution (quasi-likelihood: P. `McCullagh` and J. A. Nelder,
//! *Generalized Linear Models*, 1989, ch. 9; for counts S. Lund et al., *Detecting differential expression in RNA-sequence
//! data using quasi-likelihood with shrunken dispersion estimates*, Stat. Appl. Genet. Mol. Biol. 11 (2012)). Where nothing
//! tells how counts vary, they are assumed to vary by 30 % beyond Poisson. The false discovery rate is held at 5 %.
//!
//! A log with a long tail of rare templates always shows some that it did not show before. How many is told by I. J.
//! Good's estimate (*The Population Frequencies of Species and the Estimation of Population Parameters*, Biometrika
//! 40 (1953), 237-264): as many as were seen exactly once, in proportion to the rows. Rare new templates of a label
//! count as new when there are more of them than that allows, and more than the label has lost of the same kind.

mod blocks;
mod render;
pub mod statistics;

use std::collections::{BTreeMap, HashMap};

use super::collection::Collection;
use super::entry::Entry;
use crate::envelope::Severity;
use blocks::Blocks;
pub use render::{Format, Names, render};

/// Discoveries that may be false, as a share of all.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;
/// Change of frequency below which a template is as frequent as before, however sure that is.
pub const LEAST_FACTOR: f64 = 1.5;
/// How much counts are assumed to vary beyond Poisson where nothing tells, as a share of the count.
const ASSUMED_VARIATION: f64 = 0.3;
/// Counts that tell something about how often a template comes.
const TELLING: u64 = 10;
/// Rare templates come in company: what happens for the first time prints about so many.
const COMPANY: u64 = 3;

/// How a template differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The old side does not have it.
    New,
    /// It is more frequent.
    More,
    /// The new side does not have it.
    Gone,
    /// It is less frequent.
    Less,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::More => "more",
            Self::Gone => "gone",
            Self::Less => "less",
        }
    }
}

/// A template that differs.
#[derive(Debug, Clone)]
pub struct Change {
    /// How.
    pub kind: Kind,
    /// What is told of it, from the new side if that has it.
    pub entry: Entry,
    /// Its count on the old side.
    pub old: u64,
    /// Its count on the new side.
    pub new: u64,
    /// The count on the new side that the old one lets expect.
    pub expected: f64,
    /// Share of false discoveries among all changes that are as telling as this one.
    pub rate: f64,
    /// Whether this is more than chance allows.
    pub certain: bool,
}

impl Change {
    /// How many times as frequent as before.
    #[allow(clippy::cast_precision_loss)] // a factor for people
    pub fn factor(&self) -> f64 {
        self.new as f64 / self.expected.max(1e-9)
    }
}

/// Two sides, compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// What differs, most telling first: by label and severity, then by how sure it is.
    pub changes: Vec<Change>,
    /// Rows and templates of the old side and of the new one.
    pub sides: [(u64, u64); 2],
}

impl Comparison {
    /// The changes that are more than chance allows.
    pub fn certain(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.certain)
    }

    /// How many of a kind are no more than chance allows.
    pub fn within_chance(&self, kind: Kind) -> usize {
        self.changes.iter().filter(|change| !change.certain && change.kind == kind).count()
    }
}

/// What is known of one template on both sides.
struct Pair<'a> {
    sides: [Vec<&'a Entry>; 2],
}

impl Pair<'_> {
    fn count(&self, side: usize) -> u64 {
        self.sides[side].iter().map(|entry| entry.count).sum()
    }

    /// The entry that stands for it: the most frequent of the new side, or of the old one.
    fn entry(&self) -> Entry {
        let side = usize::from(!self.sides[1].is_empty());
        let most = |one: &&&Entry, other: &&&Entry| {
            one.count.cmp(&other.count).then_with(|| other.key().cmp(&one.key()))
        };
        let entry = self.sides[side].iter().max_by(most).map(|entry| (**entry).clone());
        let mut entry = entry.expect("a template is on one side at the least");
        entry.first = self.sides.iter().flatten().map(|one| one.first).min().unwrap_or(entry.first);
        entry.last = self.sides.iter().flatten().map(|one| one.last).max().unwrap_or(entry.last);
        entry
    }
}

/// Compares two sides. With `by_source`, a template counts for each source by itself.
#[allow(clippy::cast_precision_loss)] // statistics
pub fn compare(old: &Collection, new: &Collection, by_source: bool) -> Comparison {
    let mut pairs: HashMap<(super::Id, &str), Pair<'_>> = HashMap::new();
    for (side, collection) in [old, new].into_iter().enumerate() {
        for entry in collection.entries.values() {
            let source = if by_source { entry.source.as_str() } else { "" };
            let pair = pairs.entry((entry.id(), source));
            pair.or_insert_with(|| Pair { sides: [Vec::new(), Vec::new()] }).sides[side].push(entry);
        }
    }
    let mut pairs: Vec<((super::Id, &str), Pair<'_>)> = pairs.into_iter().collect();
    pairs.sort_by_key(|&(key, _)| key);
    let counts: Vec<[u64; 2]> = pairs.iter().map(|(_, pair)| [pair.count(0), pair.count(1)]).collect();
    let scale = scale(&counts);
    let blocks = [Blocks::of(old), Blocks::of(new)];
    let p: Vec<f64> = pairs
        .iter()
        .zip(&counts)
        .map(|((_, pair), &[a, b])| {
            let all = (a + b) as f64;
            let expected = [all / (1.0 + scale), all * scale / (1.0 + scale)];
            let g = statistics::g([a as f64, b as f64], expected);
            // What counts as a change is told by the old side, as far as that has seen enough of the template: a flood
            // must not excuse itself by being one.
            let telling = usize::from(a < TELLING || blocks[0].is_none());
            let (mut pearson, mut freedom) = (0.0, 0.0);
            for side in 0..=telling {
                if let Some(blocks) = &blocks[side] {
                    let (more, degrees) = blocks.pearson(pair.sides[side].iter().copied());
                    (pearson, freedom) = (pearson + more, freedom + degrees);
                }
            }
            if freedom > 0.0 {
                statistics::f_tail(g / (pearson / freedom).max(1.0), freedom)
            } else {
                let dispersion = 1.0 + ASSUMED_VARIATION * ASSUMED_VARIATION * all / 2.0;
                statistics::f_tail(g / dispersion, 1e6)
            }
        })
        .collect();
    let rates = statistics::false_discovery_rates(&p);
    let mut changes = Vec::new();
    for (((_, pair), &[a, b]), &rate) in pairs.iter().zip(&counts).zip(&rates) {
        let expected = a as f64 * scale;
        let kind = match (a, b) {
            (0, 0) => continue,
            (0, _) => Kind::New,
            (_, 0) => Kind::Gone,
            _ if b as f64 > expected => Kind::More,
            _ => Kind::Less,
        };
        let factor = b as f64 / expected.max(1e-9);
        let large = !(1.0 / LEAST_FACTOR..LEAST_FACTOR).contains(&factor);
        let certain = rate <= FALSE_DISCOVERY_RATE && large;
        if certain || a == 0 || b == 0 {
            changes.push(Change { kind, entry: pair.entry(), old: a, new: b, expected, rate, certain });
        }
    }
    let mut gone = changes.clone();
    accept_rare(&mut gone, Kind::Gone, &tail(&pairs, 1), 1.0 / scale);
    accept_rare(&mut changes, Kind::New, &tail(&pairs, 0), scale);
    changes.retain(|change| change.kind != Kind::Gone);
    changes.extend(gone.into_iter().filter(|change| change.kind == Kind::Gone));
    changes.sort_by(|one, other| order(one).partial_cmp(&order(other)).unwrap_or(std::cmp::Ordering::Equal));
    let templates = |side: usize| counts.iter().filter(|pair| pair[side] > 0).count() as u64;
    Comparison { changes, sides: [(old.rows(), templates(0)), (new.rows(), templates(1))] }
}

/// How many rows of the new side one of the old side stands for.
#[allow(clippy::cast_precision_loss)] // statistics
fn scale(counts: &[[u64; 2]]) -> f64 {
    let mut ratios: Vec<f64> = counts
        .iter()
        .filter(|[a, b]| *a > 0 && *b > 0 && a + b >= TELLING)
        .map(|&[a, b]| b as f64 / a as f64)
        .collect();
    if ratios.len() >= 3 {
        ratios.sort_by(f64::total_cmp);
        return ratios[ratios.len() / 2];
    }
    let rows = |side: usize| counts.iter().map(|pair| pair[side]).sum::<u64>().max(1) as f64;
    rows(1) / rows(0)
}

/// How many templates of each label a side has, and how many of those exactly once.
fn tail(pairs: &[((super::Id, &str), Pair<'_>)], side: usize) -> BTreeMap<String, (u64, u64)> {
    let mut tail = BTreeMap::<String, (u64, u64)>::new();
    for (_, pair) in pairs.iter().filter(|(_, pair)| pair.count(side) > 0) {
        let (all, once) = tail.entry(pair.sides[side][0].label.clone()).or_default();
        *all += 1;
        *once += u64::from(pair.count(side) == 1);
    }
    tail
}

/// Takes the templates of a kind for certain, rare ones too, where a label has more of them than a long tail of rare
/// templates allows. What the tail allows is what the other side has of the same: templates seen once, or, if they
/// are more, templates that only that side has.
#[allow(clippy::cast_precision_loss)] // statistics
fn accept_rare(changes: &mut [Change], kind: Kind, tail: &BTreeMap<String, (u64, u64)>, scale: f64) {
    let stratum = |change: &Change| (change.entry.label.clone(), change.old.max(change.new) >= TELLING);
    let opposite = if kind == Kind::New { Kind::Gone } else { Kind::New };
    let mut found = BTreeMap::<(String, bool), (u64, u64)>::new();
    for change in changes.iter().filter(|change| change.kind == kind) {
        found.entry(stratum(change)).or_default().0 += 1;
    }
    for change in changes.iter().filter(|change| change.kind == opposite && !change.certain) {
        if let Some((_, lost)) = found.get_mut(&stratum(change)) {
            *lost += 1;
        }
    }
    let (all, once) = tail.values().fold((0, 0), |sum, (all, once)| (sum.0 + all, sum.1 + once));
    let p: Vec<f64> = found
        .iter()
        .map(|((label, frequent), &(count, lost))| {
            let (of_label, once_of_label) = tail.get(label).copied().unwrap_or_default();
            // A label of few templates has its share of the tail, even if it has shown none of it yet.
            let share = once as f64 * of_label as f64 / (all as f64).max(1.0);
            let once = if *frequent { 0.0 } else { share.max(once_of_label as f64) };
            let expected = once.max(lost as f64) * scale;
            statistics::poisson_tail(count.div_ceil(COMPANY), expected / COMPANY as f64)
        })
        .collect();
    let rates = statistics::false_discovery_rates(&p);
    for (accepted, rate) in found.keys().zip(rates).filter(|(_, rate)| *rate <= FALSE_DISCOVERY_RATE) {
        for change in changes.iter_mut().filter(|change| change.kind == kind && !change.certain) {
            if stratum(change) == *accepted {
                (change.certain, change.rate) = (true, rate);
            }
        }
    }
}

/// Most telling first.
#[allow(clippy::type_complexity)] // a sort key
fn order(change: &Change) -> (bool, u8, u8, Kind, f64, u64, &str, &str) {
    let entry = &change.entry;
    (
        !change.certain,
        gravity(&entry.label, entry.severity),
        entry.severity.map_or(u8::MAX, |severity| u8::MAX - 1 - severity as u8),
        change.kind,
        change.rate,
        u64::MAX - change.old.max(change.new),
        &entry.template,
        &entry.source,
    )
}

/// The labels of the bundled model, the gravest first.
pub const BY_GRAVITY: [&str; 10] = [
    "Critical Error",
    "Security Alert",
    "Error",
    "Workflow Error",
    "Resource Usage",
    "Deprecation Warning",
    "System Notification",
    "User Action",
    "HTTP Status",
    "Unclassified",
];

/// How grave a label is, 0 the gravest; labels of one's own are as grave as the severity of their records.
pub fn gravity(label: &str, severity: Option<Severity>) -> u8 {
    // Those from here on are routine, and equal.
    const ROUTINE: usize = 6;
    let place = BY_GRAVITY.iter().position(|one| *one == label);
    if let Some(place) = place.filter(|place| *place < ROUTINE) {
        return u8::try_from(place).unwrap_or(u8::MAX);
    }
    match (place, severity) {
        (None, Some(Severity::Fatal)) => 0,
        (None, Some(Severity::Error)) => 2,
        (None, Some(Severity::Warn)) => 4,
        _ => 6,
    }
}

#[cfg(test)]
mod tests;
