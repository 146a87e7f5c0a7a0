//! Counts what a run sees of each template, while it is classified.
//!
//! Rows are counted in two steps, so that no row costs more than a look into a small table: the threads that classify
//! count the rows of a chunk by template and minute ([`Groups`]), and the writer, which knows the final labels, adds
//! a chunk's groups to the entries. Only an entry that is new has its template made and redacted.

use std::collections::HashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::collection::Collection;
use super::entry::{Entry, Id};
use super::sample;
use super::series::Series;
use crate::input::{Chunk, LineCounter, RecordSpan};
use crate::prehashed::PrehashedMap;
use crate::template;

/// How rows are counted.
#[derive(Debug, Clone, Copy)]
pub struct Counting {
    /// The time of a row that has none, in seconds since 1970.
    pub now: i64,
    /// Also count in the order of the rows, for those who want to know how evenly they come.
    pub in_order: bool,
}

/// What the threads that classify know of a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sighting {
    /// Stands for its template, severity, source and rule within the run.
    pub what: u64,
    /// Its time in seconds since 1970.
    pub seconds: i64,
}

/// Two numbers as one, mixed well (the finaliser of `SplitMix64`).
pub fn mixed(one: u64, other: u64) -> u64 {
    let mut value = one ^ other.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Rows of a chunk that are the same to a history, within a minute.
#[derive(Debug, Clone, Copy)]
struct Group {
    what: u64,
    /// The first of them.
    row: u32,
    count: u32,
    first: i64,
    last: i64,
}

/// The groups of a chunk, in the order of their first rows.
#[derive(Debug, Default)]
pub struct Groups {
    index: PrehashedMap<u64, u32>,
    all: Vec<Group>,
    in_order: bool,
}

/// Rows that are one step where rows are counted in their order.
const STEP: u32 = 32;

impl Groups {
    /// No groups yet.
    pub fn new(counting: Counting) -> Self {
        Self { in_order: counting.in_order, ..Self::default() }
    }

    /// Counts the row with this index.
    #[allow(clippy::cast_possible_truncation)] // a chunk holds less than 4 GiB, so fewer rows
    pub fn count(&mut self, row: usize, seen: Sighting) {
        let row = row as u32;
        let step = if self.in_order { u64::from(row / STEP) << 40 } else { 0 };
        let key = mixed(seen.what, seen.seconds.div_euclid(60).cast_unsigned() ^ step);
        let next = self.all.len() as u32;
        let place = *self.index.entry(key).or_insert(next);
        if place == next {
            let Sighting { what, seconds } = seen;
            self.all.push(Group { what, row, count: 1, first: seconds, last: seconds });
            return;
        }
        let group = &mut self.all[place as usize];
        group.count += 1;
        group.first = group.first.min(seen.seconds);
        group.last = group.last.max(seen.seconds);
    }
}

/// The label of a row, as the writer knows it.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// Its name.
    pub name: &'a str,
    /// Stands for it within the run.
    pub id: u64,
    /// Calibrated probability that it is right.
    pub confidence: f32,
}

/// Counts of a run as they grow, for who wants to be told at once.
pub trait Live: Send {
    /// Rows were counted: how many, under which label and severity (empty where there is none), and their template
    /// where it is not among the entries yet.
    fn rows(&mut self, rows: u64, label: &str, severity: &'static str, met: Option<Id>);
}

/// What a run has seen so far.
pub struct Observer {
    counting: Counting,
    /// Entries held at the most, twice.
    limit: usize,
    places: PrehashedMap<u64, usize>,
    entries: Vec<(u64, Entry)>,
    sources: Redacted,
    templates: Redacted,
    /// Name of the input that is being read.
    input: String,
    /// Its rows that came in earlier chunks.
    rows: u64,
    live: Option<Box<dyn Live>>,
    /// What is left of entries that were given up.
    given_up: Collection,
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Observer").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Observer {
    /// An observer that holds `limit` entries, and for a moment twice as many.
    pub fn new(counting: Counting, limit: usize) -> Self {
        Self {
            counting,
            limit: limit.max(1),
            places: PrehashedMap::default(),
            entries: Vec::new(),
            sources: Redacted::default(),
            templates: Redacted::default(),
            input: String::new(),
            rows: 0,
            live: None,
            given_up: Collection::default(),
        }
    }

    /// Tells `live` of every chunk.
    pub fn tells(&mut self, live: Box<dyn Live>) {
        self.live = Some(live);
    }

    /// How rows are counted.
    pub fn counting(&self) -> Counting {
        self.counting
    }

