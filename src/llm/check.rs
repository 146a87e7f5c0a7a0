//! One probe of an endpoint, for `logclass llm check`.

use anyhow::Result;
use std::time::{Duration, Instant};

use super::client::Client;
use super::config::{CacheChoice, LlmConfig};
use super::{Answer, LabelSpec, Llm, Report};

/// What a probe found.
#[derive(Debug)]
pub struct Probe {
    /// The models that the endpoint lists, if it does.
    pub models: Option<Vec<String>>,
    /// The answer to the message sent.
    pub answer: Answer,
    /// From the question to the answer, refusals of parameters included.
    pub took: Duration,
    /// Requests, tokens, and what went wrong.
    pub report: Report,
}

/// Asks for the label of one message, without store or retries.
///
/// # Errors
/// When the configuration makes no sense or the key is not set.
pub fn probe(config: &LlmConfig, labels: Vec<LabelSpec>, message: &str) -> Result<Probe> {
    let config = LlmConfig { cache: CacheChoice::Off, retries: 0, concurrency: 1, ..config.clone() };
    let llm = Llm::new(&config, labels)?;
    let start = Instant::now();
    let answer = llm.wait(llm.ask(message));
    let took = start.elapsed();
    let models = match answer {
        Answer::Failed(_) if llm.report().usage.completion_tokens == 0 => Client::new(&config)?.models(),
        _ => None,
    };
    Ok(Probe { models, answer, took, report: llm.report() })
}
