//! One request to an OpenAI-compatible endpoint.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::time::Duration;

use super::Answer;
use super::config::LlmConfig;
use super::prompt::{self, LabelSpec};

/// Most bytes read of a response.
const MAX_RESPONSE: u64 = 1 << 20;

/// What requests cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests sent.
    pub requests: u64,
    /// Tokens of the prompts, as the endpoint counts them.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub completion_tokens: u64,
}

impl Usage {
    /// Adds another's figures.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
    }
}

/// What became of a question, what it cost, and why it failed if it did.
pub struct Reply {
    pub answer: Answer,
    pub usage: Usage,
    pub failure: Option<String>,
}

/// Speaks with one endpoint.
pub struct Client {
    agent: ureq::Agent,
    url: String,
    model: String,
    key: Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of every print.
        formatter
            .debug_struct("Client")
            .field("url", &self.url)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub fn new(config: &LlmConfig) -> Result<Self> {
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(config.timeout_seconds)))
            .http_status_as_error(false)
            .tls_config(tls)
            .build()
            .new_agent();
        let url = format!("{}/chat/completions", config.base_url.trim_end_matches('/'));
        Ok(Self { agent, url, model: config.model.clone(), key: config.key()? })
    }

    /// Asks for one template's label.
    pub fn ask(&self, template: &str, labels: &[LabelSpec]) -> Reply {
        let mut usage = Usage { requests: 1, ..Usage::default() };
        match self.complete(template, labels, &mut usage) {
            Ok(content) => match prompt::read_answer(&content, labels) {
                Some(answer) => Reply { answer, usage, failure: None },
                None => Reply {
                    answer: Answer::Failed,
                    usage,
                    failure: Some("its answer is none of the labels".to_owned()),
                },
            },
            Err(error) => {
                Reply { answer: Answer::Failed, usage, failure: Some(crate::error::one_line(&error)) }
            }
        }
    }

    fn complete(&self, template: &str, labels: &[LabelSpec], usage: &mut Usage) -> Result<String> {
        let body = serde_json::to_vec(&prompt::request(&self.model, template, labels))?;
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = request.send(&body[..]).with_context(|| self.url.clone())?;
        let status = response.status();
        let bytes = response
            .body_mut()
            .with_config()
            .limit(MAX_RESPONSE)
            .read_to_vec()
            .with_context(|| self.url.clone())?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if !status.is_success() {
            let said = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or("no explanation");
            bail!("{}: HTTP {}: {}", self.url, status.as_u16(), said.chars().take(200).collect::<String>());
        }
        let count = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        usage.prompt_tokens = count("/usage/prompt_tokens");
        usage.completion_tokens = count("/usage/completion_tokens");
        let content = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
        Ok(content.with_context(|| format!("{}: not a chat completion", self.url))?.to_owned())
    }
}
