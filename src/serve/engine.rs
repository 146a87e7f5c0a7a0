//! The one place where the server meets the rest of the program: bytes in, bytes out, counts.
//!
//! Everything here blocks and belongs on a thread of its own.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;

use crate::cascade::Cascade;
use crate::config::Config;
use crate::history::Observer;
use crate::input::decode::Bytes;
use crate::input::open::ColumnNames;
use crate::input::{Limits, Multiline};
use crate::label::LabelFilter;
use crate::llm::{Llm, LlmConfig, Report};
use crate::output::Output;
use crate::pipeline::{Added, Destination, Resources, Tally};
use crate::progress::Progress;
use crate::session::{Format, Opened, Options, OutputFormat, Session};
use crate::template::Template;
use crate::verdict::Stage;
use crate::verdicts::Verdicts;

/// Bytes of a request that are worked on at a time. Smaller than on the command line, because several
/// requests share the memory.
const CHUNK_BYTES: usize = 256 << 10;
/// Templates a request remembers at the least.
pub const TABLE_SIZE: usize = 50_000;

/// What a client may choose; also the query of a request.
#[expect(clippy::struct_excessive_bools, reason = "a flag of the query is a bool")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryOptions {
    /// Add stage, confidence and reason.
    pub explain: bool,
    /// Ask the encoder about every template.
    pub thorough: bool,
    /// Column of the source.
    pub source_column: Option<String>,
    /// The input has no source column.
    pub no_source: bool,
    /// Column of the message.
    pub message_column: Option<String>,
    /// Column of the severity.
    pub severity_column: Option<String>,
    /// Column of the time.
    pub time_column: Option<String>,
    /// Column to add.
    pub label_column: Option<String>,
    /// Overwrite the label column if there is one.
    pub overwrite: bool,
    /// Byte between fields, or `tab`.
    pub delimiter: Option<String>,
}

impl QueryOptions {
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

/// A session with the columns that requests have unless they say otherwise, ready for any number of them.
#[derive(Debug)]
pub struct Engine {
    columns: ColumnNames,
    bounds: Bounds,
    /// Its LLM is one for all requests, so that they share its budget.
    session: Session,
}

impl Engine {
    /// An engine over `cascade` that begins with these `verdicts`, if there are any. `columns` says what columns are called unless a request says otherwise.
    ///
    /// # Errors
    /// When the LLM cannot be asked as `llm` says.
    pub fn new(
        config: &Config,
        cascade: Cascade,
        columns: ColumnNames,
        llm: Option<&LlmConfig>,
        bounds: Bounds,
        verdicts: Option<Verdicts>,
    ) -> Result<Self> {
        let labels = || cascade.label_specs(config);
        let llm = llm.map(|llm| Llm::standing(llm, labels())).transpose()?;
        let resources = Resources { threads: bounds.threads, table_size: TABLE_SIZE };
        let session = Session::new(cascade, llm, resources).knowing(verdicts);
        Ok(Self { columns, bounds, session })
    }

    /// Loads the encoder, so that the first request does not wait for it and a broken one shows at once.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn warm_up(&self) -> Result<()> {
        self.session.cascade().by_encoder(&[&Template::of(b"warm up")]).map(drop)
    }

    /// What the server tells of its model: labels, encoder, program that trained it.
    pub fn describe(&self) -> Description {
        let cascade = self.session.cascade();
        let info = &cascade.head().info;
        Description {
            model: format!("{} labels, {} templates", info.labels.len(), info.training.templates),
            encoder: info.encoder.clone(),
            encoder_sha256: info.encoder_sha256.clone(),
            labels: cascade.labels().names().to_vec(),
            source_column: self.columns.source.clone(),
            message_column: self.columns.message.clone(),
            label_column: self.columns.label.clone(),
        }
    }

    /// The columns of a request.
    pub fn columns(&self, options: &QueryOptions) -> ColumnNames {
        let source = options.source_column.clone().or_else(|| self.columns.source.clone());
        ColumnNames {
            source: source.filter(|_| !options.no_source),
            message: options.message_column.clone().unwrap_or_else(|| self.columns.message.clone()),
            severity: options.severity_column.clone().or_else(|| self.columns.severity.clone()),
            time: options.time_column.clone(),
            label: options.label_column.clone().unwrap_or_else(|| self.columns.label.clone()),
            overwrite: options.overwrite,
            no_header: false,
            labelled: false,
            source_optional: false,
        }
    }

    /// Reads the beginning of `input` and finds the columns.
    ///
    /// # Errors
    /// What the command line would say of the same file.
    pub fn open(&self, input: Bytes, format: Format, query: &QueryOptions) -> Result<Opened> {
        let limits =
            Limits { chunk_bytes: CHUNK_BYTES, record_bytes: self.bounds.record_bytes, ..Limits::default() };
        let options = Options {
            format,
            text_output: OutputFormat::default(),
            columns: self.columns(query),
            delimiter: query.delimiter()?,
            added: Added { explanation: query.explain, ..Added::default() },
            thorough: query.thorough,
            filter: LabelFilter::All,
            multiline: Multiline::Auto,
            only_label: false,
            csv_safe: false,
            limits,
            decompressed_bytes: self.bounds.decompressed_bytes,
        };
        self.session.for_request().open(input, &options)
    }

    /// Classifies what was opened into `output`, which errors call `name`, and shows its rows to `observer`.
    ///
    /// # Errors
    /// What the command line would say of the same file.
    pub fn classify(
        &self,
        opened: Opened,
        output: Box<dyn Write + Send>,
        name: &str,
        observer: &mut Observer,
    ) -> Result<Counts> {
        let mut destination = Destination { observer: Some(observer), ..Output::stream(output, name).into() };
        let tally = opened.run(&mut destination, &mut Progress::new(None, true))?;
        destination.output.finish()?;
        Ok(counts(&tally, self.session.cascade()))
    }

    /// Whether an LLM is configured.
    pub fn has_llm(&self) -> bool {
        self.session.has_llm()
    }

    /// What the LLM did since the start, if there is one.
    pub fn llm_report(&self) -> Option<Report> {
        self.session.llm_report()
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
