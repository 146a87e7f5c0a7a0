//! The one way in: a cascade with its options, opened on one input and run into one destination.
//!
//! ```text
//! Options ──┐
//! bytes ────┴─ Session::open ── Opened ── run(destination) ── Tally
//! ```
//!
//! The command line makes the options from its flags and the server from a request's query. What they have in
//! common, from the first byte to the last row, is here, once.
//!
//! Who holds rows in memory instead of an input has a [`Classifier`] over the same session. What is learned
//! of a template by any of these is known to all of them.

mod body;
mod classifier;
#[cfg(feature = "columnar")]
mod columnar;
mod format;
mod options;

use anyhow::Result;
use std::sync::Arc;

use crate::cascade::Cascade;
use crate::history::{Observer, observe_labelled};
use crate::input::Chunk;
use crate::input::csv::CsvLayout;
use crate::input::decode::{Bytes, Decoded, decode};
use crate::label::LabelFilter;
use crate::llm::{Llm, Report};
pub use crate::pipeline::Row;
use crate::pipeline::{Added, Destination, Pipeline, Resources, RowFormat, Shape, Stages, Tally};
use crate::progress::Progress;
use crate::verdicts::Verdicts;
use body::Body;
pub use classifier::Classifier;
#[cfg(feature = "columnar")]
pub use columnar::OpenedColumns;
pub use format::{Format, OutputFormat, compression_named, delimiter_named, extension, is_json_named};
pub use options::Options;

/// Cascade, LLM and resources, for any number of inputs. Clones share them.
#[derive(Debug, Clone)]
pub struct Session {
    cascade: Cascade,
    llm: Option<Arc<Llm>>,
    verdicts: Arc<Verdicts>,
    resources: Resources,
}

impl Session {
    /// A session over `cascade`, which asks `llm` where a path leads to it.
    pub fn new(cascade: Cascade, llm: Option<Llm>, resources: Resources) -> Self {
        if let Some(llm) = &llm {
            llm.remember(resources.table_size);
        }
        let verdicts = Arc::new(Verdicts::new(resources.table_size));
        Self { cascade, llm: llm.map(Arc::new), verdicts, resources }
    }

    /// The same with these verdicts to begin with, if there are any: those of its cascade.
    #[must_use]
    pub fn knowing(self, verdicts: Option<Verdicts>) -> Self {
        let verdicts = verdicts.map_or(self.verdicts, Arc::new);
        Self { verdicts, ..self }
    }

    /// What the model has said so far, to anybody.
    pub fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// The same, whose verdicts carry their reason or do not.
    fn explaining(&self, explain: bool) -> Self {
        Self { cascade: self.cascade.clone().explaining(explain), ..self.clone() }
    }

    /// The same, which asks the encoder about every template if `thorough` says so.
    fn thorough(self, thorough: bool) -> Self {
        Self { cascade: self.cascade.thorough(thorough), ..self }
    }

    fn stages(&self) -> Stages<'_> {
        Stages { cascade: &self.cascade, verdicts: &self.verdicts, llm: self.llm.as_deref(), stop: None }
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
        Ok(self.classifying(Records::open(bytes, options)?, options))
    }

    /// An input that was opened with the same options already, to be classified.
    pub fn classifying(&self, records: Records, options: &Options) -> Opened {
        let Records { body, compressed, transcoded } = records;
        let session = self.explaining(options.added.explanation).thorough(options.thorough);
        let (added, filter) = (options.added, options.filter.clone());
        Opened { session, body, added, filter, compressed, transcoded }
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

    /// Whether its rows have labels already, as far as its header or its first record tells, if it was opened
    /// with `overwrite`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn begins_labelled(&mut self) -> Result<bool> {
        match self.body.shape {
            Shape::Csv { overwrite, .. } => Ok(overwrite),
            Shape::Json { .. } => {
                let first = self.body.reader.peek()?.and_then(|chunk| chunk.records.first());
                Ok(first.is_some_and(|record| record.label.end > 0))
            }
            _ => Ok(false),
        }
    }

    /// Shows the rows of an input that is labelled to `observer`, under the labels they have; says how many.
    ///
    /// # Errors
    /// When reading fails.
    pub fn observe(self, observer: &mut Observer) -> Result<u64> {
        observe_labelled(self.body.reader, observer)
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
        let format = RowFormat::new(session.cascade.labels(), body.shape, added, &filter);
        let mut format = format.with_unreadable(body.unreadable);
        Pipeline::new(session.stages(), session.resources).run(
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
