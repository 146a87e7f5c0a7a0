//! The one place where the server meets the rest of the program: bytes in, bytes out, counts.
//!
//! Everything here blocks and belongs on a thread of its own.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use crate::cascade::Cascade;
use crate::config::Config;
use crate::input::decode::{Bytes, decode};
use crate::input::open::{ColumnNames, open_csv, open_lines};
use crate::input::{ChunkReader, JsonLayout, Limits, LineLayout};
use crate::llm::{Llm, LlmConfig, Report};
use crate::output::Output;
use crate::pipeline::{
    Destination, EXPLAINED, Pipeline, RowFormat, Settings, Shape, Tally, header, new_columns,
};
use crate::progress::Progress;
use crate::record::Stage;

/// Bytes of a request that are worked on at a time. Smaller than on the command line, because several requests
/// share the memory.
const CHUNK_BYTES: usize = 256 << 10;
/// Templates a request remembers at the least.
const TABLE_SIZE: usize = 50_000;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV, or a form that holds one.
    Csv,
    /// A JSON object a line.
    Ndjson,
}

/// What a client may choose; also the query of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Add stage, confidence and reason.
    pub explain: bool,
    /// Column of the source.
    pub source_column: Option<String>,
    /// The input has no source column.
    pub no_source: bool,
    /// Column of the message.
    pub message_column: Option<String>,
    /// Column to add.
    pub label_column: Option<String>,
    /// Overwrite the label column if there is one.
    pub overwrite: bool,
    /// Byte between fields, or `tab`.
    pub delimiter: Option<String>,
}

impl Options {
    /// The byte between fields; nothing when the header is to tell.
    ///
    /// # Errors
    /// When it is none that can stand there.
    pub fn delimiter(&self) -> Result<Option<u8>> {
        match self.delimiter.as_deref().map(str::as_bytes) {
            None => Ok(None),
            Some(b"tab" | b"\\t" | b"\t") => Ok(Some(b'\t')),
            Some([byte]) if byte.is_ascii_graphic() && *byte != b'"' => Ok(Some(*byte)),
            Some(_) => bail!("delimiter: expected one ASCII character, or `tab`"),
        }
    }
}

/// An input whose beginning was read and found to be in order.
pub struct Opened {
    reader: ChunkReader<Bytes>,
    /// What the output begins with.
    head: Vec<u8>,
    shape: Shape,
    /// Byte between the fields of a CSV.
    pub delimiter: Option<u8>,
    explain: bool,
    llm: Option<Arc<Llm>>,
}

impl Opened {
    /// What makes the classification end early where it waits for an LLM.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.llm.clone())
    }
}

/// Tells a classification that nobody waits for it any more.
#[derive(Debug)]
pub struct Stopper(Option<Arc<Llm>>);

impl Stopper {
    /// Tells it.
    pub fn stop(&self) {
        if let Some(llm) = &self.0 {
            llm.withdraw();
        }
    }
}

/// What an engine may take, and how it runs.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Threads that classify a file.
    pub threads: usize,
    /// Longest record, in bytes.
    pub record_bytes: usize,
    /// Bytes that a compressed body may become.
    pub decompressed_bytes: u64,
}

/// The counts of a request.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counts {
    /// Rows classified.
    pub rows: u64,
    /// Distinct templates that no rule had settled.
    pub templates: u64,
    /// Rows per stage.
    pub stages: BTreeMap<&'static str, u64>,
    /// Rows per label, of the labels that were given.
    pub labels: BTreeMap<String, u64>,
    /// Rows that the LLM should have answered and could not.
    pub unanswered_rows: u64,
}

/// Cascade, columns and LLM, ready for any number of requests.
#[derive(Debug)]
pub struct Engine {
    columns: ColumnNames,
    /// One for all requests, so that they share its budget.
    llm: Option<Llm>,
    bounds: Bounds,
    plain: Cascade,
    explaining: Cascade,
}

impl Engine {
    /// An engine over `cascade`. `columns` says what columns are called unless a request says otherwise.
    ///
    /// # Errors
    /// When the LLM cannot be asked as `llm` says.
    pub fn new(
        config: &Config,
        cascade: Cascade,
        columns: ColumnNames,
        llm: Option<&LlmConfig>,
        bounds: Bounds,
    ) -> Result<Self> {
        let labels = || crate::commands::label_specs(config, cascade.labels());
        let llm = llm.map(|llm| Llm::standing(llm, labels())).transpose()?;
        let explaining = cascade.clone().explaining(true);
        Ok(Self { columns, llm, bounds, plain: cascade, explaining })
    }

