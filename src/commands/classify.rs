//! `logclass classify`: records in, the same records with their labels out.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::format::{self, Opened};
use super::setup;
use crate::cascade::Cascade;
use crate::cli::{Classify, Format, OnBadRow, OutputFormat};
use crate::error::{ExitStatus, exit_status_of, one_line};
use crate::input::open::{ColumnNames, Source};
use crate::llm::{Llm, Report, Unanswered};
use crate::output::{Output, Rejects, followed, is_stderr, is_stdout};
use crate::pipeline::{Destination, Pipeline, RowFormat, Settings, Tally};
use crate::progress::Progress;
use crate::record::Stage;
use crate::summary::{InputSummary, LlmEstimate, LlmSummary, Summary};

/// Runs the command.
pub fn run(arguments: &Classify) -> Result<ExitStatus> {
    let start = Instant::now();
    let tasks = tasks(arguments)?;
    check(arguments, &tasks)?;
    let config = setup::config(arguments.stages.config.as_deref())?;
    let llm_config = setup::llm_config(&config, &arguments.llm);
    let cascade = setup::cascade(&arguments.stages, &config, arguments.min_confidence, llm_config.is_some())?
        .explaining(arguments.explain);
    let llm = match &llm_config {
        Some(llm) => {
            let labels = setup::label_specs(&config, cascade.labels());
            Some(if arguments.dry_run { Llm::rehearsal(llm, labels)? } else { Llm::new(llm, labels)? })
        }
        None => None,
    };
    let mut columns =
        setup::columns(&arguments.columns, &config, arguments.label_column.as_deref(), arguments.overwrite);
    columns.no_header = arguments.no_header;
    let mut rejects = match &arguments.rejects {
        Some(path) if !arguments.dry_run => Some(Rejects::create(path)?),
        _ => None,
    };
    let run = Run { arguments, columns, cascade: &cascade, llm: llm.as_ref() };
    let mut total = Tally::new(cascade.labels().len());
    let mut inputs = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let done = run.classify(task, rejects.as_mut()).and_then(|(tally, output)| {
            // No row is missing from an output that is not found among the rejects: those take their place first.
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
                super::tell(&format!("logclass: {}\n", one_line(&error)));
                told.error = Some(one_line(&error));
            }
            Err(error) => return Err(error),
        }
        inputs.push(told);
    }
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    let failed = inputs.iter().any(|input| input.error.is_some());
    let mut summary = summarise(&total, &cascade, llm.as_ref());
    if tasks.len() > 1 {
        summary.inputs = inputs;
    }
    summary.took(start.elapsed());
    report(arguments, &summary)?;
    Ok(if failed {
        ExitStatus::Failed
    } else if total.unanswered_rows > 0 || total.rejects > 0 {
        ExitStatus::Partial
    } else {
        ExitStatus::Done
    })
}

/// An input and where its rows go.
struct Task {
    input: PathBuf,
    output: Option<PathBuf>,
}

/// What the tasks of a run share.
struct Run<'a> {
    arguments: &'a Classify,
    columns: ColumnNames,
    cascade: &'a Cascade,
    llm: Option<&'a Llm>,
}

impl Run<'_> {
    /// Classifies one input; the output is written, and not yet in its place.
    fn classify(&self, task: &Task, mut rejects: Option<&mut Rejects>) -> Result<(Tally, Output)> {
        let arguments = self.arguments;
        let output = task.output.as_deref();
        let Opened { reader, head, shape, length } =
            format::open(arguments, &self.columns, &task.input, output)?;
        let name = Source::new(Some(&task.input)).name();
        if let Some(rejects) = &mut rejects {
            rejects.from_input(&name);
        }
        let output = if arguments.dry_run { Output::Nothing } else { Output::create(output)? };
        let mut destination = Destination { output, rejects, live: arguments.follow };
        destination.output.write(&head)?;
        if arguments.follow {
            destination.output.flush()?;
        }
        let format = RowFormat::new(self.cascade.labels(), shape, arguments.explain);
        let settings =
            Settings { threads: setup::threads(&arguments.running), table_size: arguments.table_size };
        let mut progress = Progress::new(length, arguments.running.quiet);
        let tally = Pipeline::new(self.cascade, self.llm, settings)
            .run(reader, &mut destination, &format, &mut progress)
            .with_context(|| name);
        progress.clear();
        Ok((tally?, destination.output))
    }
}

