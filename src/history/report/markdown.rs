//! The report as Markdown, for tickets and chats.

use std::fmt::Write;

use super::escape::markdown;
use super::figures::{Figures, Listed};
use super::words::{known, minute, share, short, stated};
use crate::console::{counted, grouped};

/// The whole text.
pub fn page(figures: &Figures, title: &str) -> String {
    let mut page = format!("# Log report: {}\n\n", markdown(title));
    let _ = write!(page, "{}, {}", counted(figures.rows, "row"), counted(figures.templates, "template"));
    if let Some((first, last)) = figures.times.filter(|_| figures.has_times()) {
        let _ = write!(page, ", {} to {} UTC", minute(first), minute(last));
    }
    page.push_str("\n\n## Labels\n\n| label | rows | share | templates |\n| --- | ---: | ---: | ---: |\n");
    for band in &figures.labels {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            markdown(&band.name),
            grouped(band.rows),
            markdown(&share(band.rows, figures.rows)),
            grouped(band.templates)
        );
    }
    page.push_str("\n## Severities\n\n| severity | rows | share |\n| --- | ---: | ---: |\n");
    for band in &figures.severities {
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            stated(&band.name),
            grouped(band.rows),
            markdown(&share(band.rows, figures.rows))
        );
    }
    if let Some(new) = &figures.new {
        page.push_str("\n## New templates\n\n");
        if new.lines.is_empty() {
            page.push_str("Nothing that was not there before.\n");
        }
        lines(figures, new, &mut page);
    }
    for (label, listed) in figures.labels.iter().zip(&figures.top) {
        let _ = writeln!(page, "\n## {}: most frequent templates\n", markdown(&label.name));
        lines(figures, listed, &mut page);
    }
    page.push_str("\n## Sources\n\n| source | rows | share | templates |\n| --- | ---: | ---: | ---: |\n");
    for source in &figures.sources {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            markdown(&short(stated(&source.name))),
            grouped(source.rows),
            markdown(&share(source.rows, figures.rows)),
            grouped(source.templates)
        );
    }
    page.push_str("\n## Unsure\n\n");
    if figures.unsure.lines.is_empty() {
        page.push_str("No template without a label, and none whose label is doubtful.\n");
    }
    lines(figures, &figures.unsure, &mut page);
    page.push_str("\n## Runs\n\n| run | begun (UTC) | rows | templates | new | rejected | inputs |\n");
    page.push_str("| ---: | --- | ---: | ---: | ---: | ---: | --- |\n");
    for run in &figures.runs {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            if run.number == 0 { "–".to_owned() } else { run.number.to_string() },
            minute(run.time),
            grouped(run.rows),
            grouped(run.templates),
            known(run.new_templates),
            grouped(run.rejects),
            markdown(&short(&run.inputs.join(", ")))
        );
    }
    page
}

fn lines(figures: &Figures, listed: &Listed, page: &mut String) {
    if listed.lines.is_empty() {
        return;
    }
    page.push_str("| rows | share | label | template | first line | first (UTC) | last (UTC) |\n");
    page.push_str("| ---: | ---: | --- | --- | --- | --- | --- |\n");
    for line in &listed.lines {
        let entry = &line.entry;
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {}: {} | {} | {} |",
            grouped(line.rows),
            markdown(&share(line.rows, figures.rows)),
            markdown(&entry.label),
            markdown(&short(&entry.template)),
            markdown(&short(&entry.place())),
            markdown(&short(&entry.example)),
            minute(entry.first),
            minute(entry.last)
        );
    }
    if listed.more > 0 {
        let _ = writeln!(page, "\nAnd {}.", counted(listed.more as u64, "more template"));
    }
}
