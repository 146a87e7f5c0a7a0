//! `logclass diff`: what differs between two sides, beyond chance.

use anyhow::Result;

use super::overlap::Files;
use super::side::Reader;
use crate::cli::Diff;
use crate::console::tell;
use crate::error::{ExitStatus, usage};
use crate::history::alert::Evidence;
use crate::history::diff::{Names, compare, render};
use crate::output::Output;

/// Runs the command.
pub fn run(arguments: &Diff) -> Result<ExitStatus> {
    if arguments.old == arguments.new && arguments.old.as_os_str() == "-" {
        return Err(usage("only one side can be standard input"));
    }
    Files::default()
        .stages(&arguments.reading.stages)
        .input(Some(&arguments.old))
        .input(Some(&arguments.new))
        .writes(arguments.output.as_deref())
        .check()?;
    let reader = Reader::new(&arguments.reading, true)?;
    let old = reader.read(&arguments.old)?;
    let new = reader.read(&arguments.new)?;
    let comparison = compare(&old, &new, arguments.by_source);
    let (old_name, new_name) = (arguments.old.display().to_string(), arguments.new.display().to_string());
    let names = Names { old: &old_name, new: &new_name };
    let bytes = render(&comparison, names, arguments.format, arguments.limit, arguments.all)?;
    let mut output = Output::create(arguments.output.as_deref())?;
    output.write(&bytes)?;
    output.finish()?;
    let (known, labels) = (old.ids(), new.labels());
    let evidence =
        Evidence { seen: &new, known: Some(&known), comparison: Some(&comparison), labels: &labels };
    let mut status = ExitStatus::Done;
    for alert in arguments.fail_on.iter().filter_map(|condition| condition.check(evidence)) {
        tell(&format!("logclass: {alert}\n"));
        status = ExitStatus::Alert;
    }
    Ok(status)
}
