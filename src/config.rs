//! `logclass.toml`: columns, rules, routes, thresholds and the LLM.
//!
//! Unknown keys are errors with their line: a typing mistake in a nightly job's configuration must not pass
//! for a setting. Everything has a default, so an empty file is a valid one.

use anyhow::{Result, anyhow};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

use crate::error::UsageError;
use crate::label::canonical;
use crate::llm::LlmConfig;
pub use crate::position::line_and_column;
use crate::rules::{self, Rule, Scope};

#[cfg(test)]
mod schema;

/// A configuration file's content, checked.
#[derive(Debug, Clone, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Names of the columns and how fields are separated.
    pub columns: Columns,
    /// Confidence below which the model abstains; the model file's own when absent.
    #[cfg_attr(test, schemars(range(min = 0.0, max = 1.0)))]
    pub min_confidence: Option<f32>,
    /// Ask the encoder about every template, also where the model's lexical path is sure.
    pub thorough: bool,
    /// Also try the rules that come with the program, after the file's own.
    pub default_rules: Option<bool>,
    /// What labels mean, for the LLM.
    pub labels: BTreeMap<String, LabelConfig>,
    /// Which stages serve a source.
    #[serde(rename = "route")]
    pub routes: Vec<Route>,
    /// The LLM endpoint; absent means none but what `GROQ_API_KEY` gives.
    pub llm: Option<LlmConfig>,
    /// Rules of one's own: tried in this order, before all packs.
    #[serde(rename = "rule")]
    #[cfg_attr(test, schemars(with = "Vec<RawRule>"))]
    raw_rules: Vec<toml::Spanned<RawRule>>,
    /// The rules, in file order.
    #[serde(skip)]
    pub rules: Vec<Rule>,
}

/// `[columns]`.
#[derive(Debug, Clone, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// Column of the source; `source` when absent.
    pub source: Option<String>,
    /// Column of the message; `log_message` when absent.
    pub message: Option<String>,
    /// Column that is added; `target_label` when absent.
    pub label: Option<String>,
}

/// One entry of `[labels]`: a description, alone or with examples.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum LabelConfig {
    /// `"HTTP Status" = "a request served"`
    Description(String),
    /// `[labels."HTTP Status"]` with `description` and `examples`.
    Table(LabelTable),
}

/// `[labels."NAME"]`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LabelTable {
    /// What the label means.
    #[serde(default)]
    pub description: String,
    /// Messages that have the label.
    #[serde(default)]
    pub examples: Vec<String>,
}

impl LabelConfig {
    /// What the label means.
    pub fn description(&self) -> &str {
        match self {
            Self::Description(text) => text,
            Self::Table(table) => &table.description,
        }
    }

    /// Messages that have the label.
    pub fn examples(&self) -> &[String] {
        match self {
            Self::Description(_) => &[],
            Self::Table(table) => &table.examples,
        }
    }
}

/// `[[route]]`: records of `source` go through `stages`, in that order.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The source it is for.
    pub source: String,
    /// The stages to try, in order; `llm` is passed over when no LLM is configured.
    pub stages: Vec<RouteStage>,
}

/// A stage a route can name.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RouteStage {
    /// The regex rules.
    Rules,
    /// The embedding and the head.
    Model,
    /// The LLM.
    Llm,
}

/// `[[rule]]`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawRule {
    /// The label it gives.
    label: String,
    /// A regular expression, searched for anywhere in the message as it came.
    pattern: String,
    /// What `rules test` and `label_reason` call it.
    #[serde(default)]
    name: Option<String>,
    /// The only source whose records it is tried on; all when absent.
    #[serde(default)]
    source: Option<String>,
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`UsageError`] with the file, line and column of what is wrong with it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
        Self::parse(&text).map_err(|error| UsageError(format!("{}: {error:#}", path.display())).into())
    }

    /// Reads a configuration from its text.
    ///
    /// # Errors
    /// With the line and column of what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            let (line, column) = error.span().map_or((1, 1), |span| line_and_column(text, span.start));
            anyhow!("line {line}, column {column}: {}", error.message())
        })?;
        for (index, raw) in std::mem::take(&mut config.raw_rules).into_iter().enumerate() {
            let (line, _) = line_and_column(text, raw.span().start);
            let raw = raw.into_inner();
            let name = raw.name.unwrap_or_else(|| format!("rule {}", index + 1));
            for (key, value) in [("label", &raw.label), ("pattern", &raw.pattern)] {
                if value.trim().is_empty() {
                    return Err(anyhow!("line {line}: rule {name:?}: {key} is empty"));
                }
            }
            rules::check_pattern(&raw.pattern)
                .map_err(|error| anyhow!("line {line}: rule {name:?}: {error}"))?;
            config.rules.push(Rule {
                name,
                label: canonical(&raw.label).to_owned(),
                pattern: raw.pattern,
                scope: raw.source.map_or(Scope::Any, Scope::Source),
                line,
                ..Rule::default()
            });
        }
        if let Some(confidence) = config.min_confidence
            && !(0.0..=1.0).contains(&confidence)
        {
            return Err(anyhow!("min_confidence = {confidence}: expected a number from 0 to 1"));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let error =
            Config::parse("min_confidence = 0.5\n\n[[rule]]\nlabel = \"A\"\npatern = \"x\"\n").unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("line 5, column 1: unknown field `patern`"), "{error}");
    }

    #[test]
    fn a_rule_remembers_its_line_and_gets_a_name() {
        let config = Config::parse("\n[[rule]]\nlabel = \"A\"\npattern = \"x\"\n").unwrap();
        assert_eq!((config.rules[0].line, config.rules[0].name.as_str()), (2, "rule 1"));
    }

    #[test]
    fn a_confidence_that_is_none_is_refused() {
        assert!(Config::parse("min_confidence = 1.5").is_err());
    }
}
