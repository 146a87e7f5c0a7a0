//! The report: one page about what a run saw or a history holds, to open, to print and to mail.
//!
//! It needs nothing else: no script, no font, no picture from anywhere. Everything that comes from a log goes through
//! [`escape`], in this module alone; the page's policy forbids scripts and resources, should that ever fail.

mod chart;
pub mod escape;
mod figures;
mod html;
mod json;
mod markdown;
mod timeline;
mod words;

use std::collections::HashSet;

use super::collection::Collection;
use super::entry::Id;
use figures::Figures;

/// What is told of a collection. It is small, whatever that holds.
#[derive(Debug)]
pub struct Report {
    figures: Figures,
    /// When it was made, in seconds since 1970.
    time: i64,
}

impl Report {
    /// A report of what was seen. `known` are the templates of earlier runs, where a run is held against a history.
    pub fn of(seen: &Collection, known: Option<&HashSet<Id>>, time: i64) -> Self {
        Self { figures: Figures::of(seen, known), time }
    }

    /// As a page of HTML.
    pub fn html(&self, title: &str) -> String {
        html::page(&self.figures, title, self.time)
    }

    /// As Markdown.
    pub fn markdown(&self, title: &str) -> String {
        markdown::page(&self.figures, title)
    }

    /// Rows over time and the most frequent templates, for a page that shows them itself.
    pub fn json(&self) -> serde_json::Value {
        json::object(&self.figures)
    }
}
