//! The report as a page.

use std::fmt::Write;

use super::chart::{class_of, parts, sparkline, stacked};
use super::escape::html;
use super::figures::{Band, Figures, Line, Listed};
use super::words::{known, minute, share, short, span, stated};
use crate::console::{counted, grouped};

const STYLE: &str = include_str!("style.css");

/// The column that is only there where there are times.
const OVER_TIME: &str = "Over time";

/// The whole page, made at `time`.
pub fn page(figures: &Figures, title: &str, time: i64) -> String {
    let title = html(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Log report: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n<p class=\"kind\">Log report</p>\n\
         <h1><bdi>{title}</bdi></h1>\n"
    );
    let _ = writeln!(page, "<p>{}</p>\n</header>", html(&lead(figures)));
    contents(figures, &mut page);
    page.push_str("<main id=\"main\">\n");
    tiles(figures, &mut page);
    over_time(figures, &mut page);
    new(figures, &mut page);
    top(figures, &mut page);
    sources(figures, &mut page);
    unsure(figures, &mut page);
    runs(figures, &mut page);
    let _ = write!(
        page,
        "</main>\n<footer><p>Made by logclass {} at {} UTC. All times are in UTC. Examples are shown without what looks \
         like a secret.</p></footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        minute(time)
    );
    page
}

fn lead(figures: &Figures) -> String {
    let rows = counted(figures.rows, "row");
    let templates = counted(figures.templates, "template");
    match figures.times.filter(|_| figures.has_times()) {
        Some((first, last)) => format!("{rows} of {templates}, {} to {} UTC", minute(first), minute(last)),
        None => format!("{rows} of {templates}"),
    }
}

fn contents(figures: &Figures, page: &mut String) {
    page.push_str("<nav aria-label=\"Contents\"><ul>\n");
    let mut link = |id: &str, name: &str| {
        let _ = writeln!(page, "<li><a href=\"#{id}\">{name}</a></li>");
    };
    link("labels", "Labels");
    link("severities", "Severities");
    if figures.new.is_some() {
        link("new", "New");
    }
    link("top", "Templates");
    link("sources", "Sources");
    link("unsure", "Unsure");
    link("runs", "Runs");
    page.push_str("</ul></nav>\n");
}

fn tiles(figures: &Figures, page: &mut String) {
    let grave = ["Critical Error", "Security Alert", "Error", "Workflow Error"];
    let of = |label: &str| figures.labels.iter().find(|band| band.name == label).map(|band| band.rows);
    let mut tiles = vec![(figures.rows, "rows".to_owned(), String::new())];
    if let Some(new) = &figures.new {
        let count = (new.lines.len() + new.more) as u64;
        tiles.push((count, "new templates".to_owned(), "new".to_owned()));
    }
    for label in grave {
        if let Some(rows) = of(label) {
            tiles.push((rows, label.to_owned(), class_of(label)));
        }
    }
    page.push_str("<ul class=\"tiles\">\n");
    for (number, words, class) in tiles {
        let _ = writeln!(
            page,
            "<li class=\"{class}\"><strong>{}</strong> <span>{}</span></li>",
            grouped(number),
            html(&words)
        );
    }
    page.push_str("</ul>\n");
}

fn over_time(figures: &Figures, page: &mut String) {
    let charts = [
        ("labels", "Rows by label", &figures.labels),
        ("severities", "Rows by severity", &figures.severities),
    ];
    for (id, title, bands) in charts {
        let _ = writeln!(page, "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>");
        if figures.has_times() {
            page.push_str(&stacked(
                &format!("chart-{id}"),
                &format!("{title} over time"),
                bands,
                &figures.timeline,
            ));
            let outside = match figures.timeline.outside {
                0 => String::new(),
                rows => {
                    format!(" {} with times far from all others are not in the chart.", counted(rows, "row"))
                }
            };
            let _ = writeln!(
                page,
                "<p class=\"note\">Each bar is {}.{outside}</p>",
                span(figures.timeline.width())
            );
        } else if id == "labels" {
            page.push_str("<p class=\"note\">The rows state no times that differ, so there is nothing to show over time. \
                 <code>--time-column</code> names a column that has them.</p>\n");
        }
        table(page, figures, title, &["", "Rows", "Share", "Templates", OVER_TIME], |page| {
            for band in bands {
                band_row(figures, band, page);
            }
        });
        page.push_str("</section>\n");
    }
}

