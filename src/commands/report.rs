//! `logclass report`: a page about a log, a labelled file or a history.

use anyhow::Result;
use std::path::Path;

use super::overlap::Files;
use super::side::Reader;
use crate::cli::{Report, ReportFormat};
use crate::error::ExitStatus;
use crate::history::now;
use crate::history::report::Report as Page;
use crate::output::Output;

/// Runs the command.
pub fn run(arguments: &Report) -> Result<ExitStatus> {
    Files::default()
        .stages(&arguments.reading.stages)
        .input(Some(&arguments.input))
        .writes(arguments.output.as_deref())
        .check()?;
    let seen = Reader::new(&arguments.reading, false)?.read(&arguments.input)?;
    let name = arguments.input.display().to_string();
    let title = arguments.title.as_deref().unwrap_or(&name);
    let page = Page::of(&seen, None, now());
    let format = arguments.format.or_else(|| arguments.output.as_deref().map(format_of));
    let format = format.unwrap_or(ReportFormat::Html);
    write_report(&page, title, arguments.output.as_deref(), format)?;
    Ok(ExitStatus::Done)
}

/// Writes a report to its place.
pub fn write_report(report: &Page, title: &str, path: Option<&Path>, format: ReportFormat) -> Result<()> {
    let text = match format {
        ReportFormat::Html => report.html(title),
        ReportFormat::Markdown => report.markdown(title),
    };
    let mut output = Output::create(path)?;
    output.write(text.as_bytes())?;
    output.finish()
}

/// The format that a report's name stands for.
pub fn format_of(path: &Path) -> ReportFormat {
    let markdown = path
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case("md") || found.eq_ignore_ascii_case("markdown"));
    if markdown { ReportFormat::Markdown } else { ReportFormat::Html }
}