/// The inputs with their outputs: one to one, or several into a folder.
fn tasks(arguments: &Classify) -> Result<Vec<Task>> {
    let folder = arguments
        .output
        .as_deref()
        .filter(|path| path.is_dir() || path.to_string_lossy().ends_with(std::path::is_separator));
    let mut inputs = arguments.inputs.clone();
    if inputs.is_empty() {
        inputs.push(PathBuf::from("-"));
    }
    let Some(folder) = folder else {
        if inputs.len() > 1 {
            crate::usage!("several inputs need a folder to write to: -o FOLDER/");
        }
        let input = inputs.swap_remove(0);
        return Ok(vec![Task { input, output: arguments.output.clone() }]);
    };
    if !arguments.dry_run {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut taken: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut tasks = Vec::new();
    for input in inputs {
        let Some(name) = input.file_name().filter(|_| input != Path::new("-")) else {
            crate::usage!("{}: has no name for a file in {}", input.display(), folder.display());
        };
        let mut name = PathBuf::from(name);
        let packed = |wanted: &str| name.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted));
        let packing = [".gz", ".zst"].into_iter().find(|packing| packed(&packing[1..]));
        if packing.is_some() {
            name.set_extension("");
        }
        let mut name = name.into_os_string();
        if format::format(arguments, &input) == Format::Text {
            let ndjson = format::output_format(arguments, None) == OutputFormat::Ndjson;
            name.push(if ndjson { ".ndjson" } else { ".csv" });
        }
        if let Some(packing) = packing {
            name.push(packing);
        }
        let output = folder.join(name);
        if let Some(other) = taken.insert(output.clone(), input.clone()) {
            crate::usage!(
                "{} and {} would both be written to {}",
                other.display(),
                input.display(),
                output.display()
            );
        }
        tasks.push(Task { input, output: Some(output) });
    }
    Ok(tasks)
}

/// Refuses what would lose rows: files that are read and written at once, and rejects that go nowhere.
fn check(arguments: &Classify, tasks: &[Task]) -> Result<()> {
    let skips = arguments.on_bad_row == OnBadRow::Skip;
    if skips != arguments.rejects.is_some() {
        crate::usage!("--on-bad-row skip and --rejects FILE go together: rows are never dropped unseen");
    }
    let stdin = Path::new("/dev/stdin");
    let stdout = Path::new("/dev/stdout");
    let written = tasks
        .iter()
        .map(|task| task.output.as_deref())
        .chain([arguments.rejects.as_deref(), arguments.summary.as_deref()].into_iter().flatten().map(Some));
    let written: Vec<&Path> =
        written.map(|path| path.filter(|path| !is_stdout(path)).unwrap_or(stdout)).collect();
    for (index, output) in written.iter().enumerate() {
        for task in tasks {
            let input = if task.input == Path::new("-") { stdin } else { &task.input };
            if same_file(input, output) {
                crate::usage!("{}: is the input, too: write to another file and rename it", output.display());
            }
        }
        if written[..index].iter().any(|other| {
            let both_stdout = *other == stdout && *output == stdout;
            both_stdout || same_file(other, output) || !output.exists() && place(other) == place(output)
        }) {
            crate::usage!("{}: two outputs cannot be written to one file", output.display());
        }
    }
    if arguments.follow {
        // A file appears when the input ends, and a live one ends with the process.
        let late = |path: &&Path| {
            !is_stdout(path) && !is_stderr(path) && path.metadata().map_or(true, |found| found.is_file())
        };
        if arguments.output.as_deref().as_ref().is_some_and(late) {
            crate::usage!(
                "--follow with -o: a file appears when the input ends; write to standard output (>> FILE)"
            );
        }
        if arguments.rejects.as_deref().as_ref().is_some_and(late) {
            crate::usage!(
                "--follow with --rejects: a file appears when the input ends; write to /dev/stderr (2>> FILE)"
            );
        }
    }
    Ok(())
}

