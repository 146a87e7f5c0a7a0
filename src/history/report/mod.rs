//! The report: one page about what a run saw or a history holds, to open, to print and to mail.
//!
//! It needs nothing else: no script, no font, no picture from anywhere. Everything that comes from a log goes through
//! [`escape`], in this module alone; the page's policy forbids scripts and resources, should that ever fail.

mod chart;
pub mod escape;
mod figures;
mod html;
mod markdown;
mod timeline;
mod words;

use super::collection::Collection;
use figures::Figures;
pub use figures::Subject;

/// The report as a page of HTML.
pub fn html(seen: &Collection, subject: Subject<'_>) -> String {
    html::page(&Figures::of(seen, subject.known), subject)
}

/// The report as Markdown.
pub fn markdown(seen: &Collection, subject: Subject<'_>) -> String {
    markdown::page(&Figures::of(seen, subject.known), subject)
}
