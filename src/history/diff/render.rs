//! A comparison as text, Markdown, JSON or CSV.

use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;
use std::fmt::Write;

use super::super::report::escape::{markdown, plain, short};
use super::super::rfc3339;
use super::{Change, Comparison, Kind};
use crate::console::{counted, grouped};
use crate::envelope::Severity;

/// How a comparison is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For people, as Markdown
    Markdown,
    /// One object
    Json,
    /// A row for each change
    Csv,
}

/// What the sides are called.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The old one.
    pub old: &'a str,
    /// The new one.
    pub new: &'a str,
}

/// Templates shown of an incident, beside the one that it is shown by.
const COMPANIONS: usize = 3;
/// Characters of such a template.
const COMPANION: usize = 60;

/// Writes at most `limit` incidents; with `all`, also those that chance allows.
///
/// # Errors
/// Not that we know of.
pub fn render(
    comparison: &Comparison,
    names: Names<'_>,
    format: Format,
    limit: usize,
    all: bool,
) -> Result<Vec<u8>> {
    let wanted = comparison.incidents(all);
    let shown = &wanted[..wanted.len().min(limit)];
    let left = wanted.len() - shown.len();
    Ok(match format {
        Format::Text => text(comparison, names, shown, left).into_bytes(),
        Format::Markdown => as_markdown(comparison, names, shown, left).into_bytes(),
        Format::Json => as_json(comparison, names, shown, left)?,
        Format::Csv => as_csv(shown)?,
    })
}

/// How often, in a few words: `seen 5 times`, `40 instead of 4 (10 times)`.
fn change_in_words(change: &Change) -> String {
    let times = |count| counted(count, "time");
    match change.kind {
        Kind::New => format!("{}, never before", times(change.new)),
        Kind::Gone => format!("not once, {} before", times(change.old)),
        Kind::More | Kind::Less => {
            format!("{} instead of about {}", times(change.new), rounded(change.expected))
        }
    }
}

/// `12` or `0.4`.
fn rounded(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn totals(comparison: &Comparison, names: Names<'_>) -> String {
    let [(old, old_templates), (new, new_templates)] = comparison.sides;
    format!(
        "{}: {}, {}\n{}: {}, {}\n",
        names.old,
        counted(old, "row"),
        counted(old_templates, "template"),
        names.new,
        counted(new, "row"),
        counted(new_templates, "template")
    )
}

fn kinds(comparison: &Comparison) -> String {
    let incidents = comparison.incidents(false);
    let count = |kind: Kind, word: &str| {
        let templates = comparison.certain().filter(|change| change.kind == kind).count();
        match incidents.iter().filter(|incident| incident[0].kind == kind).count() {
            places if places < templates => {
                format!("{} {word} (in {})", grouped(templates as u64), counted(places as u64, "place"))
            }
            _ => format!("{} {word}", grouped(templates as u64)),
        }
    };
    format!(
        "{}, {}, {}, {} than chance allows",
        count(Kind::New, "new"),
        count(Kind::Gone, "gone"),
        count(Kind::More, "more frequent"),
        count(Kind::Less, "less frequent")
    )
}

/// What chance explains, and what `--limit` leaves out.
fn notes(comparison: &Comparison, left: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let (new, gone) = (comparison.within_chance(Kind::New), comparison.within_chance(Kind::Gone));
    if new + gone > 0 {
        notes.push(format!(
            "{} on the new side alone and {} on the old side alone are rare ones, as a log with as many rare \
             templates always has; --all shows them",
            counted(new as u64, "template"),
            grouped(gone as u64)
        ));
    }
    if left > 0 {
        notes.push(format!("{} not shown; --limit sets how many are", counted(left as u64, "change")));
    }
    notes
}

/// What came with the change that an incident is shown by; each template as `shown` makes it.
fn companions(others: &[&Change], shown: impl Fn(&str) -> String) -> Option<String> {
    let named: Vec<String> =
        others.iter().take(COMPANIONS).map(|other| shown(&short(&other.entry.template, COMPANION))).collect();
    let more = match others.len() - named.len() {
        0 => String::new(),
        more => format!("; and {} more", grouped(more as u64)),
    };
    let found = counted(others.len() as u64, "more template");
    (!others.is_empty()).then(|| format!("{found} in the same place: {}{more}", named.join("; ")))
}

fn text(comparison: &Comparison, names: Names<'_>, shown: &[Vec<&Change>], left: usize) -> String {
    let mut text = totals(comparison, names);
    let _ = writeln!(text, "{}", kinds(comparison));
    let mut label = "";
    for (change, others) in shown.iter().filter_map(|incident| incident.split_first()) {
        let entry = &change.entry;
        if entry.label != label {
            label = &entry.label;
            let _ = writeln!(text, "\n{}", plain(label));
        }
        let severity = entry.severity.map_or(String::new(), |found| format!(" [{}]", found.as_str()));
        let doubt = if change.certain { "" } else { " (rare)" };
        let _ = writeln!(
            text,
            "  {:<5}{severity} {}{doubt}: {}\n        {}: {}",
            change.kind.name(),
            change_in_words(change),
            plain(&entry.template),
            plain(&entry.place()),
            plain(&entry.example)
        );
        if let Some(with) = companions(others, plain) {
            let _ = writeln!(text, "        {with}");
        }
    }
    for note in notes(comparison, left) {
        let _ = write!(text, "\n{note}\n");
    }
    text
}

fn as_markdown(comparison: &Comparison, names: Names<'_>, shown: &[Vec<&Change>], left: usize) -> String {
    let mut text = String::from("# What changed\n\n");
    for line in totals(comparison, names).lines() {
        let _ = writeln!(text, "- {}", markdown(line));
    }
    let _ = writeln!(text, "\n{}.", kinds(comparison));
    let mut label = "";
    for (change, others) in shown.iter().filter_map(|incident| incident.split_first()) {
        let entry = &change.entry;
        if entry.label != label {
            label = &entry.label;
            let _ = writeln!(
                text,
                "\n## {}\n\n| | how often | severity | template | first line |\n| --- | --- | --- | --- | --- |",
                markdown(label)
            );
        }
        let with = companions(others, markdown).map_or(String::new(), |with| format!("<br>{with}"));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {}{with} | {}: {} |",
            change.kind.name(),
            change_in_words(change),
            entry.severity.map_or("", Severity::as_str),
            markdown(&entry.template),
            markdown(&entry.place()),
            markdown(&entry.example)
        );
    }
    for note in notes(comparison, left) {
        let _ = write!(text, "\n{note}.\n");
    }
    text
}

