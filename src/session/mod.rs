//! The one way in: a cascade with its options, opened on one input and run into one destination.
//!
//! ```text
//! Options ──┐
//! bytes ────┴─ Session::open ── Opened ── run(destination) ── Tally
//! ```
//!
//! The command line makes the options from its flags and the server from a request's query. What they have in
//! common, from the first byte to the last row, is here, once.

#[cfg(feature = "columnar")]
mod columnar;
mod format;

use anyhow::Result;
use std::sync::Arc;

use crate::cascade::Cascade;
use crate::history::{Observer, observe_labelled};
use crate::input::csv::CsvLayout;
use crate::input::decode::{Bytes, Decoded, decode};
use crate::input::open::{ColumnNames, CsvInput, open_csv, open_lines};
use crate::input::silence::Listening;
use crate::input::{Chunk, ChunkReader, JsonLayout, Limits, LineLayout, Multiline};
use crate::label::LabelFilter;
use crate::llm::{Llm, Report};
use crate::pipeline::{
    Added, Destination, Pipeline, Resources, RowFormat, Shape, Tally, header, new_columns, text_header,
};
use crate::progress::Progress;
#[cfg(feature = "columnar")]
pub use columnar::OpenedColumns;
pub use format::{Format, OutputFormat, compression_named, delimiter_named, extension, is_json_named};

/// What an input is and what becomes of it.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it is.
    pub format: Format,
    /// What its lines become, where it is text.
    pub text_output: OutputFormat,
    /// Its columns.
    pub columns: ColumnNames,
    /// Byte between its fields; nothing leaves that to the header.
    pub delimiter: Option<u8>,
    /// What is added beside the label.
    pub added: Added,
    /// Which rows are written.
    pub filter: LabelFilter,
    /// How lines of text become records.
    pub multiline: Multiline,
    /// Make cells harmless that a spreadsheet would run.
    pub csv_safe: bool,
    /// How it is read.
    pub limits: Limits,
    /// Bytes that it may become when it is decompressed.
    pub decompressed_bytes: u64,
}

/// Cascade, LLM and resources, for any number of inputs. Clones share them.
#[derive(Debug, Clone)]
pub struct Session {
    cascade: Cascade,
    llm: Option<Arc<Llm>>,
    resources: Resources,
}

impl Session {
    /// A session over `cascade`, which asks `llm` where a path leads to it.
    pub fn new(cascade: Cascade, llm: Option<Llm>, resources: Resources) -> Self {
        if let Some(llm) = &llm {
            llm.remember(resources.table_size);
        }
        Self { cascade, llm: llm.map(Arc::new), resources }
    }

    /// The same with an LLM of its own, within the same budget: to stop it stops nobody else.
    #[must_use]
    pub fn for_request(&self) -> Self {
        let llm = self.llm.as_ref().map(|llm| Arc::new(llm.for_request()));
        Self { llm, ..self.clone() }
    }

    /// The cascade.
    pub fn cascade(&self) -> &Cascade {
        &self.cascade
    }

    /// Whether there is an LLM.
    pub fn has_llm(&self) -> bool {
        self.llm.is_some()
    }

    /// What the LLM did, if there is one.
    pub fn llm_report(&self) -> Option<Report> {
        self.llm.as_ref().map(|llm| llm.report())
    }

    /// Reads the beginning of an input and finds its columns.
    ///
    /// # Errors
    /// When it cannot be read, is of a kind that is not understood, or lacks a column.
    pub fn open(&self, bytes: Bytes, options: &Options) -> Result<Opened> {
        let Records { body, compressed, transcoded } = Records::open(bytes, options)?;
        let session =
            Self { cascade: self.cascade.clone().explaining(options.added.explanation), ..self.clone() };
        let (added, filter) = (options.added, options.filter.clone());
        Ok(Opened { session, body, added, filter, compressed, transcoded })
    }
}

/// The records of an input, for whoever does something else with them than classify them.
pub struct Records {
    body: Body,
    compressed: bool,
    transcoded: bool,
}

impl Records {
    /// Reads the beginning of an input and finds its columns.
    ///
    /// # Errors
    /// When it cannot be read, is of a kind that is not understood, or lacks a column.
    pub fn open(bytes: Bytes, options: &Options) -> Result<Self> {
        let Decoded { bytes, compressed, transcoded } = decode(bytes, options.decompressed_bytes)?;
        Ok(Self { body: Body::open(bytes, options)?, compressed, transcoded })
    }

    /// The next chunk; nothing at the end.
    ///
    /// # Errors
    /// When reading fails, or a record cannot be taken.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        self.body.reader.next_chunk()
    }

    /// Names of the columns; none where the input is no CSV.
    pub fn columns(&self) -> &[String] {
        self.body.csv.as_ref().map_or(&[], |(names, _)| names)
    }

    /// Where the columns of a CSV are.
    pub fn csv_layout(&self) -> Option<CsvLayout> {
        self.body.csv.as_ref().map(|(_, layout)| *layout)
    }

    /// The delimiter that the header told, where nobody named one.
    pub fn sniffed_delimiter(&self) -> Option<u8> {
        self.body.sniffed_delimiter()
    }
}

/// An input whose beginning was read and found to be in order.
pub struct Opened {
    session: Session,
    body: Body,
    added: Added,
    filter: LabelFilter,
    /// Whether it was compressed, so that its length says nothing about that of its text.
    pub compressed: bool,
    /// Whether it was UTF-16; what is written is UTF-8.
    pub transcoded: bool,
}

impl Opened {
    /// The byte between the fields of a CSV.
    pub fn delimiter(&self) -> Option<u8> {
        self.body.delimiter()
    }