fn band_row(figures: &Figures, band: &Band, page: &mut String) {
    let class = class_of(&band.name);
    let _ = writeln!(
        page,
        "<tr><th scope=\"row\"><span class=\"swatch {class}\"></span>{}</th><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td>{}</tr>",
        html(stated(&band.name)),
        grouped(band.rows),
        html(&share(band.rows, figures.rows)),
        grouped(band.templates),
        spark(figures, &band.counts, &class)
    );
}

/// A cell with a sparkline where there are times, nothing where there are none: then there is no such column.
fn spark(figures: &Figures, counts: &[u64], class: &str) -> String {
    if figures.has_times() { format!("<td>{}</td>", sparkline(counts, class)) } else { String::new() }
}

/// A table in a region that scrolls by itself where the page is narrow, and is not called what its section is.
fn table(
    page: &mut String,
    figures: &Figures,
    caption: &str,
    columns: &[&str],
    rows: impl FnOnce(&mut String),
) {
    let caption = html(caption);
    let _ = write!(
        page,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {caption}\">\n<table>\n\
         <caption class=\"unseen\">{caption}</caption>\n<thead><tr>"
    );
    for column in columns.iter().filter(|column| **column != OVER_TIME || figures.has_times()) {
        if column.is_empty() {
            page.push_str("<td></td>");
        } else {
            let class = if ["Rows", "Share", "Templates", "Run", "New", "Rejected", "Took"].contains(column) {
                " class=\"n\""
            } else {
                ""
            };
            let _ = write!(page, "<th scope=\"col\"{class}>{column}</th>");
        }
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    rows(page);
    page.push_str("</tbody>\n</table>\n</div>\n");
}

fn new(figures: &Figures, page: &mut String) {
    let Some(new) = &figures.new else { return };
    page.push_str("<section aria-labelledby=\"new\">\n<h2 id=\"new\">New templates</h2>\n");
    if new.lines.is_empty() {
        page.push_str("<p>Nothing that was not there before.</p>\n");
    } else {
        page.push_str("<p class=\"note\">Not in any earlier run, the gravest first.</p>\n");
        lines(figures, "New templates", new, true, page);
    }
    page.push_str("</section>\n");
}

fn top(figures: &Figures, page: &mut String) {
    page.push_str("<section aria-labelledby=\"top\">\n<h2 id=\"top\">Most frequent templates</h2>\n");
    for (label, listed) in figures.labels.iter().zip(&figures.top) {
        let name = html(&label.name);
        let class = class_of(&label.name);
        let _ = writeln!(
            page,
            "<section class=\"label\"><h3><span class=\"swatch {class}\"></span>{name} <small>{}, {}</small></h3>",
            counted(label.rows, "row"),
            html(&share(label.rows, figures.rows))
        );
        lines(figures, &format!("Most frequent templates: {}", label.name), listed, false, page);
        page.push_str("</section>\n");
    }
    page.push_str("</section>\n");
}

fn unsure(figures: &Figures, page: &mut String) {
    page.push_str("<section aria-labelledby=\"unsure\">\n<h2 id=\"unsure\">Unsure</h2>\n");
    if figures.unsure.lines.is_empty() {
        page.push_str("<p>No template without a label, and none whose label is doubtful.</p>\n");
    } else {
        page.push_str(
            "<p class=\"note\">Without a label, or with one of little confidence. These are worth labelling by hand: \
             <code>logclass suggest</code> lists more, <code>logclass train</code> learns from them.</p>\n",
        );
        lines(figures, "Unsure templates", &figures.unsure, true, page);
    }
    page.push_str("</section>\n");
}

fn lines(figures: &Figures, caption: &str, listed: &Listed, labelled: bool, page: &mut String) {
    let columns: &[&str] = if labelled {
        &["Label", "Template and first line", "Rows", "Share", OVER_TIME, "First", "Last"]
    } else {
        &["Template and first line", "Rows", "Share", OVER_TIME, "First", "Last"]
    };
    table(page, figures, caption, columns, |page| {
        for line in &listed.lines {
            row(figures, line, labelled, page);
        }
    });
    if listed.more > 0 {
        let _ = writeln!(page, "<p class=\"note\">And {}.</p>", counted(listed.more as u64, "more template"));
    }
}

fn row(figures: &Figures, line: &Line, labelled: bool, page: &mut String) {
    let entry = &line.entry;
    let class = class_of(&entry.label);
    page.push_str("<tr>");
    if labelled {
        let _ = write!(
            page,
            "<td class=\"which\"><span class=\"swatch {class}\"></span>{}</td>",
            html(&entry.label)
        );
    }
    let severity = entry.severity.map_or(String::new(), |found| {
        format!("<span class=\"severity s-{}\">{}</span> ", found.as_str(), found.as_str())
    });
    let named: Vec<&str> = line.sources.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let source = match named[..] {
        [] => String::new(),
        [one] => format!(" from <bdi>{}</bdi>", html(&short(one))),
        [one, ..] => format!(" from <bdi>{}</bdi> and {} more", html(&short(one)), named.len() - 1),
    };
    let template =
        if entry.template.is_empty() { "(empty)".to_owned() } else { html(&short(&entry.template)) };
    let _ = write!(
        page,
        "<td class=\"what\">{severity}<code dir=\"auto\">{template}</code><p class=\"example\"><bdi>{}</bdi>{source}: \
         <q dir=\"auto\">{}</q></p></td>",
        html(&short(&entry.place())),
        html(&short(&entry.example))
    );
    let _ = writeln!(
        page,
        "<td class=\"n\">{}</td><td class=\"n\">{}</td>{}<td class=\"t\">{}</td><td class=\"t\">{}</td></tr>",
        grouped(line.rows),
        html(&share(line.rows, figures.rows)),
        spark(figures, &line.counts, &class),
        minute(entry.first),
        minute(entry.last)
    );
}

fn sources(figures: &Figures, page: &mut String) {
    page.push_str("<section aria-labelledby=\"sources\">\n<h2 id=\"sources\">Sources</h2>\n");
    table(page, figures, "Sources", &["Source", "Rows", "Share", "Templates", OVER_TIME, "Labels"], |page| {
        for source in &figures.sources {
            let most = source.labels.iter().zip(&figures.labels).max_by_key(|(rows, _)| **rows);
            let most = most
                .map_or(String::new(), |(&rows, band)| format!("{} {}", share(rows, source.rows), band.name));
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td>{}<td class=\"mix\">{}<span>{}</span></td></tr>",
                html(&short(stated(&source.name))),
                grouped(source.rows),
                html(&share(source.rows, figures.rows)),
                grouped(source.templates),
                spark(figures, &source.counts, "all"),
                parts(&source.labels, &figures.labels, source.rows),
                html(&most)
            );
        }
    });
    if figures.more_sources > 0 {
        let _ = writeln!(
            page,
            "<p class=\"note\">And {}.</p>",
            counted(figures.more_sources as u64, "more source")
        );
    }
    page.push_str("</section>\n");
}

