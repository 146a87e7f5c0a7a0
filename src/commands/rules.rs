//! `logclass rules check` and `rules test`: rules that can be trusted before a night run depends on them.

use anyhow::{Context, Result};
use std::fmt::Write;
use std::path::Path;

use super::setup;
use crate::cli::{Columns, RulesCommand};
use crate::config::Config;
use crate::error::{ExitStatus, UsageError};
use crate::input::Limits;
use crate::input::open::{Source, open_csv};
use crate::rules::{Rule, Rules};
use crate::summary::grouped;

/// Runs the command.
pub fn run(command: &RulesCommand) -> Result<ExitStatus> {
    match command {
        RulesCommand::Check { config } => check(config.as_deref()),
        RulesCommand::Test { input, config, columns, examples } => {
            test(input.as_deref(), config.as_deref(), columns, *examples)
        }
    }
}

fn load(path: Option<&Path>) -> Result<(Config, Rules, String)> {
    let config = setup::config(path)?;
    let name = path.map_or_else(|| "bundled rules".to_owned(), |path| path.display().to_string());
    let rules = Rules::new(config.rules.clone()).map_err(|error| UsageError(format!("{name}: {error:#}")))?;
    Ok((config, rules, name))
}

fn check(path: Option<&Path>) -> Result<ExitStatus> {
    let (_, rules, name) = load(path)?;
    let findings = findings(rules.rules());
    let mut text = String::new();
    for finding in &findings {
        let _ = writeln!(text, "{name}: {finding}");
    }
    let count = rules.rules().len();
    let _ = writeln!(text, "{name}: {count} rules, {} findings", findings.len());
    super::print(text.as_bytes())?;
    Ok(if findings.is_empty() { ExitStatus::Done } else { ExitStatus::Failed })
}

/// Duplicates, and rules that an earlier one always beats.
fn findings(rules: &[Rule]) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        for earlier in &rules[..index] {
            let covers = earlier.source.is_none() || earlier.source == rule.source;
            if earlier.name == rule.name {
                findings.push(format!(
                    "line {}: the name {:?} is taken by line {}",
                    rule.line, rule.name, earlier.line
                ));
            }
            if earlier.pattern == rule.pattern && covers {
                findings.push(format!(
                    "line {}: rule {:?} never matches first: rule {:?} (line {}) has the same pattern",
                    rule.line, rule.name, earlier.name, earlier.line
                ));
            } else if covers && shadows(&earlier.pattern, &rule.pattern) {
                findings.push(format!(
                    "line {}: rule {:?} never matches first: whatever it matches, rule {:?} (line {}) matches before",
                    rule.line, rule.name, earlier.name, earlier.line
                ));
            }
        }
    }
    findings
}

/// Whether `wide` matches everything that `narrow` does. Told for sure in the common case only: `narrow` is plain text,
/// perhaps with anchors, and `wide` is found in it.
fn shadows(wide: &str, narrow: &str) -> bool {
    let literal = narrow.trim_start_matches("(?i)").trim_start_matches('^').trim_end_matches('$');
    let plain = literal.replace("\\.", ".").replace("\\[", "[").replace("\\]", "]");
    if plain.contains(['\\', '*', '+', '?', '(', ')', '|', '{', '}'])
        || literal.contains(['.', '[']) && plain == literal
    {
        return false;
    }
    let Ok(wide_pattern) = regex::Regex::new(wide) else { return false };
    if wide.contains(['^', '$']) || wide.contains("\\b") {
        return false; // what stands around the text decides
    }
    let folded = narrow.starts_with("(?i)");
    wide_pattern.is_match(&plain)
        && (!folded
            || (wide_pattern.is_match(&plain.to_lowercase()) && wide_pattern.is_match(&plain.to_uppercase())))
}

fn test(input: Option<&Path>, path: Option<&Path>, columns: &Columns, examples: usize) -> Result<ExitStatus> {
    let (config, rules, name) = load(path)?;
    let source = Source::new(input);
    let (bytes, _) = source.open()?;
    let mut names = setup::columns(columns, &config, None, true);
    names.overwrite = true; // rows that are labelled already can be tested, too
    let delimiter = setup::delimiter(columns, input);
    let mut csv = open_csv(bytes, delimiter, &names, Limits::default()).with_context(|| source.name())?;
    let mut hits: Vec<Hits> = rules.rules().iter().map(|_| Hits::default()).collect();
    let mut left = Hits::default();
    while let Some(chunk) = csv.reader.next_chunk().with_context(|| source.name())? {
        for record in &chunk.records {
            let message = chunk.field(record.message);
            let source = chunk.field(record.source);
            let hit = rules.first_match(&source, &message).map_or(&mut left, |index| &mut hits[index]);
            hit.count(&message, examples, || chunk.line_of(record.start as usize));
        }
    }
    super::print(report(&name, &rules, &hits, &left).as_bytes())
}

#[derive(Default)]
struct Hits {
    rows: u64,
    examples: Vec<String>,
}

impl Hits {
    fn count(&mut self, message: &[u8], most: usize, line: impl Fn() -> u64) {
        self.rows += 1;
        if self.examples.len() < most {
            let text: String =
                String::from_utf8_lossy(message).split_whitespace().collect::<Vec<_>>().join(" ");
            let shown: String = text.chars().take(110).collect();
            self.examples.push(format!("line {}: {shown}", line()));
        }
    }
}

fn report(name: &str, rules: &Rules, hits: &[Hits], left: &Hits) -> String {
    let mut text = String::new();
    let mut matched = 0;
    for (rule, hit) in rules.rules().iter().zip(hits) {
        matched += hit.rows;
        let _ = writeln!(text, "{} -> {}: {} rows", rule.name, rule.label, grouped(hit.rows));
        for example in &hit.examples {
            let _ = writeln!(text, "    {example}");
        }
    }
    let _ = writeln!(text, "no rule: {} rows", grouped(left.rows));
    for example in &left.examples {
        let _ = writeln!(text, "    {example}");
    }
    let _ = writeln!(text, "{name}: {} of {} rows matched", grouped(matched), grouped(matched + left.rows));
    text
}