    /// The same, where nobody named it and the header told.
    pub fn sniffed_delimiter(&self) -> Option<u8> {
        self.body.sniffed_delimiter()
    }

    /// Lines before the header of a CSV that are none, and come back as they are.
    pub fn lines_passed(&self) -> &[String] {
        &self.body.passed
    }

    /// Of a text whose first line is a JSON object: whether that has a field with the name of the message's
    /// column, so that NDJSON may have been meant.
    pub fn json_lines(&self) -> Option<bool> {
        self.body.json
    }

    /// What makes the run end early where it waits for an LLM.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.session.llm.clone())
    }

    /// Whether its rows have labels already, as far as its header or its first record tells. Open it with
    /// `overwrite` to find out, and once more to go on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn begins_labelled(mut self) -> Result<bool> {
        match self.body.shape {
            Shape::Csv { overwrite, .. } => Ok(overwrite),
            Shape::Json { .. } => {
                let first = self.body.reader.next_chunk()?;
                Ok(first.is_some_and(|chunk| chunk.records.first().is_some_and(|one| one.label.end > 0)))
            }
            Shape::TextToCsv { .. } | Shape::TextToJson { .. } => Ok(false),
        }
    }

    /// Shows the rows of an input that is labelled to `observer`, under the labels they have; says how many.
    ///
    /// # Errors
    /// When reading fails.
    pub fn observe(self, observer: &mut Observer) -> Result<u64> {
        observe_labelled(self.body.reader, observer)
    }

    /// Classifies the input into `destination`, which is not made final.
    ///
    /// # Errors
    /// When reading, encoding or writing fails.
    pub fn run(self, destination: &mut Destination<'_>, progress: &mut Progress) -> Result<Tally> {
        let Self { session, body, added, filter, .. } = self;
        destination.output.write(&body.head)?;
        if destination.live {
            destination.output.flush()?;
        }
        let mut format = RowFormat::new(session.cascade.labels(), body.shape, added, &filter);
        Pipeline::new(&session.cascade, session.llm.as_deref(), session.resources).run(
            body.reader,
            destination,
            &mut format,
            progress,
        )
    }
}

/// Tells a run that nobody waits for it any more.
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

/// The records, and how they are written.
struct Body {
    reader: ChunkReader<Bytes>,
    /// What the output begins with.
    head: Vec<u8>,
    shape: Shape,
    /// Whether the delimiter was told by the header.
    sniffed: bool,
    /// The columns of a CSV.
    csv: Option<(Vec<String>, CsvLayout)>,
    /// Lines before the header that are none.
    passed: Vec<String>,
    /// Of a text whose first line is a JSON object: whether it has the message's field.
    json: Option<bool>,
}

impl Body {
    fn delimiter(&self) -> Option<u8> {
        self.csv.as_ref().map(|(_, layout)| layout.delimiter)
    }

    fn sniffed_delimiter(&self) -> Option<u8> {
        self.delimiter().filter(|_| self.sniffed)
    }

    fn open(bytes: Bytes, options: &Options) -> Result<Self> {
        match options.format {
            Format::Csv => Self::csv(bytes, options),
            Format::Ndjson => Self::ndjson(bytes, options),
            Format::Text => Self::text(bytes, options),
        }
    }

    fn csv(bytes: Bytes, options: &Options) -> Result<Self> {
        let Options { columns, csv_safe: safe, .. } = options;
        let input = open_csv(bytes, options.delimiter, columns, options.limits)?;
        let delimiter = input.layout.delimiter;
        let new = new_columns(&input, &columns.label, options.added)?;
        let overwrite = input.layout.label.is_some();
        let shape = Shape::Csv { delimiter, newline: input.newline, overwrite, safe: *safe };
        let head = if columns.no_header { input.header.clone() } else { header(&input, &new, *safe) };
        let CsvInput { reader, sniffed, passed, names, layout, .. } = input;
        Ok(Self { reader, head, shape, sniffed, csv: Some((names, layout)), passed, json: None })
    }

    fn ndjson(bytes: Bytes, options: &Options) -> Result<Self> {
        let columns = options.columns.clone();
        let shape = Shape::Json { label: columns.label.clone() };
        let layout = JsonLayout {
            message: columns.message,
            source: columns.source,
            label: columns.label,
            severity: columns.severity,
            time: columns.time,
            overwrite: columns.overwrite,
            added: options.added.names(),
        };
        let input = open_lines(bytes, LineLayout::Json(layout), &options.columns.message, options.limits)?;
        let (reader, head) = (input.reader, input.mark);
        Ok(Self { reader, head, shape, sniffed: false, csv: None, passed: Vec::new(), json: None })
    }

    fn text(bytes: Bytes, options: &Options) -> Result<Self> {
        let joins = options.multiline != Multiline::Off;
        // A live record of several lines ends when the next one begins, or when nothing comes for a while.
        let bytes: Bytes = if options.limits.live && joins { Box::new(Listening::new(bytes)) } else { bytes };
        let layout = LineLayout::Text(options.multiline.clone());
        let input = open_lines(bytes, layout, &options.columns.message, options.limits)?;
        let ColumnNames { message, label, .. } = options.columns.clone();
        let safe = options.csv_safe;
        let (head, shape) = match options.text_output {
            OutputFormat::Csv => {
                let mut names = vec![message.as_str(), label.as_str()];
                names.extend(options.added.names());
                (text_header(&names, safe), Shape::TextToCsv { safe })
            }
            OutputFormat::Ndjson => (Vec::new(), Shape::TextToJson { message, label }),
        };
        let (reader, json) = (input.reader, input.json);
        Ok(Self { reader, head, shape, sniffed: false, csv: None, passed: Vec::new(), json })
    }
}
