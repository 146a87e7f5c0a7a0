//! Counts the rows of a file that has its labels already.

use anyhow::Result;
use std::io::Read;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::observer::{Groups, Labelled, Observer, Sighting, mixed, source_of};
use crate::envelope::{Clock, Severity};
use crate::input::ChunkReader;
use crate::label::UNCLASSIFIED;
use crate::template::{self, mask_into};

/// Adds every row of `reader` to `observer`; says how many there were. A row with an empty label is Unclassified.
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
        let labels: Vec<String> = chunk
            .records
            .iter()
            .map(|record| {
                let label = String::from_utf8_lossy(&chunk.field(record.label)).trim().to_owned();
                if label.is_empty() { UNCLASSIFIED.to_owned() } else { label }
            })
            .collect();
        for (row, record) in chunk.records.iter().enumerate() {
            let (source, message) = (chunk.field(record.source), chunk.field(record.message));
            let envelope = template::open_front(&message);
            mask_into(&envelope.body, &mut masked);
            let severity = chunk.severity(record, &envelope).map_or("", Severity::as_str);
            let seed = mixed(xxh3_64(source_of(&source, &envelope)), xxh3_64(severity.as_bytes()));
            let what = mixed(xxh3_64_with_seed(masked.as_bytes(), seed), xxh3_64(labels[row].as_bytes()));
            let seconds = clock.read(&chunk.field(record.time), envelope.time.as_deref());
            groups.count(row, Sighting { what, seconds });
        }
        observer.add(&chunk, &groups, |row| Labelled {
            name: &labels[row],
            id: xxh3_64(labels[row].as_bytes()),
            confidence: 1.0,
        });
        rows += chunk.records.len() as u64;
    }
    Ok(rows)
}