fn as_json(
    comparison: &Comparison,
    names: Names<'_>,
    shown: &[Vec<&Change>],
    left: usize,
) -> Result<Vec<u8>> {
    let side = |name: &str, (rows, templates): (u64, u64)| json!({"name": name, "rows": rows, "templates": templates});
    let changes: Vec<serde_json::Value> = shown
        .iter()
        .flatten()
        .map(|change| {
            let entry = &change.entry;
            json!({
                "kind": change.kind.name(),
                "incident": change.incident,
                "certain": change.certain,
                "label": entry.label,
                "severity": entry.severity.map(Severity::as_str),
                "source": entry.source,
                "template": entry.template,
                "old": change.old,
                "new": change.new,
                "expected": change.expected,
                "false_discovery_rate": change.rate,
                "first": rfc3339(entry.first),
                "last": rfc3339(entry.last),
                "input": entry.input,
                "line": entry.line,
                "example": entry.example,
            })
        })
        .collect();
    let whole = json!({
        "old": side(names.old, comparison.sides[0]),
        "new": side(names.new, comparison.sides[1]),
        "changes": changes,
        "not_shown": left,
        "within_chance": {
            "new": comparison.within_chance(Kind::New),
            "gone": comparison.within_chance(Kind::Gone),
        },
    });
    let mut bytes = serde_json::to_vec_pretty(&whole)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn as_csv(shown: &[Vec<&Change>]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "kind",
        "label",
        "severity",
        "source",
        "template",
        "old",
        "new",
        "expected",
        "false_discovery_rate",
        "first",
        "last",
        "input",
        "line",
        "example",
        "incident",
    ])?;
    for change in shown.iter().flatten() {
        let entry = &change.entry;
        writer.write_record([
            change.kind.name(),
            &entry.label,
            entry.severity.map_or("", Severity::as_str),
            &entry.source,
            &entry.template,
            &change.old.to_string(),
            &change.new.to_string(),
            &format!("{:.2}", change.expected),
            &format!("{:.6}", change.rate),
            &rfc3339(entry.first),
            &rfc3339(entry.last),
            &entry.input,
            &entry.line.to_string(),
            &entry.example,
            &change.incident.to_string(),
        ])?;
    }
    Ok(writer.into_inner()?)
}
