//! Packs: rules for one program, in a TOML file with examples that they are held to.
//!
//! Those in `resources/rules` are part of the program, in the order of [`BUNDLED`]; a file of the same form
//! extends them or stands for itself.

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

use super::pattern::check_pattern;
use super::rule::{Rule, Scope, Subject};
use crate::config::line_and_column;
use crate::error::{UsageError, usage};
use crate::label::canonical;

/// A pack that the program carries, as the build script compiled it.
pub struct BundledPack {
    /// Its name, which is its file's.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub about: &'static str,
    /// Programs that its rules are tried on, in lower case.
    pub programs: &'static [&'static str],
    /// The file, with the examples.
    pub text: &'static str,
    /// Its rules, in order.
    pub rules: &'static [BundledRule],
}

/// A rule of such a pack.
pub struct BundledRule {
    name: &'static str,
    label: &'static str,
    pattern: &'static str,
    literals: &'static [&'static str],
    anywhere: bool,
    message: bool,
    line: usize,
}

/// The packs that the program carries. A record meets those of its program first, then `general`.
#[allow(clippy::unicode_not_nfc)] // `(?i)k` matches the Kelvin sign, too
pub const BUNDLED: &[BundledPack] = include!(concat!(env!("OUT_DIR"), "/rule_packs.rs"));

impl BundledPack {
    /// Its rules, without their examples.
    fn rules(&self) -> Vec<Rule> {
        let pack: Arc<str> = Arc::from(self.name);
        let programs: Arc<[String]> = self.programs.iter().map(|&program| program.to_owned()).collect();
        let rules = self.rules.iter().map(|rule| Rule {
            name: rule.name.to_owned(),
            label: rule.label.to_owned(),
            pattern: rule.pattern.to_owned(),
            literals: rule.literals,
            subject: if rule.message { Subject::Message } else { Subject::Body },
            scope: scope(rule.anywhere, &programs),
            pack: Some(Arc::clone(&pack)),
            line: rule.line,
            ..Rule::default()
        });
        rules.collect()
    }
}

/// Which records a rule of a pack is tried on.
fn scope(anywhere: bool, programs: &Arc<[String]>) -> Scope {
    if anywhere || programs.is_empty() { Scope::Any } else { Scope::Programs(Arc::clone(programs)) }
}

/// A pack, read.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// What it is for, in a few words.
    pub about: String,
    /// Packs that come behind it.
    pub extends: Vec<String>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// A pack as its file has it.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    pack: RawPack,
    /// The pack's rules: the first that matches wins.
    #[serde(default, rename = "rule")]
    #[cfg_attr(test, schemars(with = "Vec<RawRule>"))]
    rules: Vec<toml::Spanned<RawRule>>,
}

/// `[pack]`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawPack {
    /// Its name, which no bundled pack has.
    name: String,
    /// What it is for, in a few words.
    #[serde(default)]
    about: String,
    /// Programs whose records its rules are tried on; all records when absent.
    #[serde(default)]
    programs: Vec<String>,
    /// Bundled packs that follow this one.
    #[serde(default)]
    extends: Vec<String>,
}

/// `[[rule]]` of a pack.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawRule {
    /// What `rules test` and `label_reason` call it, after the pack's name.
    name: String,
    /// The label it gives, also one that the model does not have.
    label: String,
    /// A regular expression, found anywhere in the text unless anchored with `^` and `$`.
    pattern: String,
    /// Tried on all records, not only on those of the pack's programs.
    #[serde(default)]
    anywhere: bool,
    /// What the pattern is searched for in.
    #[serde(default)]
    on: RawSubject,
    /// Messages that it must match.
    #[serde(default)]
    examples: Vec<String>,
    /// Messages that it must not match.
    #[serde(default)]
    counter_examples: Vec<String>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
enum RawSubject {
    /// The message without its envelope.
    #[default]
    Body,
    /// The message as it came.
    Message,
}

impl Pack {
    /// Reads a pack from its text.
    ///
    /// # Errors
    /// With the line and column of what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let file: RawFile = toml::from_str(text).map_err(|error| {
            let (line, column) = error.span().map_or((1, 1), |span| line_and_column(text, span.start));
            anyhow!("line {line}, column {column}: {}", error.message())
        })?;
        let pack: Arc<str> = Arc::from(file.pack.name.as_str());
        let programs: Arc<[String]> =
            file.pack.programs.iter().map(|program| program.to_lowercase()).collect();
        let mut rules = Vec::with_capacity(file.rules.len());
        for raw in file.rules {
            let (line, _) = line_and_column(text, raw.span().start);
            let raw = raw.into_inner();
            for (key, value) in [("label", &raw.label), ("pattern", &raw.pattern), ("name", &raw.name)] {
                if value.trim().is_empty() {
                    bail!("line {line}: rule {:?}: {key} is empty", raw.name);
                }
            }
            if !is_bundled(&pack) {
                check_pattern(&raw.pattern)
                    .map_err(|error| anyhow!("line {line}: rule {:?}: {error}", raw.name))?;
            }
            rules.push(Rule {
                name: raw.name,
                label: canonical(&raw.label).to_owned(),
                pattern: raw.pattern,
                literals: &[],
                subject: match raw.on {
                    RawSubject::Body => Subject::Body,
                    RawSubject::Message => Subject::Message,
                },
                scope: scope(raw.anywhere, &programs),
                pack: Some(Arc::clone(&pack)),
                line,
                examples: raw.examples,
                counter_examples: raw.counter_examples,
            });
        }
        Ok(Self { name: file.pack.name, about: file.pack.about, extends: file.pack.extends, rules })
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// A [`UsageError`] with the file, line and column of what is wrong with it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
        Self::parse(&text).map_err(|error| UsageError(format!("{}: {error:#}", path.display())).into())
    }
}