    /// Loads the encoder, so that the first request does not wait for it and a broken one shows at once.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn warm_up(&self) -> Result<()> {
        self.plain.by_model(&["warm up"]).map(drop)
    }

    /// What the server tells of its model: labels, encoder, program that trained it.
    pub fn describe(&self) -> Description {
        let info = &self.plain.head().info;
        Description {
            model: format!("{} labels, {} templates", info.labels.len(), info.training.templates),
            encoder: info.encoder.clone(),
            encoder_sha256: info.encoder_sha256.clone(),
            llm: self.llm.is_some(),
            labels: self.plain.labels().names().to_vec(),
            source_column: self.columns.source.clone(),
            message_column: self.columns.message.clone(),
            label_column: self.columns.label.clone(),
        }
    }

    /// The columns of a request.
    pub fn columns(&self, options: &Options) -> ColumnNames {
        let source = options.source_column.clone().or_else(|| self.columns.source.clone());
        ColumnNames {
            source: source.filter(|_| !options.no_source),
            message: options.message_column.clone().unwrap_or_else(|| self.columns.message.clone()),
            label: options.label_column.clone().unwrap_or_else(|| self.columns.label.clone()),
            overwrite: options.overwrite,
            no_header: false,
        }
    }

    /// Reads the beginning of `input` and finds the columns.
    ///
    /// # Errors
    /// What the command line would say of the same file.
    pub fn open(&self, input: Bytes, format: Format, options: &Options) -> Result<Opened> {
        let columns = self.columns(options);
        let explain = options.explain;
        let limits =
            Limits { chunk_bytes: CHUNK_BYTES, record_bytes: self.bounds.record_bytes, ..Limits::default() };
        let llm = self.llm.as_ref().map(|llm| Arc::new(llm.for_request()));
        let input = decode(input, self.bounds.decompressed_bytes)?.bytes;
        match format {
            Format::Csv => {
                let input = open_csv(input, options.delimiter()?, &columns, limits)?;
                let delimiter = input.layout.delimiter;
                let new = new_columns(&input, &columns.label, explain)?;
                let head = header(&input.header, &new, delimiter, input.newline, false);
                let overwrite = input.layout.label.is_some();
                let shape = Shape::Csv { delimiter, newline: input.newline, overwrite, safe: false };
                Ok(Opened { reader: input.reader, head, shape, delimiter: Some(delimiter), explain, llm })
            }
            Format::Ndjson => {
                let shape = Shape::Json { label: columns.label.clone() };
                let layout = JsonLayout {
                    message: columns.message,
                    source: columns.source,
                    label: columns.label,
                    overwrite: columns.overwrite,
                    added: if explain { &EXPLAINED } else { &[] },
                };
                let (reader, mark) = open_lines(input, LineLayout::Json(layout), limits)?;
                Ok(Opened { reader, head: mark.to_vec(), shape, delimiter: None, explain, llm })
            }
        }
    }

    /// Classifies what was opened into `output`, which errors call `name`.
    ///
    /// # Errors
    /// What the command line would say of the same file.
    pub fn classify(&self, opened: Opened, output: Box<dyn Write + Send>, name: &str) -> Result<Counts> {
        let cascade = if opened.explain { &self.explaining } else { &self.plain };
        let mut destination: Destination<'_> = Output::stream(output, name).into();
        destination.output.write(&opened.head)?;
        let format = RowFormat::new(cascade.labels(), opened.shape, opened.explain);
        let settings = Settings { threads: self.bounds.threads, table_size: TABLE_SIZE };
        let tally = Pipeline::new(cascade, opened.llm.as_deref(), settings).run(
            opened.reader,
            &mut destination,
            &format,
            &mut Progress::new(None, true),
        )?;
        destination.output.finish()?;
        Ok(counts(&tally, cascade))
    }

    /// What the LLM did since the start, if there is one.
    pub fn llm_report(&self) -> Option<Report> {
        self.llm.as_ref().map(Llm::report)
    }
}

/// What the server tells of its engine.
#[derive(Debug, Clone, Serialize)]
pub struct Description {
    /// The model, in a few words.
    pub model: String,
    /// Its encoder.
    pub encoder: String,
    /// SHA-256 of the encoder's weights.
    pub encoder_sha256: String,
    /// Whether an LLM is configured.
    pub llm: bool,
    /// Every label a row can get.
    pub labels: Vec<String>,
    /// Column of the source, unless a request names another.
    pub source_column: Option<String>,
    /// Column of the message, unless a request names another.
    pub message_column: String,
    /// Column that is added, unless a request names another.
    pub label_column: String,
}

fn counts(tally: &Tally, cascade: &Cascade) -> Counts {
    let labels = cascade.labels().names().iter().cloned().zip(tally.labels.iter().copied());
    Counts {
        rows: tally.rows,
        templates: tally.templates,
        stages: Stage::ALL.iter().map(|stage| stage.name()).zip(tally.stages).collect(),
        labels: labels.filter(|(_, rows)| *rows > 0).collect(),
        unanswered_rows: tally.unanswered_rows,
    }
}
