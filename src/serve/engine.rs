//! The one place where the server meets the rest of the program: bytes in, bytes out, counts.
//!
//! Everything here blocks and belongs on a thread of its own.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read, Write};

use crate::cascade::Cascade;
use crate::config::Config;
use crate::input::Limits;
use crate::input::open::{ColumnNames, open_csv};
use crate::llm::{Llm, LlmConfig};
use crate::output::Output;
use crate::pipeline::{Destination, Pipeline, RowFormat, Settings, Shape, Tally, header, new_columns};
use crate::progress::Progress;
use crate::record::Stage;

/// Bytes of a request that are worked on at a time. Smaller than on the command line, because several requests
/// share the memory.
const CHUNK_BYTES: usize = 256 << 10;
/// Longest record, in bytes.
const RECORD_BYTES: usize = 4 << 20;
/// Templates a request remembers at the least.
const TABLE_SIZE: usize = 50_000;

fn limits() -> Limits {
    Limits { chunk_bytes: CHUNK_BYTES, record_bytes: RECORD_BYTES, ..Limits::default() }
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
    /// The byte between fields.
    ///
    /// # Errors
    /// When it is none that can stand there.
    pub fn delimiter(&self) -> Result<u8> {
        match self.delimiter.as_deref().map(str::as_bytes) {
            None => Ok(b','),
            Some(b"tab" | b"\\t" | b"\t") => Ok(b'\t'),
            Some([byte]) if byte.is_ascii_graphic() && *byte != b'"' => Ok(*byte),
            Some(_) => bail!("delimiter: expected one ASCII character, or `tab`"),
        }
    }
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
    config: Config,
    columns: ColumnNames,
    llm: Option<LlmConfig>,
    threads: usize,
    plain: Cascade,
    explaining: Cascade,
}

impl Engine {
    /// An engine over `cascade`. `columns` says what columns are called unless a request says otherwise.
    pub fn new(
        config: Config,
        cascade: Cascade,
        columns: ColumnNames,
        llm: Option<LlmConfig>,
        threads: usize,
    ) -> Self {
        let explaining = cascade.clone().explaining(true);
        Self { config, columns, llm, threads, plain: cascade, explaining }
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

    /// Classifies the CSV in `input` into `output`, which errors call `name`.
    ///
    /// # Errors
    /// What the command line would say of the same file.
    pub fn classify(
        &self,
        input: Box<dyn Read + Send>,
        output: Box<dyn Write + Send>,
        name: &str,
        options: &Options,
    ) -> Result<Counts> {
        let delimiter = options.delimiter()?;
        let columns = self.columns(options);
        let limits = limits();
        let input = open_csv(input, Some(delimiter), &columns, limits)?;
        let new = new_columns(&input, &columns.label, options.explain)?;
        let cascade = if options.explain { &self.explaining } else { &self.plain };
        let llm = self.open_llm(cascade)?;
        let mut destination: Destination<'_> = Output::stream(output, name).into();
        destination.output.write(&header(&input.header, &new, delimiter, input.newline, false))?;
        let overwrite = input.layout.label.is_some();
        let shape = Shape::Csv { delimiter, newline: input.newline, overwrite, safe: false };
        let format = RowFormat::new(cascade.labels(), shape, options.explain);
        let settings = Settings { threads: self.threads, table_size: TABLE_SIZE };
        let tally = Pipeline::new(cascade, llm.as_ref(), settings).run(
            input.reader,
            &mut destination,
            &format,
            &mut Progress::new(None, true),
        )?;
        destination.output.finish()?;
        Ok(counts(&tally, cascade))
    }

    /// Says at once what [`Self::classify`] would say of the columns.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn check_header(&self, input: Box<dyn Read + Send>, options: &Options) -> Result<()> {
        let limits = limits();
        open_csv(input, Some(options.delimiter()?), &self.columns(options), limits).map(drop)
    }

    fn open_llm(&self, cascade: &Cascade) -> Result<Option<Llm>> {
        let Some(llm) = &self.llm else { return Ok(None) };
        Llm::new(llm, crate::commands::label_specs(&self.config, cascade.labels())).map(Some)
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
