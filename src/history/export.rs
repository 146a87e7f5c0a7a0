//! A history as rows: one for each entry.

use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;

use super::collection::Collection;
use super::entry::Entry;
use super::rfc3339;
use super::series::width;
use crate::envelope::Severity;

/// How a history is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ExportFormat {
    /// A row for each template, without the counts over time
    #[default]
    Csv,
    /// An object for each template
    Ndjson,
}

/// The entries, most frequent first.
///
/// # Errors
/// Not that we know of.
pub fn export(collection: &Collection, format: ExportFormat) -> Result<Vec<u8>> {
    let entries = collection.sorted();
    match format {
        ExportFormat::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record([
                "source",
                "label",
                "severity",
                "template",
                "count",
                "first",
                "last",
                "first_run",
                "last_run",
                "input",
                "line",
                "example",
            ])?;
            for entry in entries {
                writer.write_record([
                    entry.source.as_str(),
                    &entry.label,
                    entry.severity.map_or("", Severity::as_str),
                    &entry.template,
                    &entry.count.to_string(),
                    &rfc3339(entry.first),
                    &rfc3339(entry.last),
                    &entry.first_run.to_string(),
                    &entry.last_run.to_string(),
                    &entry.input,
                    &entry.line.to_string(),
                    &entry.example,
                ])?;
            }
            Ok(writer.into_inner()?)
        }
        ExportFormat::Ndjson => {
            let mut bytes = Vec::new();
            for entry in entries {
                serde_json::to_writer(&mut bytes, &object(entry))?;
                bytes.push(b'\n');
            }
            Ok(bytes)
        }
    }
}

fn object(entry: &Entry) -> serde_json::Value {
    let buckets: Vec<serde_json::Value> =
        entry.series.buckets().map(|(start, count)| json!([rfc3339(start), count])).collect();
    json!({
        "source": entry.source,
        "label": entry.label,
        "severity": entry.severity.map(Severity::as_str),
        "template": entry.template,
        "count": entry.count,
        "first": rfc3339(entry.first),
        "last": rfc3339(entry.last),
        "first_run": entry.first_run,
        "last_run": entry.last_run,
        "input": entry.input,
        "line": entry.line,
        "example": entry.example,
        "bucket_seconds": width(entry.series.level()),
        "buckets": buckets,
    })
}
