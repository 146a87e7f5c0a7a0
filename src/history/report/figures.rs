//! What a report tells, in figures.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::super::collection::{Collection, Run};
use super::super::diff::gravity;
use super::super::entry::{Entry, Id};
use super::timeline::Timeline;
use crate::envelope::Severity;
use crate::label::UNCLASSIFIED;

/// Labels, and severities, shown; the others are one more.
const BANDS: usize = 40;
/// Templates shown of each label.
const TOP: usize = 10;
/// Sources shown.
const SOURCES: usize = 20;
/// New and unsure templates shown.
const LISTED: usize = 40;
/// Runs shown.
const RUNS: usize = 30;
/// Confidence below which a label is worth a look.
const UNSURE: f32 = 0.7;

/// A label or a severity over time.
#[derive(Debug, Clone)]
pub struct Band {
    /// Its name.
    pub name: String,
    /// How many names it stands for: more than one where those of few rows are counted together.
    pub names: usize,
    /// Its rows.
    pub rows: u64,
    /// Its templates.
    pub templates: u64,
    /// Its rows in each interval.
    pub counts: Vec<u64>,
}

impl Band {
    fn with(mut self, other: Self) -> Self {
        self.names += other.names;
        self.rows += other.rows;
        self.templates += other.templates;
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, rows)| *sum += rows);
        self
    }
}

/// A template under a label, from all sources.
#[derive(Debug, Clone)]
pub struct Line {
    /// What is told of it: that of its most frequent entry, with the times of all.
    pub entry: Entry,
    /// Its rows.
    pub rows: u64,
    /// Its sources.
    pub sources: BTreeSet<String>,
    /// Its rows in each interval.
    pub counts: Vec<u64>,
}

/// Some lines, and how many there are in all.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// Those that are shown.
    pub lines: Vec<Line>,
    /// How many more there are.
    pub more: usize,
}

/// A source.
#[derive(Debug, Clone)]
pub struct SourceFigures {
    /// Its name; empty where records have none.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its templates.
    pub templates: u64,
    /// Its rows under each label, in the order of [`Figures::labels`].
    pub labels: Vec<u64>,
    /// Its rows in each interval.
    pub counts: Vec<u64>,
}

/// All that a report tells.
#[derive(Debug, Clone)]
pub struct Figures {
    /// All rows.
    pub rows: u64,
    /// Distinct templates.
    pub templates: u64,
    /// When the first and the last row were.
    pub times: Option<(i64, i64)>,
    /// What is shown over time.
    pub timeline: Timeline,
    /// The labels, the gravest first.
    pub labels: Vec<Band>,
    /// The severities, the gravest first; rows that state none last.
    pub severities: Vec<Band>,
    /// The sources with the most rows.
    pub sources: Vec<SourceFigures>,
    /// How many more sources there are.
    pub more_sources: usize,
    /// The most frequent templates of each label, in the order of `labels`.
    pub top: Vec<Listed>,
    /// New templates, the gravest first; nothing where there is nothing to compare with.
    pub new: Option<Listed>,
    /// Templates that no stage, or the model with little confidence, had a label for.
    pub unsure: Listed,
    /// The latest runs, latest first.
    pub runs: Vec<Run>,
    /// How many more runs there are.
    pub more_runs: usize,
    /// Entries that were given up to stay within a bound.
    pub dropped: u64,
}

impl Figures {
    /// Works them out.
    pub fn of(seen: &Collection, known: Option<&HashSet<Id>>) -> Self {
        let timeline = Timeline::of(seen);
        let entries = seen.sorted();
        let labels = bands(
            &entries,
            seen,
            &timeline,
            |label, _| label.to_owned(),
            |band, _| (gravity(&band.name, None), u64::MAX - band.rows),
        );
        let severity = |_: &str, severity: Option<Severity>| {
            severity.map_or(String::new(), |found| found.as_str().to_owned())
        };
        let severities = bands(&entries, seen, &timeline, severity, |_, entry| {
            (u8::MAX - entry.severity.map_or(0, |found| 1 + found as u8), 0)
        });
        let lines = lines(&entries, &timeline);
        let shown: HashSet<&str> =
            labels.iter().filter(|label| label.names == 1).map(|label| label.name.as_str()).collect();
        let mut of_label = HashMap::<&str, Vec<&Line>>::new();
        for line in &lines {
            let label = shown.get(line.entry.label.as_str()).copied().unwrap_or_default();
            of_label.entry(label).or_default().push(line);
        }
        let top = labels
            .iter()
            .map(|label| if label.names == 1 { label.name.as_str() } else { "" })
            .map(|label| listed(of_label.remove(label).unwrap_or_default().into_iter(), TOP))
            .collect();
        let last_run = seen.runs.iter().map(|run| run.number).max().unwrap_or(0);
        let is_new = |line: &Line| match known {
            Some(known) => !known.contains(&line.entry.id()),
            None => line.entry.first_run == last_run,
        };
        let grave = |lines: &mut Vec<&Line>| {
            lines.sort_by_key(|line| (gravity(&line.entry.label, line.entry.severity), u64::MAX - line.rows));
        };
        let new = (known.is_some() || seen.runs.len() > 1 && last_run > 1).then(|| {
            let mut new: Vec<&Line> = lines.iter().filter(|line| is_new(line)).collect();
            grave(&mut new);
            listed(new.into_iter(), LISTED)
        });
        let unsure =
            lines.iter().filter(|line| line.entry.label == UNCLASSIFIED || line.entry.confidence < UNSURE);
        let (sources, more_sources) = sources(&entries, &labels, &timeline);
        let runs: Vec<Run> = seen.runs.iter().rev().take(RUNS).cloned().collect();
        Self {
            rows: seen.rows(),
            templates: seen.ids().len() as u64,
            times: entries
                .iter()
                .map(|entry| entry.first)
                .min()
                .zip(entries.iter().map(|entry| entry.last).max()),
            unsure: listed(unsure, LISTED),
            more_runs: seen.runs.len() - runs.len(),
            dropped: seen.dropped,
            timeline,
            labels,
            severities,
            sources,
            more_sources,
            top,
            new,
            runs,
        }
    }

