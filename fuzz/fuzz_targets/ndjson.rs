//! NDJSON: every line is a record, a reject or blank, and every byte comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logclass::input::{BadRows, ChunkReader, JsonLayout, Layout, Limits, LineLayout};

fuzz_target!(|data: &[u8]| {
    let layout = JsonLayout {
        message: "a.b".to_owned(),
        source: Some("s".to_owned()),
        severity: None,
        time: None,
        label: "label".to_owned(),
        overwrite: true,
        added: Vec::new(),
        message_optional: false,
    };
    let limits = Limits { chunk_bytes: 16, bad_rows: BadRows::Skip, ..Limits::default() };
    let layout = Layout::Lines(LineLayout::Json(layout));
    let mut reader = ChunkReader::new(data, Vec::new(), layout, limits, 1, 0);
    let mut seen = Vec::new();
    while let Some(chunk) = reader.next_chunk().expect("bad rows are skipped") {
        for record in &chunk.records {
            let _ = (chunk.field(record.message), chunk.field(record.source), chunk.field(record.label));
            let line = &chunk.data[record.start as usize..record.end as usize];
            assert_eq!(line.trim_ascii_end().last(), Some(&b'}'));
        }
        seen.resize(seen.len() + usize::try_from(chunk.hole).unwrap(), 0);
        seen.extend_from_slice(&chunk.data);
    }
    assert_eq!(seen, data);
});
