//! `logclass embed`: the vectors themselves, for whatever else they are good for.

use anyhow::{Context, Result};
use rayon::prelude::*;
use std::fmt::Write;
use std::path::Path;

use super::setup;
use crate::cli::{Embed, EmbedFormat};
use crate::config::Config;
use crate::encoder::{Encoder, parse_source};
use crate::error::ExitStatus;
use crate::input::open::{Source, open_csv};
use crate::input::{Chunk, Limits};
use crate::output::Output;
use crate::template::Template;

/// Runs the command.
pub fn run(arguments: &Embed) -> Result<ExitStatus> {
    let source = Source::new(arguments.input.as_deref());
    let (bytes, _) = source.open()?;
    let mut names = setup::columns(&arguments.columns, &Config::default(), None, true);
    names.source = None;
    let delimiter = setup::delimiter(&arguments.columns, arguments.input.as_deref());
    let mut csv = open_csv(bytes, delimiter, &names, Limits::default()).with_context(|| source.name())?;
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
    while let Some(chunk) = csv.reader.next_chunk().with_context(|| source.name())? {
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

fn by_name(path: Option<&Path>) -> EmbedFormat {
    match path.and_then(Path::extension).and_then(|extension| extension.to_str()) {
        Some("npy") => EmbedFormat::Npy,
        Some("csv") => EmbedFormat::Csv,
        _ => EmbedFormat::Ndjson,
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
