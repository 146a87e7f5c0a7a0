//! `logclass embed`: the vectors themselves, for whatever else they are good for.

use anyhow::Result;
use rayon::prelude::*;
use std::fmt::Write;
use std::path::Path;

use super::overlap::Files;
use super::records::Records;
use super::setup;
use crate::cli::{Embed, EmbedFormat};
use crate::console::tell;
use crate::encoder::{Encoder, parse_source};
use crate::error::ExitStatus;
use crate::input::Chunk;
use crate::output::{Output, is_stdout};
use crate::session::extension;
use crate::template::Template;

/// Runs the command.
pub fn run(arguments: &Embed) -> Result<ExitStatus> {
    Files::default()
        .input(arguments.input.as_deref())
        .reads(arguments.config.as_deref(), "configuration")
        .encoder(arguments.encoder.as_deref())
        .writes(arguments.output.as_deref())
        .check()?;
    let config = setup::config(arguments.config.as_deref())?;
    let mut names = setup::columns(&arguments.reading, &config, None, true);
    names.source = None;
    let input = arguments.input.as_deref();
    let mut records = Records::open(input, arguments.input_format, &arguments.reading, &names)?;
    if !arguments.running.quiet {
        records.tell_delimiter();
    }
    let encoder = Encoder::load(&parse_source(arguments.encoder.as_deref())?, arguments.backend)?;
    let format = arguments.format.unwrap_or_else(|| by_name(arguments.output.as_deref()));
    let mut output = Output::create(arguments.output.as_deref())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(setup::threads(&arguments.running)).build()?;
    if format == EmbedFormat::Csv {
        let header: Vec<String> = (0..encoder.dimensions()).map(|index| format!("v{index}")).collect();
        output.write((header.join(",") + "\n").as_bytes())?;
    }
    let mut array = Vec::new();
    let mut rows = 0;
    while let Some(chunk) = records.next_chunk()? {
        rows += chunk.records.len();
        for vectors in pool.install(|| encode(&chunk, &encoder, arguments.raw))? {
            match format {
                EmbedFormat::Npy => array.extend(vectors.iter().flat_map(|value| value.to_le_bytes())),
                _ => output.write(rows_as_text(&vectors, encoder.dimensions(), format).as_bytes())?,
            }
        }
    }
    if format == EmbedFormat::Npy {
        // The shape stands in front, so the vectors wait in memory: 1.5 kB a row.
        output.write(&npy_header(rows, encoder.dimensions()))?;
        output.write(&array)?;
    }
    output.finish()?;
    Ok(ExitStatus::Done)
}

/// The vectors of a chunk's messages, in order, some rows at a time.
fn encode(chunk: &Chunk, encoder: &Encoder, raw: bool) -> Result<Vec<Vec<f32>>> {
    chunk
        .records
        .par_chunks(32)
        .map(|records| {
            let texts: Vec<String> = records
                .iter()
                .map(|record| {
                    let message = chunk.field(record.message);
                    if raw {
                        String::from_utf8_lossy(&message).into_owned()
                    } else {
                        Template::of(&message).text
                    }
                })
                .collect();
            encoder.encode(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .collect()
}

/// The format that the output's name stands for, whatever its case and compression. A name that stands for none
/// is told, unless nothing is kept under it.
fn by_name(path: Option<&Path>) -> EmbedFormat {
    let Some(path) = path.filter(|path| !is_stdout(path)) else { return EmbedFormat::Ndjson };
    match extension(path).as_deref() {
        Some("npy") => EmbedFormat::Npy,
        Some("csv") => EmbedFormat::Csv,
        Some("ndjson" | "jsonl") => EmbedFormat::Ndjson,
        _ => {
            if path.metadata().map_or(true, |found| found.is_file()) {
                tell(&format!(
                    "logclass: warning: {}: is written as NDJSON: expected a name in .ndjson, .csv or .npy, or \
                     --format\n",
                    path.display()
                ));
            }
            EmbedFormat::Ndjson
        }
    }
}

fn rows_as_text(vectors: &[f32], dimensions: usize, format: EmbedFormat) -> String {
    let mut text = String::with_capacity(vectors.len() * 12);
    for row in vectors.chunks_exact(dimensions) {
        let (open, close) = if format == EmbedFormat::Csv { ("", "\n") } else { ("[", "]\n") };
        text.push_str(open);
        for (index, value) in row.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{value}");
        }
        text.push_str(close);
    }
    text
}

/// Header of a `NumPy` array file, version 1.0 (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).
fn npy_header(rows: usize, dimensions: usize) -> Vec<u8> {
    let description =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimensions}), }}");
    let length = (10 + description.len() + 1).next_multiple_of(64) - 10;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    header.extend_from_slice(format!("{description:<width$}\n", width = length - 1).as_bytes());
    header
}
