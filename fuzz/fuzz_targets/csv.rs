//! CSV: records in are records out and rejects, every byte of them in one or the other, fields as the `csv` crate
//! reads them; whatever the size of a chunk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logclass::input::csv::{CsvLayout, LineEnds};
use logclass::input::{BadRows, ChunkReader, Layout, Limits};

fuzz_target!(|input: (u8, &[u8])| {
    let (chunk, data) = input;
    let layout = CsvLayout { delimiter: b',', fields: 2, message: 1, source: Some(0), severity: None, label: None, line_ends: LineEnds::Feeds };
    let limits = Limits {
        chunk_bytes: usize::from(chunk) + 1,
        record_bytes: 1 << 20,
        bad_rows: BadRows::Skip,
        live: chunk % 2 == 0,
    };
    let mut reader = ChunkReader::new(data, Vec::new(), Layout::Csv(layout), limits, 1, 0);
    let (mut seen, mut clean) = (Vec::new(), Vec::new());
    let mut messages = Vec::new();
    while let Some(chunk) = reader.next_chunk().expect("bad rows are skipped") {
        seen.extend_from_slice(&chunk.data);
        let mut from = 0;
        for reject in &chunk.rejects {
            clean.extend_from_slice(&chunk.data[from..reject.start as usize]);
            from = reject.next as usize;
        }
        clean.extend_from_slice(&chunk.data[from..]);
        messages.extend(chunk.records.iter().map(|record| chunk.field(record.message).into_owned()));
    }
    assert_eq!(seen, data);
    let mut theirs = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&clean[..]);
    let theirs: Vec<Vec<u8>> =
        theirs.byte_records().map(|record| record.unwrap().get(1).unwrap().to_vec()).collect();
    assert_eq!(messages, theirs);
});
