//! What can be said against rules before a night run depends on them: names and patterns that stand twice, rules that an earlier one
//! always beats, and examples that say otherwise.

use super::matcher::Rules;
use super::rule::{Rule, Scope};
use crate::envelope;

/// Everything that is wrong with the rules, a line each, in their order.
pub fn findings(rules: &Rules) -> Vec<String> {
    let mut findings = Vec::new();
    let all = rules.rules();
    for (index, rule) in all.iter().enumerate() {
        for earlier in all[..index].iter().filter(|earlier| earlier.pack == rule.pack) {
            let covers = earlier.scope == Scope::Any || earlier.scope == rule.scope;
            let covers = covers && earlier.subject == rule.subject;
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
        findings.extend(broken_examples(rules, index));
    }
    findings
}

/// The examples that the rule does not match or whose label is another, and the counter-examples that it matches.
fn broken_examples(rules: &Rules, index: usize) -> Vec<String> {
    let rule = &rules.rules()[index];
    let source: &[u8] = match &rule.scope {
        Scope::Any => b"",
        Scope::Source(source) => source.as_bytes(),
        Scope::Programs(programs) => programs.first().map_or(b"", |program| program.as_bytes()),
    };
    let matches = |message: &str| {
        let envelope = envelope::open(message.as_bytes());
        rules.all_matches(source, message.as_bytes(), &envelope)
    };
    let name = name_of(rule);
    let mut findings = Vec::new();
    for example in &rule.examples {
        let matching = matches(example);
        let first = matching.first().map(|&first| &rules.rules()[first]);
        if !matching.contains(&index) {
            findings
                .push(format!("line {}: rule {name:?} does not match its example {example:?}", rule.line));
        } else if let Some(first) = first
            && first.label != rule.label
        {
            findings.push(format!(
                "line {}: the example {example:?} of rule {name:?} is {:?} by rule {:?}, which comes before",
                rule.line,
                first.label,
                name_of(first)
            ));
        }
    }
    for example in rule.counter_examples.iter().filter(|example| matches(example).contains(&index)) {
        findings.push(format!("line {}: rule {name:?} matches its counter-example {example:?}", rule.line));
    }
    findings
}

/// The name of a rule with its pack's before it.
pub fn name_of(rule: &Rule) -> String {
    match &rule.pack {
        Some(pack) => format!("{pack}/{}", rule.name),
        None => rule.name.clone(),
    }
}

/// Whether `wide` matches everything that `narrow` does. Told for sure in the common case only: `narrow` is plain text,
/// perhaps with anchors, and `wide` is found in it.
fn shadows(wide: &str, narrow: &str) -> bool {
    if wide.contains(['^', '$']) || wide.contains("\\b") {
        return false; // what stands around the text decides
    }
    let literal = narrow.trim_start_matches("(?i)").trim_start_matches('^').trim_end_matches('$');
    let plain = literal.replace("\\.", ".").replace("\\[", "[").replace("\\]", "]");
    if plain.contains(['\\', '*', '+', '?', '(', ')', '|', '{', '}'])
        || literal.contains(['.', '[']) && plain == literal
    {
        return false;
    }
    let Ok(wide_pattern) = regex::Regex::new(wide) else { return false };
    let folded = narrow.starts_with("(?i)");
    wide_pattern.is_match(&plain)
        && (!folded
            || (wide_pattern.is_match(&plain.to_lowercase()) && wide_pattern.is_match(&plain.to_uppercase())))
}
