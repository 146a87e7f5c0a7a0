//! One side of a comparison, or what a report is about: a log, a labelled file or a history.

use anyhow::{Context, Result};
use std::path::Path;

use super::records::options;
use super::setup;
use crate::cli::Sides;
use crate::error::find;
use crate::history::{Collection, Counting, Observer, Run, Store, is_store, now};
use crate::input::open::{ColumnNames, Source};
use crate::input::{Column, InputError};
use crate::output::Output;
use crate::pipeline::{Destination, Resources};
use crate::progress::Progress;
use crate::session::{Opened, Options, Session};

/// Reads sides.
pub struct Reader<'a> {
    reading: &'a Sides,
    columns: ColumnNames,
    session: Session,
    /// Count in the order of the rows as well.
    in_order: bool,
}

impl<'a> Reader<'a> {
    /// A reader for these flags.
    pub fn new(reading: &'a Sides, in_order: bool) -> Result<Self> {
        let config = setup::config(reading.stages.config.as_deref())?;
        let cascade = setup::cascade(&reading.stages, &config, None, false)?;
        let resources = Resources { threads: setup::threads(&reading.running), table_size: 200_000 };
        let session = Session::new(cascade, None, resources);
        let mut columns = setup::columns(&reading.records, &config, reading.label_column.as_deref(), true);
        columns.time.clone_from(&reading.time_column);
        Ok(Self { reading, columns, session, in_order })
    }

    /// Reads a side.
    pub fn read(&self, path: &Path) -> Result<Collection> {
        if is_store(path) {
            return Store::new(path).load();
        }
        if path != Path::new("-") {
            return self.log(path, path);
        }
        // It is opened more than once.
        let mut kept = tempfile::NamedTempFile::new().context("standard input cannot be kept")?;
        std::io::copy(&mut std::io::stdin().lock(), &mut kept).context("standard input")?;
        self.log(kept.path(), path)
    }

    fn log(&self, path: &Path, named: &Path) -> Result<Collection> {
        let start = std::time::Instant::now();
        let time = now();
        let name = Source::new(Some(named)).name();
        let mut observer =
            Observer::new(Counting { now: time, in_order: self.in_order }, self.reading.history_size);
        observer.from_input(&name);
        let Sides { records, input_format, .. } = self.reading;
        let mut options = options(records, *input_format, &self.columns, Some(named))?;
        let opened = match self.open(path, &options) {
            Err(error) if self.may_lack_source(&error) => {
                options.columns.source = None;
                self.open(path, &options)
            }
            opened => opened,
        };
        let labelled = opened.and_then(Opened::begins_labelled).with_context(|| name.clone())?;
        let opened = self.open(path, &options).with_context(|| name.clone())?;
        let rows = if labelled {
            opened.observe(&mut observer).with_context(|| name.clone())?
        } else {
            let length = std::fs::metadata(path).ok().map(|found| found.len()).filter(|_| !opened.compressed);
            let mut progress = Progress::new(length, self.reading.running.quiet);
            let mut destination =
                Destination { observer: Some(&mut observer), ..Destination::from(Output::Nothing) };
            let tally = opened.run(&mut destination, &mut progress).with_context(|| name.clone());
            progress.clear();
            tally?.rows
        };
        let mut collection = observer.finish();
        let mut run = Run { time, rows, seconds: start.elapsed().as_secs_f64(), ..Run::default() };
        run.name_inputs(std::iter::once(name));
        run.labels = collection.labels();
        run.templates = collection.ids().len() as u64;
        collection.runs.push(run);
        Ok(collection)
    }

    fn open(&self, path: &Path, options: &Options) -> Result<Opened> {
        let (bytes, _) = Source::new(Some(path)).open()?;
        self.session.open(bytes, options)
    }

    /// Whether there is just no source column, and nobody said that there is one.
    fn may_lack_source(&self, error: &anyhow::Error) -> bool {
        self.reading.records.columns.source_column.is_none()
            && matches!(
                find::<InputError>(error),
                Some(InputError::MissingColumn { column: Column::Source, .. })
            )
    }
}
