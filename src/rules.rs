//! The regex stage: the first rule whose pattern matches a message gives its label.
//!
//! All patterns are matched together, in one pass over the message, whatever their number; file order decides
//! among those that match. Rules see the raw message, not its template.

use anyhow::{Result, anyhow};
use regex::bytes::{RegexBuilder, RegexSet, RegexSetBuilder};

/// A rule as the configuration states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What reports and `label_reason` call it.
    pub name: String,
    /// The label it gives.
    pub label: String,
    /// Regular expression, searched for anywhere in the message.
    pub pattern: String,
    /// Only records of this source, when set.
    pub source: Option<String>,
    /// Line of the configuration file it stands on, from 1; 0 when it comes from no file.
    pub line: usize,
}

/// Compiled rules.
#[derive(Debug, Clone)]
#[allow(clippy::struct_field_names)] // they are the rules
pub struct Rules {
    rules: Vec<Rule>,
    patterns: RegexSet,
    any_source: bool,
}

/// Memory the lazy automaton may take per thread before it starts over, in bytes. The default of 2 MiB thrashes
/// on a hundred patterns.
const AUTOMATON_BYTES: usize = 32 << 20;

impl Rules {
    /// Compiles `rules`, which keep their order.
    ///
    /// # Errors
    /// Names the first rule whose pattern is no regular expression, or says that all together are too large.
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        for rule in &rules {
            RegexBuilder::new(&rule.pattern).build().map_err(|error| {
                anyhow!("line {}: rule {:?}: {}", rule.line, rule.name, last_line(&error.to_string()))
            })?;
        }
        let patterns = RegexSetBuilder::new(rules.iter().map(|rule| &rule.pattern))
            .size_limit(64 << 20)
            .dfa_size_limit(AUTOMATON_BYTES)
            .build()
            .map_err(|error| anyhow!("rules: {}", last_line(&error.to_string())))?;
        let any_source = rules.iter().all(|rule| rule.source.is_none());
        Ok(Self { rules, patterns, any_source })
    }

    /// The rules in file order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Index of the first rule that matches.
    pub fn first_match(&self, source: &[u8], message: &[u8]) -> Option<usize> {
        if self.rules.is_empty() {
            return None;
        }
        if self.any_source && !self.patterns.is_match(message) {
            return None;
        }
        self.all_matches(source, message).next()
    }

    /// Indices of all rules that match, in file order.
    pub fn all_matches<'a>(&'a self, source: &'a [u8], message: &[u8]) -> impl Iterator<Item = usize> + 'a {
        self.patterns.matches(message).into_iter().filter(move |&index| {
            self.rules[index].source.as_ref().is_none_or(|wanted| wanted.as_bytes() == source)
        })
    }
}

/// The sentence of a regex error, without the drawing above it.
fn last_line(error: &str) -> &str {
    error.lines().last().unwrap_or(error).trim_start_matches("error: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, pattern: &str, source: Option<&str>) -> Rule {
        Rule {
            name: name.to_owned(),
            label: name.to_owned(),
            pattern: pattern.to_owned(),
            source: source.map(str::to_owned),
            line: 1,
        }
    }

    #[test]
    fn the_first_rule_in_file_order_wins() {
        let rules = Rules::new(vec![rule("a", "disk", None), rule("b", "disk full", None)]).unwrap();
        assert_eq!(rules.first_match(b"x", b"the disk full"), Some(0));
        assert_eq!(rules.first_match(b"x", b"all well"), None);
    }

    #[test]
    fn a_rule_with_a_source_leaves_other_sources_alone() {
        let rules = Rules::new(vec![rule("a", "up", Some("Router")), rule("b", "(?i)UP", None)]).unwrap();
        assert_eq!(rules.first_match(b"Router", b"link up"), Some(0));
        assert_eq!(rules.first_match(b"Switch", b"link up"), Some(1));
    }

    #[test]
    fn messages_that_are_not_utf8_are_matched() {
        let rules = Rules::new(vec![rule("a", "down$", None)]).unwrap();
        assert_eq!(rules.first_match(b"", b"\xff\xfe link down"), Some(0));
    }

    #[test]
    fn a_broken_pattern_is_named_with_its_line() {
        let error = Rules::new(vec![rule("broken", "a(b", None)]).unwrap_err().to_string();
        assert!(error.starts_with("line 1: rule \"broken\": unclosed group"), "{error}");
    }
}
