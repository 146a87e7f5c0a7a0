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

use std::collections::HashSet;

use super::collection::Collection;
use super::entry::Id;
use figures::Figures;

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What it is called.
    pub title: &'a str,
    /// Templates that were known before, where a run is held against a history.
    pub known: Option<&'a HashSet<Id>>,
    /// When it is made, in seconds since 1970.
    pub time: i64,
}

/// The report as a page of HTML.
pub fn html(seen: &Collection, subject: Subject<'_>) -> String {
    html::page(&Figures::of(seen, subject.known), subject)
}

/// The report as Markdown.
pub fn markdown(seen: &Collection, subject: Subject<'_>) -> String {
    markdown::page(&Figures::of(seen, subject.known), subject)
}
