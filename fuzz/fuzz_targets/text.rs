//! Records of several lines: every byte of a text is in one record, in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logclass::input::open::open_lines;
use logclass::input::{BadRows, Limits, LineLayout, Multiline};
use std::io::Cursor;

fuzz_target!(|data: &[u8]| {
    let limits = Limits { chunk_bytes: 64, bad_rows: BadRows::Skip, ..Limits::default() };
    let layout = LineLayout::Text(Multiline::Auto);
    // What is no text is refused.
    let Ok(input) = open_lines(Box::new(Cursor::new(data.to_vec())), layout, "log_message", limits) else {
        return;
    };
    let (mut reader, mut seen) = (input.reader, input.mark);
    while let Some(chunk) = reader.next_chunk().unwrap() {
        seen.resize(seen.len() + usize::try_from(chunk.hole).unwrap(), 0);
        seen.extend_from_slice(&chunk.data);
    }
    assert_eq!(seen, data);
});
