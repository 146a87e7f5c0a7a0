//! What differs between two collections beyond chance: templates that are new, gone, more or less frequent.
//!
//! A template has a count on each side. How many rows the sides have in common measure is told by the median
//! ratio of the counts (S. Anders and W. Huber, *Differential expression analysis for sequence count data*,
//! Genome Biology 11 (2010), R106), so that a flood of one template does not make all others look rarer. Each
//! template's counts are held against that by a G-test ([`statistics::g`]).
//!
//! Log lines come in bursts, so a Poisson model takes every burst for a change. Each side is therefore cut
//! into blocks, and how unevenly a template comes over the blocks (Pearson's statistic over its degrees of
//! freedom) is the dispersion that G is divided by; the quotient follows an F distribution (quasi-likelihood:
//! P. `McCullagh` and J. A. Nelder, *Generalized Linear Models*, 1989, ch. 9; for counts S. Lund et al.,
//! *Detecting differential expression in RNA-sequence data using quasi-likelihood with shrunken dispersion
//! estimates*, Stat. Appl. Genet. Mol. Biol. 11 (2012)). Where nothing tells how counts vary, they are
//! assumed to vary by 30 % beyond Poisson. The false discovery rate is held at 5 % among the templates with
//! enough rows on both sides together to show anything (R. Bourgon, R. Gentleman and W. Huber, *Independent
//! filtering increases detection power for high-throughput experiments*, PNAS 107 (2010), 9546-9551).
//!
//! A log with a long tail of rare templates always shows some that it did not show before, and what happens
//! for the first time prints several at once: `rare` decides which of them are more than that.

mod blocks;
mod rare;
mod render;
pub mod statistics;

use std::collections::{HashMap, HashSet};

use super::collection::Collection;
use super::entry::Entry;
use crate::envelope::Severity;
use blocks::Blocks;
use rare::Place;
pub use render::{Format, Names, render};
pub use statistics::FALSE_DISCOVERY_RATE;

/// Change of frequency below which a template is as frequent as before, however sure that is.
pub const LEAST_FACTOR: f64 = 1.5;
/// How much counts are assumed to vary beyond Poisson where nothing tells, as a share of the count.
const ASSUMED_VARIATION: f64 = 0.3;
/// Counts that tell something about how often a template comes.
const TELLING: u64 = 10;

/// How a template differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Number of its incident, from 1: what is new, or gone, and came within a few lines under one label.
    pub incident: usize,
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
    /// What differs, most telling first: by label and severity, then by how sure it is. Changes of one
    /// incident follow each other.
    pub changes: Vec<Change>,
    /// Rows and templates of the old side and of the new one.
    pub sides: [(u64, u64); 2],
}

impl Comparison {
    /// The changes that are more than chance allows.
    pub fn certain(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.certain)
    }

    /// The changes by incident, most telling first; with `all`, also those that chance allows.
    pub fn incidents(&self, all: bool) -> Vec<Vec<&Change>> {
        let mut incidents: Vec<Vec<&Change>> = Vec::new();
        for change in self.changes.iter().filter(|change| all || change.certain) {
            match incidents.last_mut() {
                Some(incident) if incident[0].incident == change.incident => incident.push(change),
                _ => incidents.push(vec![change]),
            }
        }
        incidents
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

    /// The entry that stands for it on a side: the most frequent.
    fn chief(&self, side: usize) -> Option<&Entry> {
        let most = |one: &&&Entry, other: &&&Entry| {
            one.count.cmp(&other.count).then_with(|| other.key().cmp(&one.key()))
        };
        self.sides[side].iter().max_by(most).copied()
    }

    /// The entry that stands for it: that of the new side, or of the old one.
    fn entry(&self) -> Entry {
        let entry = self.chief(1).or_else(|| self.chief(0)).cloned();
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
            // What counts as a change is told by the old side, as far as that has seen enough of the
            // template: a flood must not excuse itself by being one.
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
    let rates = rates_of_frequent(&p, &counts);
    let mut changes: Vec<(usize, Change)> = Vec::new();
    for (number, (((_, pair), &[a, b]), &rate)) in pairs.iter().zip(&counts).zip(&rates).enumerate() {
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
            let entry = pair.entry();
            changes
                .push((number, Change { kind, entry, old: a, new: b, expected, rate, certain, incident: 0 }));
        }
    }
    let certain: HashSet<usize> =
        changes.iter().filter(|(_, change)| change.certain).map(|&(number, _)| number).collect();
    let seen = [0, 1].map(|side| seen_on(side, &pairs, blocks[side].as_ref(), &certain));
    let unexpected: HashMap<usize, f64> = rare::unexpected(&seen[1], &seen[0], scale)
        .into_iter()
        .chain(rare::unexpected(&seen[0], &seen[1], 1.0 / scale))
        .collect();
    for (number, change) in &mut changes {
        if let Some(&rate) = unexpected.get(number) {
            (change.certain, change.rate) = (true, rate);
        }
    }
    let changes = in_order(changes.into_iter().map(|(_, change)| change).collect());
    let templates = |side: usize| counts.iter().filter(|pair| pair[side] > 0).count() as u64;
    Comparison { changes, sides: [(old.rows(), templates(0)), (new.rows(), templates(1))] }
}

