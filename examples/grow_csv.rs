//! Grows a CSV of many rows from real logs: their messages in turn, with every digit drawn anew.
//!
//!     cargo run --release --example grow_csv -- ROWS MESSAGE_COLUMN FILE.csv... > grown.csv
//!
//! The rows have the columns `source` (the file's name) and `log_message`. The draw has a fixed seed, so the first
//! million of two million rows are the million that was asked for alone.

use anyhow::{Context, Result, bail};
use std::path::Path;

const SEED: u64 = 1;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rows, column, files @ ..] = arguments.as_slice() else {
        bail!("usage: grow_csv ROWS MESSAGE_COLUMN FILE.csv...")
    };
    let rows: usize = rows.parse().context("ROWS")?;
    let mut lines: Vec<(String, Vec<u8>)> = Vec::new();
    for file in files {
        let source = Path::new(file).file_stem().context("a file name")?.to_string_lossy().into_owned();
        let mut reader = csv::Reader::from_path(file).with_context(|| file.clone())?;
        let index = reader.headers()?.iter().position(|name| name == column).context("no such column")?;
        for record in reader.byte_records() {
            lines.push((source.clone(), record?[index].to_vec()));
        }
    }
    if lines.is_empty() {
        bail!("no lines to grow from");
    }
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    writer.write_record(["source", "log_message"])?;
    for row in 0..rows {
        // A stride without a common factor mixes the systems, as an export of many services does.
        let (source, message) = &lines[row.wrapping_mul(7919) % lines.len()];
        let mut message = message.clone();
        vary(&mut message, &mut random);
        writer.write_record([source.as_bytes(), &message])?;
    }
    Ok(writer.flush()?)
}

/// Draws every digit of `message` anew. Three digits stay below 256, as addresses need, and a number begins with 0 if
/// it did (`0x`).
fn vary(message: &mut [u8], random: &mut fastrand::Rng) {
    let mut rest = message;
    while let Some(start) = rest.iter().position(u8::is_ascii_digit) {
        let end =
            rest[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(rest.len(), |n| start + n);
        let number = &mut rest[start..end];
        let begins = number[0];
        number.iter_mut().for_each(|digit| *digit = b'0' + random.u8(0..10));
        number[0] = if begins == b'0' { begins } else { b'1' + random.u8(0..9) };
        if number.len() == 3 && begins != b'0' {
            let value = 100 + random.u16(0..156);
            number.copy_from_slice(value.to_string().as_bytes());
        }
        rest = &mut rest[end..];
    }
}
