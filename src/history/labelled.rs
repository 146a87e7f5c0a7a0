//! Counts the rows of a file that has its labels already.

use anyhow::Result;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::observer::{Groups, Labelled, Observer, Sighting, mixed, source_of};
use crate::envelope::{Clock, Severity};
use crate::input::{Chunk, ChunkReader};
use crate::label::{UNCLASSIFIED, canonical};
use crate::template::{self, mask_into};

/// Adds every row of `reader` to `observer`; says how many there were. A row with an empty label is Unclassified, as is one
/// that says so in whatever case.
///
/// # Errors
/// When it cannot be read.
pub fn observe_labelled<R: Read>(mut reader: ChunkReader<R>, observer: &mut Observer) -> Result<u64> {
    let counting = observer.counting();
    let mut clock = Clock::new(counting.now);
    let mut masked = String::new();
    let mut rows = 0;
    while let Some(chunk) = reader.next_chunk()? {
        let mut groups = Groups::new(counting);
        let labels = Labels::of(&chunk);
        for (row, record) in chunk.records.iter().enumerate() {
            let (source, message) = (chunk.field(record.source), chunk.field(record.message));
            let envelope = template::open_front(&message);
            mask_into(&envelope.body, &mut masked);
            let severity = chunk.severity(record, &envelope).map_or("", Severity::as_str);
            let seed = mixed(xxh3_64(source_of(&source, &envelope)), xxh3_64(severity.as_bytes()));
            let what = mixed(xxh3_64_with_seed(masked.as_bytes(), seed), labels.of_row(row).1);
            let seconds = clock.read(&chunk.field(record.time), envelope.time.as_deref());
            groups.count(row, Sighting { what, seconds });
        }
        observer.add(&chunk, &groups, |row| {
            let (name, id) = labels.of_row(row);
            Labelled { name, id: *id, confidence: 1.0 }
        });
        rows += chunk.records.len() as u64;
    }
    Ok(rows)
}

/// The labels of a chunk: few, of many rows, so each is read once.
struct Labels {
    /// Each with what stands for it within the run.
    names: Vec<(String, u64)>,
    of_rows: Vec<usize>,
}

impl Labels {
    fn of(chunk: &Chunk) -> Self {
        let mut known: HashMap<Cow<'_, [u8]>, usize> = HashMap::new();
        let mut names = Vec::new();
        let mut of_rows = Vec::with_capacity(chunk.records.len());
        for record in &chunk.records {
            let field = chunk.field(record.label);
            if let Some(&index) = known.get(&field) {
                of_rows.push(index);
                continue;
            }
            let text = String::from_utf8_lossy(&field);
            let label = Some(canonical(&text)).filter(|label| !label.is_empty()).unwrap_or(UNCLASSIFIED);
            names.push((label.to_owned(), xxh3_64(label.as_bytes())));
            of_rows.push(names.len() - 1);
            drop(text);
            known.insert(field, names.len() - 1);
        }
        Self { names, of_rows }
    }

    fn of_row(&self, row: usize) -> &(String, u64) {
        &self.names[self.of_rows[row]]
    }
}
