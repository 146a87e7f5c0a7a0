//! Columnar inputs: opened and run like any other, though neither a line nor a header of theirs is text.

use anyhow::Result;

use super::{Options, Session};
use crate::columnar::{self, Input, Wanted};
use crate::pipeline::{Destination, Pipeline, Tally};
use crate::progress::Progress;

/// A columnar input whose beginning was read and found to be in order.
pub struct OpenedColumns {
    session: Session,
    opened: columnar::Opened,
}

impl Session {
    /// Reads the beginning of a columnar input and finds its columns; what `options` say of lines and headers
    /// does not concern it. `end_of_stream` says whether an Arrow stream that is written ends with the mark
    /// that says so.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or lacks a column.
    pub fn open_columns(
        &self,
        input: Input,
        options: &Options,
        end_of_stream: bool,
    ) -> Result<OpenedColumns> {
        let labels = self.cascade.labels();
        let wanted = Wanted::new(&options.columns, options.added, labels, &options.filter);
        let opened = columnar::open(input, &Wanted { limits: options.limits, end_of_stream, ..wanted })?;
        Ok(OpenedColumns {
            session: self.explaining(options.added.explanation).thorough(options.thorough),
            opened,
        })
    }
}

impl OpenedColumns {
    /// Classifies the input into `destination`, which is not made final.
    ///
    /// # Errors
    /// When reading, encoding or writing fails.
    pub fn run(self, destination: &mut Destination<'_>, progress: &mut Progress) -> Result<Tally> {
        let Self { session, opened } = self;
        let columnar::Opened { source, mut sink } = opened;
        let pipeline = Pipeline::new(session.stages(), session.resources);
        let tally = pipeline.run(source, destination, &mut *sink, progress)?;
        sink.finish(destination)?;
        Ok(tally)
    }
}
