//! `logclass classify`: a CSV in, the same rows with their labels out.

use anyhow::{Context, Result};
use std::path::Path;
use std::time::Instant;

use super::setup;
use crate::cascade::Cascade;
use crate::cli::Classify;
use crate::error::ExitStatus;
use crate::input::Limits;
use crate::input::open::{CsvInput, Source, open_csv};
use crate::llm::{Llm, Report, Unanswered};
use crate::output::Output;
use crate::pipeline::{Pipeline, RowFormat, Settings, Tally, header};
use crate::progress::Progress;
use crate::record::Stage;
use crate::summary::{LlmEstimate, LlmSummary, Summary};

/// Columns that `--explain` adds.
const EXPLAINED: [&str; 3] = ["label_stage", "label_confidence", "label_reason"];

/// Runs the command.
pub fn run(arguments: &Classify) -> Result<ExitStatus> {
    let start = Instant::now();
    let config = setup::config(arguments.stages.config.as_deref())?;
    let llm_config = setup::llm_config(&config, &arguments.llm, !arguments.no_llm);
    let cascade = setup::cascade(&arguments.stages, &config, arguments.min_confidence, llm_config.is_some())?
        .explaining(arguments.explain);
    let llm = match &llm_config {
        Some(llm) => {
            let labels = setup::label_specs(&config, cascade.labels());
            Some(if arguments.dry_run { Llm::rehearsal(llm, labels)? } else { Llm::new(llm, labels)? })
        }
        None => None,
    };
    let columns =
        setup::columns(&arguments.columns, &config, arguments.label_column.as_deref(), arguments.overwrite);
    let source = Source::new(arguments.input.as_deref());
    refuse_same_file(arguments.input.as_deref(), arguments.output.as_deref())?;
    let (bytes, length) = source.open()?;
    let limits = Limits { record_bytes: arguments.max_record_bytes, ..Limits::default() };
    let delimiter = setup::delimiter(&arguments.columns, arguments.input.as_deref());
    let input = open_csv(bytes, delimiter, &columns, limits).with_context(|| source.name())?;

    let mut output =
        if arguments.dry_run { Output::Nothing } else { Output::create(arguments.output.as_deref())? };
    let overwrite = input.layout.label.is_some();
    let new = new_columns(&input, &columns.label, arguments.explain)?;
    output.write(&header(&input.header, &new, delimiter, input.newline))?;
    let format = RowFormat::new(cascade.labels(), delimiter, input.newline, arguments.explain, overwrite);
    let settings = Settings { threads: setup::threads(&arguments.running), table_size: arguments.table_size };
    let mut progress = Progress::new(length, arguments.running.quiet);
    let tally = Pipeline::new(&cascade, llm.as_ref(), settings)
        .run(input.reader, &mut output, &format, &mut progress)
        .with_context(|| source.name());
    progress.clear();
    let tally = tally?;
    output.finish()?;

    let mut summary = summarise(&tally, &cascade, llm.as_ref());
    summary.took(start.elapsed());
    report(arguments, &summary)?;
    Ok(if tally.unanswered_rows > 0 { ExitStatus::Partial } else { ExitStatus::Done })
}

/// The columns to add.
fn new_columns<'a>(input: &CsvInput, label: &'a str, explain: bool) -> Result<Vec<&'a str>> {
    let mut new = Vec::new();
    if input.layout.label.is_none() {
        new.push(label);
    }
    if explain {
        if let Some(taken) = EXPLAINED.iter().find(|column| input.names.iter().any(|name| name == *column)) {
            anyhow::bail!("there is a column {taken:?} already: --explain would add another");
        }
        new.extend(EXPLAINED);
    }
    Ok(new)
}

/// Reading a file while replacing it is refused, by whatever names it goes.
fn refuse_same_file(input: Option<&Path>, output: Option<&Path>) -> Result<()> {
    let (Some(input), Some(output)) = (input, output) else { return Ok(()) };
    let same = match (std::fs::canonicalize(input), std::fs::canonicalize(output)) {
        (Ok(a), Ok(b)) => a == b || same_inode(&a, &b),
        _ => false,
    };
    if same {
        crate::usage!("{}: is the input, too: write to another file and rename it", output.display());
    }
    Ok(())
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
        eprint!("{}", summary.for_people());
    }
    let Some(llm) = &summary.llm else { return Ok(()) };
    if llm.unanswered_rows > 0 {
        let why = llm.switched_off.as_ref().or(llm.first_failure.as_ref());
        eprintln!(
            "logclass: warning: the LLM did not answer for {} rows ({}); they have what rules and model say, or Unclassified",
            llm.unanswered_rows,
            why.map_or("no reason known", String::as_str)
        );
    }
    if let Some(why) = &llm.cache_failure {
        eprintln!("logclass: warning: LLM answers are not kept: {why}");
    }
    Ok(())
}
