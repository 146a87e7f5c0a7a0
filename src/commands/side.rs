//! One side of a comparison, or what a report is about: a log, a labelled file or a history.

use anyhow::{Context, Result};
use std::cell::OnceCell;
use std::path::Path;

use super::records::options;
use super::setup;
use crate::cli::Sides;
use crate::config::Config;
use crate::history::{Collection, Counting, Observer, Run, Store, is_store, now};
use crate::input::open::{ColumnNames, Source};
use crate::output::Output;
use crate::pipeline::{Destination, Resources};
use crate::progress::Progress;
use crate::session::{Records, Session};

/// Reads sides.
pub struct Reader<'a> {
    reading: &'a Sides,
    config: Config,
    columns: ColumnNames,
    /// Made for the first log that has no labels: nothing else needs a model.
    session: OnceCell<Session>,
    /// Count in the order of the rows as well.
    in_order: bool,
}

impl<'a> Reader<'a> {
    /// A reader for these flags.
    pub fn new(reading: &'a Sides, in_order: bool) -> Result<Self> {
        let config = setup::config(reading.stages.config.as_deref())?;
        let mut columns = setup::columns(&reading.records, &config, reading.label_column.as_deref(), true);
        columns.time.clone_from(&reading.time_column);
        // What nobody has named need not be there.
        columns.source_optional = reading.records.columns.source_column.is_none();
        Ok(Self { reading, config, columns, session: OnceCell::new(), in_order })
    }

    fn session(&self) -> Result<&Session> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let cascade = setup::cascade(&self.reading.stages, &self.config, None, false)?;
        let resources = Resources { threads: setup::threads(&self.reading.running), table_size: 200_000 };
        Ok(self.session.get_or_init(|| Session::new(cascade, None, resources)))
    }

    /// Reads a side, once.
    pub fn read(&self, path: &Path) -> Result<Collection> {
        if is_store(path) {
            return Store::new(path).load();
        }
        let start = std::time::Instant::now();
        let time = now();
        let source = Source::new(Some(path));
        let name = source.name();
        let mut observer =
            Observer::new(Counting { now: time, in_order: self.in_order }, self.reading.history_size);
        observer.from_input(&name);
        let options = options(&self.reading.records, self.reading.input_format, &self.columns, Some(path))?;
        let (bytes, length) = source.open()?;
        let mut records = Records::open(bytes, &options).with_context(|| name.clone())?;
        let rows = if records.begins_labelled().with_context(|| name.clone())? {
            records.observe(&mut observer).with_context(|| name.clone())?
        } else {
            let opened = self.session()?.classifying(records, &options);
            let length = length.filter(|_| !opened.compressed);
            let mut progress = Progress::new(length, self.reading.running.quiet);
            let mut destination =
                Destination { observer: Some(&mut observer), ..Destination::from(Output::Nothing) };
            opened.run(&mut destination, &mut progress).with_context(|| name.clone())?.rows
        };
        let mut collection = observer.finish();
        let mut run = Run { time, rows, seconds: start.elapsed().as_secs_f64(), ..Run::default() };
        run.name_inputs(std::iter::once(name));
        run.labels = collection.labels();
        run.templates = collection.ids().len() as u64;
        collection.runs.push(run);
        Ok(collection)
    }
}
