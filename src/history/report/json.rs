//! The parts of a report that a page of the server shows by itself.

use serde_json::{Value, json};

use super::super::rfc3339;
use super::figures::{Band, Figures, Line};
use super::words::short;
use crate::envelope::Severity;

/// Rows over time, by label and severity, and the most frequent templates of each label.
pub fn object(figures: &Figures) -> Value {
    let top = figures.labels.iter().zip(&figures.top).map(|(label, listed)| {
        json!({
            "label": label.name,
            "templates": listed.lines.iter().map(line).collect::<Vec<_>>(),
            "more": listed.more,
        })
    });
    json!({
        "rows": figures.rows,
        "templates": figures.templates,
        "has_times": figures.has_times(),
        "first": figures.times.map(|(first, _)| rfc3339(first)),
        "last": figures.times.map(|(_, last)| rfc3339(last)),
        "start": rfc3339(figures.timeline.start),
        "interval_seconds": figures.timeline.width(),
        "outside": figures.timeline.outside,
        "labels": figures.labels.iter().map(band).collect::<Vec<_>>(),
        "severities": figures.severities.iter().map(band).collect::<Vec<_>>(),
        "top": top.collect::<Vec<_>>(),
    })
}

fn band(band: &Band) -> Value {
    json!({"name": band.name, "rows": band.rows, "templates": band.templates, "counts": band.counts})
}

fn line(line: &Line) -> Value {
    let entry = &line.entry;
    json!({
        "template": short(&entry.template),
        "severity": entry.severity.map(Severity::as_str),
        "rows": line.rows,
        "counts": line.counts,
        "first": rfc3339(entry.first),
        "last": rfc3339(entry.last),
        "line": entry.line,
        "example": short(&entry.example),
        "sources": line.sources.iter().filter(|name| !name.is_empty()).take(3).map(|name| short(name)).collect::<Vec<_>>(),
    })
}