fn runs(figures: &Figures, page: &mut String) {
    page.push_str("<section aria-labelledby=\"runs\">\n<h2 id=\"runs\">Runs</h2>\n");
    table(
        page,
        figures,
        "Runs",
        &["Run", "Begun", "Rows", "Templates", "New", "Rejected", "Took", "Inputs"],
        |page| {
            for run in &figures.runs {
                let number = if run.number == 0 { "–".to_owned() } else { run.number.to_string() };
                let _ = writeln!(
                    page,
                    "<tr><td class=\"n\">{number}</td><td class=\"t\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1} s</td><td><bdi>{}</bdi></td></tr>",
                    minute(run.time),
                    grouped(run.rows),
                    grouped(run.templates),
                    known(run.new_templates),
                    grouped(run.rejects),
                    run.seconds,
                    html(&short(&run.inputs.join(", ")))
                );
            }
        },
    );
    if figures.more_runs > 0 {
        let _ =
            writeln!(page, "<p class=\"note\">And {}.</p>", counted(figures.more_runs as u64, "earlier run"));
    }
    if figures.dropped > 0 {
        let _ = writeln!(
            page,
            "<p class=\"note\">{} {} given up to stay within <code>--history-size</code>: the totals of rows, labels and \
             severities include them, the charts, the templates and the sources do not.</p>",
            counted(figures.dropped, "template"),
            if figures.dropped == 1 { "was" } else { "were" }
        );
    }
    page.push_str("</section>\n");
}
