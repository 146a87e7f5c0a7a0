//! `logclass classify`: records in, the same records with their labels out.

#[cfg(feature = "columnar")]
mod columns;
mod metrics;
mod options;
mod outcome;
mod tasks;
mod watch;

use anyhow::{Context, Result};
use std::path::Path;
use std::time::Instant;

use super::records::delimiter_note;
use super::setup;
use crate::cli::Classify;
use crate::console::tell;
use crate::error::{ExitStatus, exit_status_of, one_line};
use crate::history::Observer;
use crate::input::open::{ColumnNames, Source};
use crate::llm::Llm;
use crate::output::{Output, Rejects};
use crate::pipeline::{Destination, Resources, Tally};
use crate::progress::Progress;
use crate::session::{Opened, Session, is_json_named};
use crate::summary::InputSummary;
use options::options;
use outcome::{report, summarise};
use tasks::{Task, check, tasks};
use watch::{Watching, check_labels};

/// Runs the command.
pub fn run(arguments: &Classify) -> Result<ExitStatus> {
    let start = Instant::now();
    let tasks = tasks(arguments)?;
    let config = setup::config(arguments.stages.config.as_deref())?;
    check(arguments, &config, &tasks)?;
    let llm_config = setup::llm_config(&config, &arguments.llm);
    let cascade = setup::cascade(&arguments.stages, &config, arguments.min_confidence, llm_config.is_some())?
        .thorough(arguments.thorough);
    let llm = match &llm_config {
        Some(llm) => {
            let labels = cascade.label_specs(&config);
            Some(if arguments.dry_run { Llm::rehearsal(llm, labels)? } else { Llm::new(llm, labels)? })
        }
        None => None,
    };
    let threads = setup::threads(&arguments.running);
    let resources = Resources { threads, table_size: arguments.table_size };
    let verdicts = setup::verdicts(arguments.verdicts.as_deref(), &cascade, resources.table_size)?;
    let session = Session::new(cascade, llm, resources).knowing(verdicts);
    let mut columns =
        setup::columns(&arguments.reading, &config, arguments.label_column.as_deref(), arguments.overwrite);
    columns.time.clone_from(&arguments.watch.time_column);
    check_labels(arguments, session.cascade().labels())?;
    let mut watching = Watching::begin(arguments)?;
    let mut rejects = match &arguments.rejects {
        Some(path) if !arguments.dry_run => Some(Rejects::create(path)?),
        _ => None,
    };
    // Last of all that can be refused, and before any output takes its place.
    let summary_output = arguments.summary.as_deref().map(Output::prepare).transpose()?;
    let run = Run { arguments, columns, session };
    let mut total = Tally::new(run.session.cascade().labels().len());
    let mut inputs = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let done =
            run.classify(task, rejects.as_mut(), watching.observer.as_mut()).and_then(|(tally, output)| {
                // No row is missing from an output that is not found among the rejects: those take their place
                // first.
                if index + 1 == tasks.len()
                    && let Some(rejects) = rejects.take()
                {
                    rejects.finish()?;
                }
                output.finish()?;
                Ok(tally)
            });
        let mut told = InputSummary {
            input: Source::new(Some(&task.input)).name(),
            output: task.output.as_deref().map_or_else(String::new, |path| path.display().to_string()),
            ..InputSummary::default()
        };
        match done {
            Ok(tally) => {
                (told.rows, told.rejects) = (tally.rows, tally.rejects);
                total.add(&tally);
            }
            // One failing file does not spoil the others.
            Err(error) if tasks.len() > 1 && exit_status_of(&error) != ExitStatus::Usage => {
                tell(&format!("logclass: {}\n", one_line(&error)));
                told.error = Some(one_line(&error));
                // They are in the list all the same.
                told.rejects = rejects.as_ref().map_or(0, Rejects::count);
                total.rejects += told.rejects;
            }
            Err(error) => return Err(error),
        }
        inputs.push(told);
    }
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    let failed = inputs.iter().any(|input| input.error.is_some());
    let mut summary = summarise(&total, run.session.cascade(), run.session.llm_report());
    summary.encoded = run.session.verdicts().encoded();
    summary.lexical = run.session.verdicts().early();
    summary.took(start.elapsed());
    watching.end(&tasks, &mut summary, failed)?;
    if tasks.len() > 1 {
        summary.inputs = inputs;
    }
    summary.took(start.elapsed());
    report(arguments, &summary, summary_output)?;
    Ok(if failed {
        ExitStatus::Failed
    } else if !summary.alerts.is_empty() {
        ExitStatus::Alert
    } else if total.unanswered_rows > 0 || total.rejects > 0 {
        ExitStatus::Partial
    } else {
        ExitStatus::Done
    })
}

