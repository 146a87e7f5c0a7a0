//! A rule: a pattern with a label, and which records it is tried on.

use std::sync::Arc;

/// What a rule's pattern is searched for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// The message as it came, envelope included.
    #[default]
    Message,
    /// What its envelope holds.
    Body,
}

/// Which records a rule is tried on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All.
    #[default]
    Any,
    /// Those whose source is exactly this.
    Source(String),
    /// Those of one of these programs (in lower case), by their envelope or their source.
    Programs(Arc<[String]>),
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// What reports and `label_reason` call it; behind the name of its pack, if it has one.
    pub name: String,
    /// The label it gives.
    pub label: String,
    /// Regular expression, searched for anywhere in the subject.
    pub pattern: String,
    /// What the pattern is searched for in.
    pub subject: Subject,
    /// Texts of which every match has one, where the build script found such; empty elsewhere.
    pub literals: &'static [&'static str],
    /// Which records it is tried on.
    pub scope: Scope,
    /// The pack it belongs to.
    pub pack: Option<Arc<str>>,
    /// Line of the file it stands on, from 1; 0 when it comes from no file.
    pub line: usize,
    /// Messages that it must match.
    pub examples: Vec<String>,
    /// Messages that it must not match.
    pub counter_examples: Vec<String>,
}