/// The false discovery rates of the templates that are frequent enough to tell anything; the others would
/// make these less sure for nothing, and are left to [`rare`].
fn rates_of_frequent(p: &[f64], counts: &[[u64; 2]]) -> Vec<f64> {
    let frequent: Vec<usize> =
        (0..p.len()).filter(|&one| counts[one][0] + counts[one][1] >= TELLING).collect();
    let of_frequent: Vec<f64> = frequent.iter().map(|&one| p[one]).collect();
    let mut rates = vec![1.0; p.len()];
    for (one, rate) in frequent.into_iter().zip(statistics::false_discovery_rates(&of_frequent)) {
        rates[one] = rate;
    }
    rates
}

/// The templates of a side. Those that are only there count as alone, unless they are `certain` changes
/// already.
fn seen_on<'a>(
    side: usize,
    pairs: &'a [((super::Id, &str), Pair<'_>)],
    blocks: Option<&Blocks>,
    certain: &HashSet<usize>,
) -> Vec<rare::Seen<'a>> {
    let seen = pairs.iter().enumerate().filter_map(|(number, (_, pair))| {
        let entries = || pair.sides[side].iter().copied();
        Some(rare::Seen {
            number,
            label: &pair.chief(side)?.label,
            place: entries().map(place_of).min()?,
            in_one_place: blocks.map_or(pair.count(side) == 1, |blocks| blocks.in_one_place(entries())),
            alone: pair.sides[1 - side].is_empty() && !certain.contains(&number),
        })
    });
    seen.collect()
}

fn place_of(entry: &Entry) -> Place<'_> {
    (entry.first_run, &entry.input, entry.line)
}

/// Changes with their incidents, most telling first; changes of one incident follow the most telling of them.
fn in_order(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|one, other| order(one).partial_cmp(&order(other)).unwrap_or(std::cmp::Ordering::Equal));
    let mut apart = HashMap::<(Kind, bool, &str), Vec<usize>>::new();
    for (number, change) in changes.iter().enumerate() {
        // A template that has become more frequent was there before: where it was first seen says nothing.
        if matches!(change.kind, Kind::New | Kind::Gone) {
            apart.entry((change.kind, change.certain, &change.entry.label)).or_default().push(number);
        }
    }
    let mut first_of: Vec<usize> = (0..changes.len()).collect();
    for numbers in apart.into_values() {
        let placed = numbers.into_iter().map(|number| (place_of(&changes[number].entry), number));
        for incident in rare::incidents(placed) {
            let first = incident.iter().copied().min().unwrap_or(0);
            incident.into_iter().for_each(|number| first_of[number] = first);
        }
    }
    let mut ordered: Vec<(usize, usize, Change)> =
        changes.into_iter().enumerate().map(|(number, change)| (first_of[number], number, change)).collect();
    ordered.sort_by_key(|&(first, number, _)| (first, number));
    let (mut incident, mut before) = (0, usize::MAX);
    let numbered = ordered.into_iter().map(|(first, _, change)| {
        incident += usize::from(first != before);
        before = first;
        Change { incident, ..change }
    });
    numbered.collect()
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

/// Most telling first.
#[allow(clippy::type_complexity)] // a sort key
fn order(change: &Change) -> (bool, u8, &str, u8, Kind, f64, u64, &str, &str) {
    let entry = &change.entry;
    (
        !change.certain,
        gravity(&entry.label, entry.severity),
        &entry.label,
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