/// Where a file that is not there yet would be made, the same for each of its names.
fn place(path: &Path) -> PathBuf {
    let target = followed(path);
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (std::fs::canonicalize(folder), target.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => target,
    }
}

/// Whether two names are of one regular file.
fn same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::canonicalize(a), std::fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a.is_file() && (a == b || same_inode(&a, &b)),
        _ => false,
    }
}

#[cfg(unix)]
fn same_inode(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.is_file() && a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_inode(_a: &Path, _b: &Path) -> bool {
    false
}

fn summarise(tally: &Tally, cascade: &Cascade, llm: Option<&Llm>) -> Summary {
    let stages = Stage::ALL.iter().zip(tally.stages).map(|(stage, rows)| (stage.name().to_owned(), rows));
    let labels = cascade.labels().names().iter().cloned().zip(tally.labels.iter().copied());
    Summary {
        rows: tally.rows,
        rejects: tally.rejects,
        templates: tally.templates,
        stages: stages.collect(),
        labels: labels.collect(),
        llm: llm.map(|llm| llm_summary(tally, llm.report())),
        ..Summary::default()
    }
}

fn llm_summary(tally: &Tally, report: Report) -> LlmSummary {
    let unanswered = Unanswered::ALL.iter().zip(tally.unanswered).filter(|(_, rows)| *rows > 0);
    LlmSummary {
        requests: report.usage.requests,
        retries: report.usage.retries,
        from_cache: report.from_cache,
        prompt_tokens: report.usage.prompt_tokens,
        completion_tokens: report.usage.completion_tokens,
        cost: report.cost,
        answer_format: report.answer_format,
        estimate: report.estimate.map(|estimate| LlmEstimate {
            requests: estimate.requests,
            prompt_tokens: estimate.prompt_tokens,
            completion_tokens: estimate.completion_tokens,
            cost: estimate.cost,
        }),
        owed_rows: tally.owed_rows,
        unanswered_rows: tally.unanswered_rows,
        unanswered: unanswered.map(|(reason, rows)| (reason.name().to_owned(), rows)).collect(),
        first_failure: report.first_failure,
        switched_off: report.switched_off,
        cache_failure: report.cache_failure,
    }
}

fn report(arguments: &Classify, summary: &Summary) -> Result<()> {
    if let Some(path) = &arguments.summary {
        let mut file = Output::create(Some(path))?;
        let mut json = serde_json::to_vec_pretty(summary)?;
        json.push(b'\n');
        file.write(&json)?;
        file.finish()?;
    }
    if !arguments.running.quiet {
        super::tell(&summary.for_people());
    }
    if summary.rejects > 0 {
        super::tell(&format!(
            "logclass: warning: {} records could not be read; they are in {}\n",
            summary.rejects,
            arguments.rejects.as_deref().map_or_else(String::new, |path| path.display().to_string())
        ));
    }
    let Some(llm) = &summary.llm else { return Ok(()) };
    if llm.unanswered_rows > 0 {
        let why = llm.switched_off.as_ref().or(llm.first_failure.as_ref());
        super::tell(&format!(
            "logclass: warning: the LLM did not answer for {} rows ({}); they have what rules and model say, or Unclassified\n",
            llm.unanswered_rows,
            why.map_or("no reason known", String::as_str)
        ));
    }
    if let Some(why) = &llm.cache_failure {
        super::tell(&format!("logclass: warning: LLM answers are not kept: {why}\n"));
    }
    Ok(())
}
