//! `logclass learn`: logs in, a file of verdicts on their templates out.

use anyhow::{Context, Result};
use std::path::Path;

use super::overlap::Files;
use super::records;
use super::setup;
use crate::cli::Learn;
use crate::console::{counted, grouped, tell};
use crate::error::{ExitStatus, usage};
use crate::input::open::{ColumnNames, Source};
use crate::input::{BadRows, Limits};
use crate::output::Output;
use crate::pipeline::{Added, Destination, Resources, Tally};
use crate::progress::Progress;
use crate::session::{Options, Session, compression_named};
use crate::verdicts::{Identity, KeyMap, Verdicts, VerdictsFile, holds_verdicts};

/// Runs the command.
pub fn run(arguments: &Learn) -> Result<ExitStatus> {
    let output = arguments.output.as_path();
    if compression_named(output).is_some() {
        return Err(usage(format!(
            "{}: a file of verdicts is not compressed: name it otherwise",
            output.display()
        )));
    }
    let (files, logs): (Vec<&Path>, Vec<&Path>) =
        arguments.inputs.iter().map(AsRef::as_ref).partition(|path| holds_verdicts(path));
    let overlap = Files::default().stages(&arguments.stages).writes(Some(output));
    logs.iter().fold(overlap, |files, path| files.input(Some(path))).check()?;
    let config = setup::config(arguments.stages.config.as_deref())?;
    let cascade = setup::cascade(&arguments.stages, &config, arguments.min_confidence, false)?
        .thorough(arguments.thorough);
    let labels = cascade.labels().len();
    let identity = Identity::of(&cascade)?;
    let file = VerdictsFile::new(output, &identity, labels);
    // What cannot be added to is found out before any work is done; what can be is known from the start.
    let there = if output.is_file() { file.read()? } else { KeyMap::default() };
    let mut learned = there.clone();
    for path in files {
        learned.extend(VerdictsFile::new(path, &identity, labels).read()?);
    }
    let most = arguments.max_templates;
    let resources = Resources { threads: setup::threads(&arguments.running), table_size: most };
    let session = Session::new(cascade, None, resources).knowing(Some(Verdicts::with(learned, most)));
    let columns = setup::columns(&arguments.reading, &config, None, false);
    let mut tally = Tally::new(labels);
    for path in logs {
        tally.add(&read(arguments, &columns, &session, path)?);
    }
    let verdicts = session.verdicts();
    let forgotten = verdicts.forgotten();
    let mut fresh = verdicts.learned();
    fresh.retain(|key, _| !there.contains_key(key));
    let added = file.add(fresh, most)?;
    if !arguments.running.quiet {
        tell(&format!(
            "{}, {}, of which {} had to be encoded\n  {}: {} ({} new), {} bytes\n",
            counted(tally.rows, "row"),
            counted(tally.templates, "template"),
            grouped(verdicts.encoded()),
            output.display(),
            counted(added.templates as u64, "template"),
            grouped(added.new as u64),
            grouped(added.bytes as u64)
        ));
    }
    if tally.rejects > 0 {
        tell(&format!("logclass: warning: {} could not be read\n", counted(tally.rejects, "record")));
    }
    let left_out = forgotten + added.left_out as u64;
    if left_out > 0 {
        tell(&format!(
            "logclass: note: {}: {} left out to stay within --max-templates\n",
            output.display(),
            counted(left_out, "template")
        ));
    }
    Ok(ExitStatus::Done)
}

/// Classifies a log for what is learned of its templates.
fn read(arguments: &Learn, columns: &ColumnNames, session: &Session, path: &Path) -> Result<Tally> {
    let source = Source::new(Some(path));
    let name = source.name();
    let read = records::options(&arguments.reading, arguments.format, columns, Some(path))?;
    let options = Options {
        // Reasons are wanted by some, and looked for only here.
        added: Added { explanation: true, ..Added::default() },
        // A record that cannot be read has no template; a label that is there is in nobody's way.
        limits: Limits { bad_rows: BadRows::Skip, ..read.limits },
        only_label: true,
        ..read
    };
    let (bytes, length) = source.open()?;
    let opened = session.open(bytes, &options).with_context(|| name.clone())?;
    let length = length.filter(|_| !opened.compressed);
    let mut progress = Progress::new(length, arguments.running.quiet);
    opened.run(&mut Destination::from(Output::Nothing), &mut progress).with_context(|| name)
}