/// What the tasks of a run share.
struct Run<'a> {
    arguments: &'a Classify,
    columns: ColumnNames,
    session: Session,
}

impl Run<'_> {
    /// Classifies one input; the output is written, and not yet in its place.
    fn classify(
        &self,
        task: &Task,
        mut rejects: Option<&mut Rejects>,
        mut observer: Option<&mut Observer>,
    ) -> Result<(Tally, Output)> {
        let arguments = self.arguments;
        let output = task.output.as_deref();
        let source = Source::new(Some(&task.input));
        let name = source.name();
        let options = options(arguments, &self.columns, &task.input, output)?;
        if let Some(rejects) = &mut rejects {
            rejects.from_input(&name);
        }
        if let Some(observer) = &mut observer {
            observer.from_input(&name);
        }
        let (bytes, length) = source.open()?;
        #[cfg(feature = "columnar")]
        let bytes = match columns::kind_of(arguments, &task.input, bytes).with_context(|| name.clone())? {
            (None, bytes) => {
                columns::check_rows(arguments, &task.input, output)?;
                bytes
            }
            (Some(kind), bytes) => {
                let input = columns::open(arguments, kind, &task.input, output, bytes)?;
                let open = self.session.for_request();
                let opened = open.open_columns(input, &options, !arguments.no_end_of_stream);
                let opened = opened.with_context(|| name.clone())?;
                return self.run(task, rejects, observer, None, |destination, progress| {
                    opened.run(destination, progress)
                });
            }
        };
        // Each input has its own questions: one that fails does not take the others with it.
        let opened = self.session.for_request().open(bytes, &options).with_context(|| name.clone())?;
        if arguments.format.is_none() {
            warn_of_guesses(&name, &task.input, &opened, &self.columns.message);
        }
        if !arguments.running.quiet {
            tell_notes(&name, &opened, arguments.format.is_none());
        }
        let length = length.filter(|_| !opened.compressed);
        self.run(task, rejects, observer, length, |destination, progress| opened.run(destination, progress))
    }

    /// Classifies an opened input of this many bytes, where that is known.
    fn run(
        &self,
        task: &Task,
        rejects: Option<&mut Rejects>,
        observer: Option<&mut Observer>,
        length: Option<u64>,
        run: impl FnOnce(&mut Destination<'_>, &mut Progress) -> Result<Tally>,
    ) -> Result<(Tally, Output)> {
        let arguments = self.arguments;
        let output = task.output.as_deref();
        let output = if arguments.dry_run { Output::Nothing } else { Output::create(output)? };
        let mut destination = Destination { output, rejects, observer, live: arguments.follow };
        let mut progress = Progress::new(length, arguments.running.quiet);
        let tally =
            run(&mut destination, &mut progress).with_context(|| Source::new(Some(&task.input)).name())?;
        Ok((tally, destination.output))
    }
}

/// How a file is read whose name and content leave it open: told even where little is, because it decides what
/// the output is.
fn warn_of_guesses(name: &str, input: &Path, opened: &Opened, message: &str) {
    if is_json_named(input) {
        tell(&format!(
            "logclass: warning: {name}: is read as ndjson, an object a line (--format says otherwise)\n"
        ));
    }
    if opened.json_lines() == Some(true) {
        tell(&format!(
            "logclass: warning: {name}: is read as text, though its first line is JSON with a field {message:?} \
             (--format ndjson reads that field, --format text is silent)\n"
        ));
    }
}

/// What the beginning of an input told that its reader may not expect.
fn tell_notes(name: &str, opened: &Opened, guessed: bool) {
    if opened.transcoded {
        tell(&format!("logclass: note: {name}: is UTF-16; the output is UTF-8\n"));
    }
    for line in opened.lines_passed() {
        tell(&format!("logclass: note: {name}: the line {line:?} is not taken for the header\n"));
    }
    if let Some(delimiter) = opened.sniffed_delimiter() {
        tell(&delimiter_note(name, delimiter));
    }
    if guessed && opened.json_lines() == Some(false) {
        tell(&format!(
            "logclass: note: {name}: is read as text, and its first line is JSON (--format ndjson and \
             --message-column FIELD read a field of it)\n"
        ));
    }
}
