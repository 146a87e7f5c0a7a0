//! `logclass history`: what a history holds, and how to prune and join histories.

use anyhow::Result;
use std::fmt::Write;
use std::path::Path;

use super::overlap::Files;
use crate::cli::HistoryCommand;
use crate::console::{counted, grouped, print};
use crate::error::{ExitStatus, usage};
use crate::history::report::escape::plain;
use crate::history::{Collection, Entry, ExportFormat, Store, export, now, rfc3339};
use crate::output::Output;
use crate::session::OutputFormat;

/// Runs the command.
pub fn run(command: &HistoryCommand) -> Result<ExitStatus> {
    match command {
        HistoryCommand::Info { file } => info(file),
        HistoryCommand::Export { file, output, format } => {
            let by_name = output.as_deref().map(OutputFormat::named);
            let by_name =
                if by_name == Some(OutputFormat::Ndjson) { ExportFormat::Ndjson } else { ExportFormat::Csv };
            Files::default().input(Some(file)).writes(output.as_deref()).check()?;
            let bytes = export(&Store::new(file).load()?, format.unwrap_or(by_name))?;
            let mut output = Output::create(output.as_deref())?;
            output.write(&bytes)?;
            output.finish()?;
            Ok(ExitStatus::Done)
        }
        HistoryCommand::Forget { file, label, source, containing, before, all: _ } => {
            let matches = |entry: &Entry| {
                label.as_ref().is_none_or(|wanted| entry.label == *wanted)
                    && source.as_ref().is_none_or(|wanted| entry.source == *wanted)
                    && containing.as_ref().is_none_or(|wanted| entry.template.contains(wanted.as_str()))
                    && before.is_none_or(|time| entry.last < time)
            };
            let gone = Store::new(file).forget(matches)?;
            print(format!("{} forgotten\n", counted(gone, "template")).as_bytes())
        }
        HistoryCommand::Merge { files, output, history_size } => {
            let target = Store::new(output);
            if target.exists() {
                return Err(usage(format!("{}: exists already: name a new file", output.display())));
            }
            let sides = files.iter().map(|file| Store::new(file).load()).collect::<Result<Vec<_>>>()?;
            let mut merged = Collection::merged(sides);
            let forgotten = merged.shrink(*history_size, now());
            target.create(&merged)?;
            let mut text = format!(
                "{}: {}, {}\n",
                output.display(),
                counted(merged.entries.len() as u64, "template"),
                counted(merged.runs.len() as u64, "run")
            );
            if forgotten > 0 {
                let _ = writeln!(
                    text,
                    "{} given up to stay within --history-size, the oldest and rarest first",
                    counted(forgotten, "template")
                );
            }
            print(text.as_bytes())
        }
    }
}

fn info(file: &Path) -> Result<ExitStatus> {
    let store = Store::new(file);
    let history = store.load()?;
    let mut text = format!(
        "file       {} ({} bytes, format {})\ntemplates  {}\nrows       {}\n",
        file.display(),
        grouped(store.bytes()?),
        Store::FORMAT,
        grouped(history.entries.len() as u64),
        grouped(history.rows())
    );
    let first = history.entries.values().map(|entry| entry.first).min();
    let last = history.entries.values().map(|entry| entry.last).max();
    if let (Some(first), Some(last)) = (first, last) {
        let _ = writeln!(text, "seen       {} to {}", rfc3339(first), rfc3339(last));
    }
    let mut labels: Vec<(String, u64)> = history.labels().into_iter().collect();
    labels.sort_by_key(|&(_, rows)| std::cmp::Reverse(rows)); // equals stay in the order of their names
    for (label, rows) in labels {
        let _ = writeln!(text, "  {:>12}  {label}", grouped(rows));
    }
    let _ = writeln!(text, "runs       {}", grouped(history.runs.len() as u64));
    for run in history.runs.iter().rev().take(10) {
        let new = run.new_templates.map_or(String::new(), |new| format!(", {} new", grouped(new)));
        let _ = writeln!(
            text,
            "  {:>4}  {}  {}, {}{new}  {}",
            run.number,
            rfc3339(run.time),
            counted(run.rows, "row"),
            counted(run.templates, "template"),
            plain(&run.inputs.join(", "))
        );
    }
    print(text.as_bytes())
}
