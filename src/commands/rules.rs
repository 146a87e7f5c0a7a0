//! `logclass rules check` and `rules test`: rules that can be trusted before a night run depends on them.

use anyhow::Result;
use std::fmt::Write;
use std::path::Path;

use super::records::Records;
use super::setup;
use crate::cli::RulesCommand;
use crate::config::Config;
use crate::console::{counted, grouped, print};
use crate::error::{ExitStatus, UsageError};
use crate::rules::{self, Rules, packs};
use crate::template::open_front;

/// Runs the command.
pub fn run(command: &RulesCommand) -> Result<ExitStatus> {
    match command {
        RulesCommand::List { pack } => list(pack.as_deref()),
        RulesCommand::Check { config, rules } => check(config.as_deref(), rules),
        RulesCommand::Test { input, format, config, rules, reading, examples } => {
            let (config, rules, name) = load(config.as_deref(), rules)?;
            let columns = setup::columns(reading, &config, None, true);
            let mut records = Records::open(input.as_deref(), *format, reading, &columns)?;
            records.tell_delimiter();
            test(&mut records, &rules, &name, *examples)
        }
    }
}

/// The rules that the arguments pick, and a name for them.
fn load(config: Option<&Path>, picked: &[String]) -> Result<(Config, Rules, String)> {
    let name = match (config, picked) {
        (Some(path), _) => path.display().to_string(),
        (None, []) => "bundled rules".to_owned(),
        (None, picked) => picked.join(", "),
    };
    let bundled = config.is_none() && picked.is_empty();
    let config = setup::config(config)?;
    let rules = if bundled { packs::all_with_examples()? } else { setup::rules(&config, picked, false)? };
    let rules = Rules::new(rules).map_err(|error| UsageError(format!("{name}: {error:#}")))?;
    Ok((config, rules, name))
}

fn check(config: Option<&Path>, picked: &[String]) -> Result<ExitStatus> {
    let (_, rules, name) = load(config, picked)?;
    let findings = rules::findings(&rules);
    let mut text = String::new();
    for finding in &findings {
        let _ = writeln!(text, "{name}: {finding}");
    }
    let count = rules.rules().len();
    let _ = writeln!(text, "{name}: {count} rules, {} findings", findings.len());
    print(text.as_bytes())?;
    Ok(if findings.is_empty() { ExitStatus::Done } else { ExitStatus::Failed })
}

/// The bundled packs, or the rules of one.
fn list(pack: Option<&str>) -> Result<ExitStatus> {
    let mut text = String::new();
    if let Some(name) = pack {
        for rule in packs::bundled(name)?.rules {
            let _ = writeln!(text, "{:<40} {:<20} {}", rule.name, rule.label, rule.pattern);
        }
    } else {
        for pack in packs::BUNDLED {
            let _ = writeln!(text, "{:<18} {:>4} rules  {}", pack.name, pack.rules.len(), pack.about);
        }
    }
    print(text.as_bytes())
}

fn test(records: &mut Records, rules: &Rules, name: &str, examples: usize) -> Result<ExitStatus> {
    let mut hits: Vec<Hits> = rules.rules().iter().map(|_| Hits::default()).collect();
    let mut left = Hits::default();
    while let Some(chunk) = records.next_chunk()? {
        for record in &chunk.records {
            let message = chunk.field(record.message);
            let source = chunk.field(record.source);
            let hit = rules
                .first_match(&source, &message, &open_front(&message))
                .map_or(&mut left, |index| &mut hits[index]);
            hit.count(&message, examples, || chunk.line_of(record.start as usize));
        }
    }
    print(report(name, rules, &hits, &left).as_bytes())
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
        if rule.pack.is_some() && hit.rows == 0 {
            continue; // of several hundred, those that speak
        }
        let _ = writeln!(text, "{} -> {}: {}", rules::name_of(rule), rule.label, counted(hit.rows, "row"));
        for example in &hit.examples {
            let _ = writeln!(text, "    {example}");
        }
    }
    let _ = writeln!(text, "no rule: {}", counted(left.rows, "row"));
    for example in &left.examples {
        let _ = writeln!(text, "    {example}");
    }
    let _ = writeln!(text, "{name}: {} of {} matched", grouped(matched), counted(matched + left.rows, "row"));
    text
}
