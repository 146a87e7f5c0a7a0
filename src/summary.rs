//! What a run did, in figures: for people on stderr, for machines as JSON.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::console::{counted, grouped};
use crate::history::alert::Alert;

/// The figures of one run. The counts per stage and per label each add up to `rows`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Records classified.
    pub rows: u64,
    /// Those of them that `--only` or `--except` kept from the output.
    pub filtered: u64,
    /// Records that could not be taken and went to the rejects; not among `rows`.
    pub rejects: u64,
    /// Records that could not be read and are Unclassified (`--on-bad-row unclassified`); among `rows`.
    #[serde(skip_serializing_if = "is_zero")]
    pub unreadable: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Rows a second.
    pub rows_per_second: f64,
    /// Distinct templates that went to the model or the LLM.
    pub templates: u64,
    /// Templates that had to be encoded: nothing was known of them, and the lexical path was not sure.
    pub encoded: u64,
    /// Templates that the lexical path settled, so that they needed no encoder.
    pub lexical: u64,
    /// Rows per stage.
    pub stages: BTreeMap<String, u64>,
    /// Rows per label.
    pub labels: BTreeMap<String, u64>,
    /// What became of each input, when there were several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputSummary>,
    /// What became of the history, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<HistorySummary>,
    /// The conditions of `--fail-on` that are met.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// What the LLM did, when there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm: Option<LlmSummary>,
}

/// What became of a history.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HistorySummary {
    /// Its file.
    pub file: String,
    /// The number of this run in it; nothing where the run was not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// Distinct templates of the run, those that rules have settled included.
    pub templates: u64,
    /// Templates of this run that it did not have.
    pub new_templates: u64,
    /// Templates, by source, severity and label, that it has now.
    pub entries: u64,
    /// Those that were given up to stay within `--history-size`.
    pub forgotten: u64,
}

/// What became of one of several inputs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct InputSummary {
    /// Its name.
    pub input: String,
    /// The file that was written.
    pub output: String,
    /// Records classified.
    pub rows: u64,
    /// Records that could not be taken.
    pub rejects: u64,
    /// Why there is no output, when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What the LLM did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LlmSummary {
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Requests that repeated one that had failed.
    pub retries: u64,
    /// Templates whose answer was kept from a run before.
    pub from_cache: u64,
    /// Tokens of the prompts.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub completion_tokens: u64,
    /// What the tokens cost, when the configuration has prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// How the endpoint was told to answer, once it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_format: Option<&'static str>,
    /// What a run would take, in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<LlmEstimate>,
    /// Rows that it was, or in a dry run would be, responsible for.
    pub owed_rows: u64,
    /// Rows that it should have answered and could not.
    pub unanswered_rows: u64,
    /// The same by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unanswered: BTreeMap<String, u64>,
    /// Why the first of them was not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
    /// Why nothing more was sent, when the stage was switched off before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switched_off: Option<String>,
    /// Why answers could not be kept, when they could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_failure: Option<String>,
}

/// What the LLM would take.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LlmEstimate {
    /// Requests, at the least.
    pub requests: u64,
    /// Tokens of the prompts, about.
    pub prompt_tokens: u64,
    /// Tokens of the answers, about.
    pub completion_tokens: u64,
    /// What they cost, when the configuration has prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

impl LlmSummary {
    fn for_people(&self) -> String {
        let cost = |cost: Option<f64>| cost.map_or_else(String::new, |cost| format!(", cost {cost:.4}"));
        if let Some(estimate) = &self.estimate {
            return format!(
                "  LLM: would take {} for {}, about {} tokens in, {} out{}; {} known from the cache\n",
                counted(estimate.requests, "request"),
                counted(self.owed_rows, "row"),
                grouped(estimate.prompt_tokens),
                grouped(estimate.completion_tokens),
                cost(estimate.cost),
                counted(self.from_cache, "template")
            );
        }
        format!(
            "  LLM: {} for {}, {} tokens in, {} out{}; {} known from the cache, {} unanswered\n",
            counted(self.requests, "request"),
            counted(self.owed_rows, "row"),
            grouped(self.prompt_tokens),
            grouped(self.completion_tokens),
            cost(self.cost),
            counted(self.from_cache, "template"),
            counted(self.unanswered_rows, "row")
        )
    }
}

impl Summary {
    /// Sets the time and the pace.
    pub fn took(&mut self, time: Duration) {
        self.seconds = time.as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let pace = self.rows as f64 / self.seconds.max(1e-9);
        self.rows_per_second = pace.round();
    }

    /// A few lines for people.
    pub fn for_people(&self) -> String {
        let mut text = format!(
            "{} in {:.2} s ({} rows/s), {}\n",
            counted(self.rows, "row"),
            self.seconds,
            grouped(whole(self.rows_per_second)),
            counted(self.templates, "template")
        );
        if self.rejects > 0 {
            let _ = writeln!(text, "  rejected: {}", grouped(self.rejects));
        }
        if self.unreadable > 0 {
            let _ = writeln!(text, "  could not be read: {}", counted(self.unreadable, "record"));
        }
        if self.filtered > 0 {
            let _ = writeln!(
                text,
                "  written: {}; {} left out because of their label",
                counted(self.rows - self.filtered, "row"),
                grouped(self.filtered)
            );
        }
        if let Some(history) = &self.history {
            let _ = writeln!(
                text,
                "  history: {}, {} new, {}",
                counted(history.templates, "template"),
                grouped(history.new_templates),
                history.run.map_or("not recorded".to_owned(), |run| format!("recorded as run {run}"))
            );
        }
        if !self.inputs.is_empty() {
            let failed = self.inputs.iter().filter(|input| input.error.is_some()).count();
            let _ = writeln!(text, "  inputs: {}, of which {failed} failed", self.inputs.len());
        }
        if self.templates > 0 {
            let _ = writeln!(
                text,
                "  encoder: asked about {} of {}",
                grouped(self.encoded),
                counted(self.templates, "template")
            );
        }
        let stages: Vec<String> = self
            .stages
            .iter()
            .filter(|(_, rows)| **rows > 0)
            .map(|(stage, rows)| format!("{stage} {}", grouped(*rows)))
            .collect();
        if !stages.is_empty() {
            let _ = writeln!(text, "  by stage: {}", stages.join(", "));
        }
        let mut labels: Vec<_> = self.labels.iter().filter(|(_, rows)| **rows > 0).collect();
        labels.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let width = labels.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        for (label, rows) in labels {
            let share = share(*rows, self.rows);
            let _ = writeln!(text, "  {label:width$}  {:>12}  {share:5.1}%", grouped(*rows));
        }
        if let Some(llm) = &self.llm {
            text.push_str(&llm.for_people());
        }
        text
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde asks
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::cast_precision_loss)] // a percentage for people
fn share(part: u64, all: u64) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // rounded and never negative
fn whole(value: f64) -> u64 {
    value as u64
}
