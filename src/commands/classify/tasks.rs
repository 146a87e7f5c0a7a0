//! Which inputs go to which outputs, and whether that can be done without losing rows.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::overlap::Files;
use super::options::{format_of, output_format_of};
use crate::cli::{Classify, OnBadRow};
use crate::config::Config;
use crate::error::usage;
use crate::output::{is_stderr, is_stdout};
use crate::session::{Format, OutputFormat, compression_named};

/// An input and where its rows go.
pub struct Task {
    /// The input; `-` is standard input.
    pub input: PathBuf,
    /// The output; nothing is standard output.
    pub output: Option<PathBuf>,
}

/// The inputs with their outputs: one to one, or several into a folder.
pub fn tasks(arguments: &Classify) -> Result<Vec<Task>> {
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
            return Err(usage("several inputs need a folder to write to: -o FOLDER/"));
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
            return Err(usage(format!(
                "{}: has no name for a file in {}",
                input.display(),
                folder.display()
            )));
        };
        let mut name = PathBuf::from(name);
        let packing = compression_named(&name);
        if packing.is_some() {
            name.set_extension("");
        }
        let mut name = name.into_os_string();
        if format_of(arguments, &input) == Format::Text && !is_columnar(arguments, &input) {
            let ndjson = output_format_of(arguments, None) == OutputFormat::Ndjson;
            name.push(if ndjson { ".ndjson" } else { ".csv" });
        }
        if let Some(packing) = packing {
            name.push(packing);
        }
        let output = folder.join(name);
        if let Some(other) = taken.insert(output.clone(), input.clone()) {
            return Err(usage(format!(
                "{} and {} would both be written to {}",
                other.display(),
                input.display(),
                output.display()
            )));
        }
        tasks.push(Task { input, output: Some(output) });
    }
    Ok(tasks)
}

#[cfg(feature = "columnar")]
fn is_columnar(arguments: &Classify, input: &Path) -> bool {
    super::columns::expected_kind(arguments, input).is_some()
}

#[cfg(not(feature = "columnar"))]
fn is_columnar(_arguments: &Classify, _input: &Path) -> bool {
    false
}

/// Refuses what would lose rows: files that are read and written at once, and rejects that go nowhere.
pub fn check(arguments: &Classify, config: &Config, tasks: &[Task]) -> Result<()> {
    let skips = arguments.on_bad_row == OnBadRow::Skip;
    if skips != arguments.rejects.is_some() {
        return Err(usage("--on-bad-row skip and --rejects FILE go together: rows are never dropped unseen"));
    }
    let watch = &arguments.watch;
    let files = Files::default()
        .stages(&arguments.stages)
        .reads(arguments.verdicts.as_deref(), "file of verdicts")
        .llm_cache(config, &arguments.llm)
        .writes(arguments.rejects.as_deref())
        .writes(arguments.summary.as_deref())
        .writes(watch.history.as_deref())
        .writes(watch.report.as_deref());
    let files = tasks.iter().fold(files, |files, task| {
        let output = task.output.as_deref().unwrap_or(Path::new("-"));
        files.input(Some(&task.input)).writes(Some(output))
    });
    files.check()?;
    if arguments.follow {
        // A file appears when the input ends, and a live one ends with the process.
        let late = |path: &&Path| {
            !is_stdout(path) && !is_stderr(path) && path.metadata().map_or(true, |found| found.is_file())
        };
        if arguments.output.as_deref().as_ref().is_some_and(late) {
            return Err(usage(
                "--follow with -o: a file appears when the input ends; write to standard output (>> FILE)",
            ));
        }
        for (flag, path) in [("--history", &watch.history), ("--report", &watch.report)] {
            if path.is_some() {
                return Err(usage(format!(
                    "--follow with {flag}: it is written when the input ends; --metrics ADDR tells of a live one"
                )));
            }
        }
        if arguments.rejects.as_deref().as_ref().is_some_and(late) {
            return Err(usage(
                "--follow with --rejects: a file appears when the input ends; write to /dev/stderr (2>> \
                 FILE)",
            ));
        }
    }
    Ok(())
}