/// Whether a pack of this name is part of the program.
pub fn is_bundled(name: &str) -> bool {
    BUNDLED.iter().any(|bundled| bundled.name == name)
}

/// The bundled pack of this name, with its examples.
///
/// # Errors
/// When there is none: the names that there are.
pub fn bundled(name: &str) -> Result<Pack> {
    let Some(bundled) = BUNDLED.iter().find(|bundled| bundled.name == name) else {
        let names: Vec<&str> = BUNDLED.iter().map(|bundled| bundled.name).collect();
        return Err(usage(format!("no rule pack {name:?}: name a file, or one of {}", names.join(", "))));
    };
    Pack::parse(bundled.text).with_context(|| format!("bundled rule pack {name}"))
}

/// The rules of all bundled packs, in order, without their examples.
pub fn all_bundled() -> Vec<Rule> {
    BUNDLED.iter().flat_map(BundledPack::rules).collect()
}

/// The rules of all bundled packs, in order, with their examples.
///
/// # Errors
/// Never: the packs are part of the program, and tested.
pub fn all_with_examples() -> Result<Vec<Rule>> {
    let packs = BUNDLED.iter().map(|pack| bundled(pack.name)).collect::<Result<Vec<_>>>()?;
    Ok(packs.into_iter().flat_map(|pack| pack.rules).collect())
}

/// The rules of the packs that `names` pick, in order: names of bundled packs and files, each with the packs
/// that it extends behind it.
///
/// # Errors
/// When a name is neither, or a file cannot be read or is no pack.
pub fn pick(names: &[String]) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for name in names {
        let pack = if is_bundled(name) {
            bundled(name)?
        } else if Path::new(name).extension().is_some() || Path::new(name).exists() {
            let pack = Pack::read(Path::new(name))?;
            if is_bundled(&pack.name) {
                return Err(usage(format!(
                    "{name}: a bundled pack is called {:?}: give this one another name",
                    pack.name
                )));
            }
            pack
        } else {
            bundled(name)?
        };
        let extended = pack.extends.iter().map(|name| bundled(name)).collect::<Result<Vec<_>>>()?;
        rules.extend(pack.rules);
        rules.extend(extended.into_iter().flat_map(|pack| pack.rules));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Rules, findings};

    #[test]
    fn the_compiled_table_says_what_the_files_say() {
        let with_examples = all_with_examples().unwrap();
        let stripped: Vec<Rule> = with_examples
            .into_iter()
            .map(|rule| Rule { examples: Vec::new(), counter_examples: Vec::new(), ..rule })
            .collect();
        let bundled: Vec<Rule> =
            all_bundled().into_iter().map(|rule| Rule { literals: &[], ..rule }).collect();
        assert_eq!(bundled, stripped);
        assert!(stripped.len() >= 300, "{} rules", stripped.len());
    }

    #[test]
    fn a_bundled_rule_that_any_record_may_meet_has_literals_and_so_costs_other_records_nothing() {
        let without: Vec<String> = all_bundled()
            .into_iter()
            .filter(|rule| rule.scope == Scope::Any && rule.literals.is_empty())
            .map(|rule| rule.name)
            .collect();
        assert!(
            without.is_empty(),
            "no text of four bytes or more is in every match of {}",
            without.join(", ")
        );
    }

    #[test]
    fn the_bundled_rules_compile_and_hold_to_their_examples() {
        let rules = all_with_examples().unwrap();
        for rule in &rules {
            regex::bytes::Regex::new(&rule.pattern).unwrap_or_else(|error| panic!("{}: {error}", rule.name));
            assert!(!rule.examples.is_empty(), "{} has no examples", rule.name);
        }
        let rules = Rules::new(rules).unwrap();
        let findings = findings(&rules);
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn a_wrong_key_is_an_error_with_its_line() {
        let text = "[pack]\nname = \"x\"\n\n[[rule]]\nname = \"a\"\nlabel = \"A\"\npatern = \"x\"\n";
        let error = Pack::parse(text).unwrap_err().to_string();
        assert!(error.starts_with("line 7, column 1: unknown field `patern`"), "{error}");
    }
}
