//! Zstandard: what is written is read back, whatever the pieces it comes in; and any bytes behind the first four of
//! a Zstandard file are read or are an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logclass::input::decode::decode;
use logclass::output::ZstdWriter;
use std::io::{Cursor, Read, Write};

/// Bounds what a few bytes can stand for.
const MOST: u64 = 4 << 20;

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (times, piece, data) = input;
    // Long texts from short ones: a frame holds a MiB.
    // Behind a letter, since a text that begins like UTF-16 is read as such.
    let text = [b"x".to_vec(), data.repeat(usize::from(times % 600) + 1)].concat();
    let mut writer = ZstdWriter::new(Vec::new());
    for part in text.chunks(usize::from(piece) + 1) {
        writer.write_all(part).unwrap();
    }
    let packed = writer.finish().unwrap();
    let mut read = Vec::new();
    decode(Box::new(Cursor::new(packed)), MOST).unwrap().bytes.read_to_end(&mut read).unwrap();
    assert!(read == text);

    let damaged = [b"\x28\xb5\x2f\xfd", data].concat();
    if let Ok(mut decoded) = decode(Box::new(Cursor::new(damaged)), MOST) {
        let _ = std::io::copy(&mut decoded.bytes, &mut std::io::sink());
    }
});
