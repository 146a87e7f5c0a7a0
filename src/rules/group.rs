//! Rules in groups of one scope and subject, each compiled together when it is first needed.

use regex::bytes::{Regex, RegexSet, RegexSetBuilder};
use std::sync::OnceLock;

use super::rule::Subject;

/// Why a pattern compiles.
const TESTED: &str = "a user's rules were compiled by `Rules::new`, the bundled ones by a test";

/// Rules of one scope and subject, compiled together when they are first needed.
#[derive(Debug)]
pub(super) struct Group {
    /// Their places among all rules, ascending.
    pub places: Vec<usize>,
    pub patterns: Vec<String>,
    pub literals: Vec<&'static [&'static str]>,
    pub subject: Subject,
    /// Some of them are a user's own, whose pattern may name a tab or a byte as it stands in the message.
    pub of_user: bool,
    compiled: OnceLock<Compiled>,
}

/// The patterns of a group, ready to match. Those with literals are tried, and compiled, only when a text has one of them.
#[derive(Debug)]
pub(super) struct Compiled {
    /// The other patterns, and which of the group they are.
    others: RegexSet,
    others_of: Vec<usize>,
    singles: Vec<OnceLock<Regex>>,
}

/// Memory the lazy automaton may take per thread before it starts over, in bytes. The default of 2 MiB thrashes
/// on a hundred patterns.
const AUTOMATON_BYTES: usize = 32 << 20;

/// What was found of the rules that match a record.
#[derive(Debug)]
pub(super) struct Found {
    /// The first of them.
    pub first: Option<usize>,
    /// All of them, in no order, where they are asked for.
    pub all: Option<Vec<usize>>,
}

impl Found {
    /// Whether it matters if this rule matches.
    pub fn wants(&self, place: usize) -> bool {
        self.all.is_some() || self.first.is_none_or(|first| place < first)
    }

    /// A rule that matches.
    pub fn add(&mut self, place: usize) {
        self.first = Some(self.first.map_or(place, |first| first.min(place)));
        if let Some(all) = &mut self.all {
            all.push(place);
        }
    }
}

impl Group {
    /// A group without rules.
    pub fn new(subject: Subject) -> Self {
        let (places, patterns, literals) = Default::default();
        Self { places, patterns, literals, subject, of_user: false, compiled: OnceLock::new() }
    }

    /// The patterns, compiled.
    ///
    /// # Errors
    /// When they are together too large.
    pub fn compile(&self) -> Result<&Compiled, regex::Error> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let is_other = |index: &usize| self.literals[*index].is_empty();
        let others_of: Vec<usize> = (0..self.patterns.len()).filter(is_other).collect();
        let others = RegexSetBuilder::new(others_of.iter().map(|&index| &self.patterns[index]))
            .size_limit(64 << 20)
            .dfa_size_limit(AUTOMATON_BYTES)
            .build()?;
        let singles = self.patterns.iter().map(|_| OnceLock::new()).collect();
        Ok(self.compiled.get_or_init(|| Compiled { others, others_of, singles }))
    }

    fn ready(&self) -> &Compiled {
        self.compile().expect(TESTED)
    }

    /// Tries the patterns without literals.
    pub fn try_others(&self, text: &[u8], found: &mut Found) {
        let compiled = self.ready();
        // Most records match no rule of a group, which is found out faster than which one they match.
        if !compiled.others_of.is_empty() && compiled.others.is_match(text) {
            let matches = compiled.others.matches(text);
            matches.into_iter().for_each(|index| found.add(self.places[compiled.others_of[index]]));
        }
    }

    /// Tries the pattern with this index, of which the text has a literal.
    pub fn try_single(&self, index: usize, text: &[u8], found: &mut Found) {
        let place = self.places[index];
        if !found.wants(place) {
            return;
        }
        let compile = || Regex::new(&self.patterns[index]).expect(TESTED);
        if self.ready().singles[index].get_or_init(compile).is_match(text) {
            found.add(place);
        }
    }
}