    /// The rows that follow come from this input.
    pub fn from_input(&mut self, name: &str) {
        name.clone_into(&mut self.input);
        self.rows = 0;
    }

    /// Adds the groups of a chunk, whose rows have these labels.
    pub fn add<'a>(&mut self, chunk: &Chunk, groups: &Groups, label_of: impl Fn(usize) -> Labelled<'a>) {
        let mut lines = chunk.line_counter();
        for group in &groups.all {
            let row = group.row as usize;
            let label = label_of(row);
            let key = mixed(group.what, label.id.wrapping_add(1));
            let (place, met_now) = match self.places.get(&key) {
                Some(&place) => (place, false),
                None => (self.meet(key, chunk, &chunk.records[row], label, &mut lines), true),
            };
            let entry = &mut self.entries[place].1;
            let count = u64::from(group.count);
            entry.count += count;
            entry.first = entry.first.min(group.first);
            entry.last = entry.last.max(group.last);
            entry.series.add(group.first, count);
            if self.counting.in_order {
                let row = self.rows + u64::from(group.row);
                entry.order.add(i64::try_from(row).unwrap_or(i64::MAX), count);
            }
            if let Some(live) = &mut self.live {
                let met = met_now.then(|| entry.id());
                live.rows(count, &entry.label, entry.severity.map_or("", |found| found.as_str()), met);
            }
        }
        self.rows += chunk.records.len() as u64;
    }

    /// Makes an entry of a row.
    fn meet(
        &mut self,
        key: u64,
        chunk: &Chunk,
        record: &RecordSpan,
        label: Labelled<'_>,
        lines: &mut LineCounter<'_>,
    ) -> usize {
        if self.entries.len() >= 2 * self.limit {
            self.shrink();
        }
        let message = chunk.field(record.message);
        let envelope = template::open_front(&message);
        let source = chunk.field(record.source);
        let source = source_of(&source, &envelope);
        let place = self.entries.len();
        let entry = Entry {
            source: self.sources.of(source, sample::example),
            template: self.templates.of(template::mask(&envelope.body).as_bytes(), |masked| {
                sample::template(&String::from_utf8_lossy(masked))
            }),
            label: label.name.to_owned(),
            severity: chunk.severity(record, &envelope),
            example: sample::example(&message),
            input: self.input.clone(),
            line: lines.line_of(record.start as usize),
            count: 0,
            first: i64::MAX,
            last: i64::MIN,
            confidence: label.confidence,
            first_run: 0,
            last_run: 0,
            series: Series::default(),
            order: Series::default(),
        };
        self.entries.push((key, entry));
        self.places.insert(key, place);
        place
    }

    /// Gives up half of the entries, those that are worth least.
    fn shrink(&mut self) {
        let excess = self.entries.len().saturating_sub(self.limit);
        let now = self.counting.now;
        let mut order: Vec<(f64, usize)> =
            self.entries.iter().enumerate().map(|(place, (_, entry))| (entry.worth(now), place)).collect();
        order.sort_unstable_by(|one, other| one.0.total_cmp(&other.0).then(other.1.cmp(&one.1)));
        let gone: HashSet<usize> = order[..excess].iter().map(|&(_, place)| place).collect();
        for (place, (key, entry)) in std::mem::take(&mut self.entries).into_iter().enumerate() {
            if gone.contains(&place) {
                self.given_up.drop_entry(entry);
            } else {
                self.entries.push((key, entry));
            }
        }
        self.places = self.entries.iter().enumerate().map(|(place, &(key, _))| (key, place)).collect();
    }

    /// What was seen.
    pub fn finish(self) -> Collection {
        let mut collection = self.given_up;
        for (_, entry) in self.entries {
            collection.add(entry);
        }
        collection.shrink(self.limit, self.counting.now);
        collection
    }
}

/// Texts without secrets. A template comes from many sources and a source has many templates, and to look for secrets is
/// most of what a new entry costs.
#[derive(Default)]
struct Redacted(PrehashedMap<u64, String>);

impl Redacted {
    /// Texts that are remembered.
    const MOST: usize = 10_000;

    fn of(&mut self, text: &[u8], redact: impl Fn(&[u8]) -> String) -> String {
        let key = xxh3_64(text);
        if let Some(known) = self.0.get(&key) {
            return known.clone();
        }
        let redacted = redact(text);
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        self.0.insert(key, redacted.clone());
        redacted
    }
}

/// The source of a record: its own field, or else the program that its message names.
pub fn source_of<'a>(source: &'a [u8], envelope: &'a crate::envelope::Envelope<'_>) -> &'a [u8] {
    if source.is_empty() { envelope.program.as_deref().unwrap_or_default() } else { source }
}