    /// Whether there is more than one interval to show.
    pub fn has_times(&self) -> bool {
        self.timeline.intervals > 1
    }
}

fn bands<O: Ord>(
    entries: &[&Entry],
    seen: &Collection,
    timeline: &Timeline,
    name: impl Fn(&str, Option<Severity>) -> String,
    order: impl Fn(&Band, &Entry) -> O,
) -> Vec<Band> {
    let mut bands = BTreeMap::<String, (Band, &Entry, HashSet<Id>)>::new();
    for entry in entries {
        let name = name(&entry.label, entry.severity);
        let (band, _, templates) = bands.entry(name.clone()).or_insert_with(|| {
            let counts = vec![0; timeline.intervals];
            (Band { name, names: 1, rows: 0, templates: 0, counts }, entry, HashSet::new())
        });
        band.rows += entry.count;
        timeline.add(&entry.series, &mut band.counts);
        templates.insert(entry.id());
    }
    for ((label, severity), rows) in &seen.dropped_rows {
        if let Some((band, ..)) = bands.get_mut(&name(label, *severity)) {
            band.rows += rows;
        }
    }
    let mut bands: Vec<(Band, &Entry)> = bands
        .into_values()
        .map(|(band, entry, templates)| (Band { templates: templates.len() as u64, ..band }, entry))
        .collect();
    bands.sort_by_key(|(band, _)| std::cmp::Reverse(band.rows));
    let rest = bands.split_off(bands.len().min(BANDS));
    bands.sort_by_key(|(band, entry)| order(band, entry));
    let mut bands: Vec<Band> = bands.into_iter().map(|(band, _)| band).collect();
    if let Some(together) = rest.into_iter().map(|(band, _)| band).reduce(Band::with) {
        bands.push(Band { name: format!("{} others", together.names), ..together });
    }
    bands
}

/// Entries of one template and label as one, most frequent first.
fn lines(entries: &[&Entry], timeline: &Timeline) -> Vec<Line> {
    let mut places = HashMap::<(Id, &str), usize>::new();
    let mut lines: Vec<Line> = Vec::new();
    for entry in entries {
        let place = *places.entry((entry.id(), &entry.label)).or_insert_with(|| {
            let counts = vec![0; timeline.intervals];
            lines.push(Line { entry: (*entry).clone(), rows: 0, sources: BTreeSet::new(), counts });
            lines.len() - 1
        });
        let line = &mut lines[place];
        // The example is its first record, whichever source that is from.
        if (entry.first_run, entry.first, entry.line)
            < (line.entry.first_run, line.entry.first, line.entry.line)
        {
            line.entry.example.clone_from(&entry.example);
            line.entry.input.clone_from(&entry.input);
            line.entry.line = entry.line;
        }
        line.rows += entry.count;
        line.entry.first = line.entry.first.min(entry.first);
        line.entry.last = line.entry.last.max(entry.last);
        line.entry.first_run = line.entry.first_run.min(entry.first_run);
        line.entry.severity = line.entry.severity.max(entry.severity);
        line.sources.insert(entry.source.clone());
        timeline.add(&entry.series, &mut line.counts);
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.rows));
    lines
}

fn listed<'a>(lines: impl Iterator<Item = &'a Line>, most: usize) -> Listed {
    let all: Vec<&Line> = lines.collect();
    Listed {
        lines: all.iter().take(most).map(|&line| line.clone()).collect(),
        more: all.len().saturating_sub(most),
    }
}

fn sources(entries: &[&Entry], labels: &[Band], timeline: &Timeline) -> (Vec<SourceFigures>, usize) {
    let mut sources = BTreeMap::<&str, (SourceFigures, HashSet<Id>)>::new();
    for entry in entries {
        let (source, templates) = sources.entry(&entry.source).or_insert_with(|| {
            let (name, labels) = (entry.source.clone(), vec![0; labels.len()]);
            (SourceFigures { name, rows: 0, templates: 0, labels, counts: Vec::new() }, HashSet::new())
        });
        source.rows += entry.count;
        let place = labels.iter().position(|band| band.names == 1 && band.name == entry.label);
        // What is not shown by itself is in the last one.
        if let Some(counted) = source.labels.get_mut(place.unwrap_or(labels.len().saturating_sub(1))) {
            *counted += entry.count;
        }
        templates.insert(entry.id());
    }
    let mut sources: Vec<SourceFigures> = sources
        .into_values()
        .map(|(source, templates)| SourceFigures { templates: templates.len() as u64, ..source })
        .collect();
    sources.sort_by_key(|source| std::cmp::Reverse(source.rows));
    let more = sources.len().saturating_sub(SOURCES);
    sources.truncate(SOURCES);
    // Over time for those that are shown alone: there may be as many sources as entries.
    for source in &mut sources {
        source.counts = vec![0; timeline.intervals];
    }
    let places: HashMap<String, usize> =
        sources.iter().enumerate().map(|(place, source)| (source.name.clone(), place)).collect();
    for entry in entries {
        if let Some(&place) = places.get(&entry.source) {
            timeline.add(&entry.series, &mut sources[place].counts);
        }
    }
    (sources, more)
}
