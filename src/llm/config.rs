//! `[llm]`: where the endpoint is, what may be sent to it, and what a run may cost.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use crate::environment;
use crate::error::usage;

#[cfg(test)]
mod tests;

/// An endpoint that logclass knows by name.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Provider {
    /// <https://console.groq.com>
    #[serde(rename = "groq")]
    Groq,
    /// <https://platform.openai.com>
    #[serde(rename = "openai")]
    OpenAi,
    /// Ollama on this machine.
    #[serde(rename = "ollama")]
    Ollama,
    /// `llama-server` of llama.cpp on this machine.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
    /// vLLM on this machine.
    #[serde(rename = "vllm")]
    Vllm,
    /// LM Studio on this machine.
    #[serde(rename = "lmstudio")]
    LmStudio,
}

impl Provider {
    /// URL, model and the variable with the key; an empty model is one to be named, an empty variable is no
    /// key.
    const fn preset(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Groq => ("https://api.groq.com/openai/v1", "openai/gpt-oss-20b", "GROQ_API_KEY"),
            Self::OpenAi => ("https://api.openai.com/v1", "", "OPENAI_API_KEY"),
            Self::Ollama => ("http://127.0.0.1:11434/v1", "", ""),
            Self::LlamaCpp => ("http://127.0.0.1:8080/v1", "default", ""),
            Self::Vllm => ("http://127.0.0.1:8000/v1", "", ""),
            Self::LmStudio => ("http://127.0.0.1:1234/v1", "", ""),
        }
    }
}

/// What leaves the machine.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Send {
    /// The template, with secrets redacted: numbers, addresses and identifiers are masked.
    Template,
    /// The message of the first row that has the template, with secrets redacted.
    Raw,
}

/// What becomes of the run when the LLM does not answer.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq, clap::ValueEnum)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The run ends without an output, exit status 1
    Fail,
    /// The row keeps what rules and model say, is counted, and the run ends with exit status 3
    Skip,
}

/// Where answers are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CacheChoice {
    /// In the user's cache folder.
    #[default]
    Default,
    /// In this folder.
    Folder(PathBuf),
    /// Nowhere.
    Off,
}

impl From<&str> for CacheChoice {
    fn from(text: &str) -> Self {
        match text {
            "off" => Self::Off,
            "" => Self::Default,
            folder => Self::Folder(folder.into()),
        }
    }
}

/// What a run may take; nothing is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Requests.
    pub requests: Option<u64>,
    /// Tokens of prompts and answers together.
    pub tokens: Option<u64>,
    /// Money, in the currency of the prices.
    pub cost: Option<f64>,
}

/// `[llm]` of the configuration file, with the provider's presets filled in.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawLlm")]
pub struct LlmConfig {
    /// URL that `/chat/completions` is appended to.
    pub base_url: String,
    /// The model's name at the endpoint.
    pub model: String,
    /// Environment variable that holds the key; empty for an endpoint that takes none.
    pub api_key_env: String,
    /// Whether a plain `http://` URL may lead to another machine.
    pub allow_http: bool,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Longest a request may take, in seconds.
    pub timeout_seconds: u64,
    /// Longest a connection may take to come about, in seconds.
    pub connect_timeout_seconds: u64,
    /// Times that a failed request is repeated.
    pub retries: u32,
    /// Longest to wait because the endpoint asks for it, in seconds; beyond that the stage is switched off.
    pub max_wait_seconds: u64,
    /// Consecutive failures after which the stage is switched off.
    pub breaker_failures: u32,
    /// How long a server's stage stays switched off after failures, in seconds; a run's stays off.
    pub pause_seconds: u64,
    /// What leaves the machine.
    pub send: Send,
    /// Longest message that is sent, in characters.
    pub max_message_chars: usize,
    /// Examples of each label in the prompt.
    pub examples_per_label: usize,
    /// Most tokens of an answer, reasoning included.
    pub max_answer_tokens: u64,
    /// How hard a reasoning model thinks; empty to leave it to the endpoint.
    pub reasoning_effort: String,
    /// What a run may take.
    pub limits: Limits,
    /// Price of a million tokens in the prompt.
    pub price_in: Option<f64>,
    /// Price of a million tokens in the answer.
    pub price_out: Option<f64>,
    /// Where answers are kept.
    pub cache: CacheChoice,
    /// Days after which an answer is asked for again.
    pub cache_days: u64,
    /// Most megabytes of answers kept.
    pub cache_megabytes: u64,
    /// What becomes of the run when the LLM does not answer.
    pub on_error: OnError,
}

/// `[llm]` as it is written.
#[derive(Debug, Clone, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RawLlm {
    /// A known endpoint; `groq` when absent.
    provider: Option<Provider>,
    /// URL that `/chat/completions` is appended to; the provider's when absent. With one of your own, name
    /// `api_key_env` as well.
    base_url: Option<String>,
    /// The model's name at the endpoint.
    model: Option<String>,
    /// Environment variable that holds the key; `""` for an endpoint that takes none.
    api_key_env: Option<String>,
    /// Whether a plain `http://` URL may lead to another machine.
    allow_http: bool,
    /// Requests under way at once (4).
    concurrency: Option<usize>,
    /// Longest a request may take (30).
    timeout_seconds: Option<u64>,
    /// Longest a connection may take to come about (5).
    connect_timeout_seconds: Option<u64>,
    /// Times that a failed request is repeated (4).
    retries: Option<u32>,
    /// The longest wait that the endpoint may ask for (60).
    max_wait_seconds: Option<u64>,
    /// Failures in a row after which the stage is off (5).
    breaker_failures: Option<u32>,
    /// In `serve`, how long the stage stays off after failures (60); in a run it stays off.
    pause_seconds: Option<u64>,
    /// What leaves the machine (`template`).
    send: Option<Send>,
    /// Longest message that is sent, in characters (2000).
    max_message_chars: Option<usize>,
    /// Examples of each label in the prompt (3).
    examples_per_label: Option<usize>,
    /// Most tokens of an answer, reasoning included (512).
    max_answer_tokens: Option<u64>,
    /// How hard a reasoning model thinks (`low`); `""` leaves it to the endpoint.
    reasoning_effort: Option<String>,
    /// Requests that a run may make; no limit when absent.
    max_requests: Option<u64>,
    /// Tokens that a run may take, prompts and answers together; no limit when absent.
    max_tokens: Option<u64>,
    /// Money that a run may cost, in the currency of the prices; no limit when absent.
    #[cfg_attr(test, schemars(range(min = 0.0)))]
    max_cost: Option<f64>,
    /// Price of a million tokens in the prompt.
    #[cfg_attr(test, schemars(range(min = 0.0)))]
    price_in: Option<f64>,
    /// Price of a million tokens in the answer.
    #[cfg_attr(test, schemars(range(min = 0.0)))]
    price_out: Option<f64>,
    /// Folder of the cached answers, or `off`; the user's cache folder when absent.
    cache: Option<String>,
    /// Days after which an answer is asked for again (90).
    cache_days: Option<u64>,
    /// Most megabytes of answers kept (64).
    cache_megabytes: Option<u64>,
    /// What becomes of the run when the LLM does not answer (`skip`).
    on_error: Option<OnError>,
}

impl TryFrom<RawLlm> for LlmConfig {
    type Error = String;

    fn try_from(raw: RawLlm) -> Result<Self, String> {
        let (url, model, variable) = raw.provider.unwrap_or(Provider::Groq).preset();
        // A URL of the user's own gets no key and no model that were meant for somebody else.
        let own_url = raw.base_url.is_some() && raw.provider.is_none();
        let base_url = raw.base_url.unwrap_or_else(|| url.to_owned()).trim_end_matches('/').to_owned();
        let api_key_env = match raw.api_key_env {
            Some(name) => name,
            None if own_url && super::endpoint::is_loopback(&base_url) => String::new(),
            None if own_url => {
                return Err(
                    "[llm] api_key_env is missing: name the environment variable that holds the key \
                            for base_url, or \"\" for an endpoint without one"
                        .to_owned(),
                );
            }
            None => variable.to_owned(),
        };
        let model = match raw.model {
            Some(model) if !model.is_empty() => model,
            _ if model.is_empty() || own_url => {
                return Err("[llm] model is missing: name a model that the endpoint serves".to_owned());
            }
            _ => model.to_owned(),
        };
        for (name, price) in
            [("price_in", raw.price_in), ("price_out", raw.price_out), ("max_cost", raw.max_cost)]
        {
            if price.is_some_and(|price| !is_amount(price)) {
                return Err(format!("[llm] {name}: expected a number from 0"));
            }
        }
        Ok(Self {
            base_url,
            model,
            api_key_env,
            allow_http: raw.allow_http,
            concurrency: raw.concurrency.unwrap_or(4),
            timeout_seconds: raw.timeout_seconds.unwrap_or(30).max(1),
            connect_timeout_seconds: raw.connect_timeout_seconds.unwrap_or(5).max(1),
            retries: raw.retries.unwrap_or(4),
            max_wait_seconds: raw.max_wait_seconds.unwrap_or(60),
            breaker_failures: raw.breaker_failures.unwrap_or(5).max(1),
            pause_seconds: raw.pause_seconds.unwrap_or(60),
            send: raw.send.unwrap_or(Send::Template),
            max_message_chars: raw.max_message_chars.unwrap_or(2_000).max(1),
            examples_per_label: raw.examples_per_label.unwrap_or(3),
            max_answer_tokens: raw.max_answer_tokens.unwrap_or(512).max(1),
            reasoning_effort: raw.reasoning_effort.unwrap_or_else(|| "low".to_owned()),
            limits: Limits { requests: raw.max_requests, tokens: raw.max_tokens, cost: raw.max_cost },
            price_in: raw.price_in,
            price_out: raw.price_out,
            cache: raw.cache.as_deref().map_or(CacheChoice::Default, CacheChoice::from),
            cache_days: raw.cache_days.unwrap_or(90),
            cache_megabytes: raw.cache_megabytes.unwrap_or(64).max(1),
            on_error: raw.on_error.unwrap_or(OnError::Skip),
        })
    }
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self::try_from(RawLlm::default()).expect("the default preset is complete, and tested")
    }
}

impl LlmConfig {
    /// Requests under way at once: at least one.
    pub fn concurrency(&self) -> usize {
        self.concurrency.clamp(1, 64)
    }

    /// The key, if the endpoint takes one.
    ///
    /// # Errors
    /// When the variable that should hold it is not set.
    pub fn key(&self) -> Result<Option<String>> {
        if self.api_key_env.is_empty() {
            return Ok(None);
        }
        match environment::value(&self.api_key_env)? {
            Some(key) if key.trim().bytes().any(|byte| !byte.is_ascii_graphic()) => Err(usage(format!(
                "the environment variable {} holds no key: it has characters no key has",
                self.api_key_env
            ))),
            Some(key) => Ok(Some(key.trim().to_owned())),
            None => Err(usage(format!(
                "[llm] needs a key: set the environment variable {}, \
                 or api_key_env = \"\" for an endpoint without one",
                self.api_key_env
            ))),
        }
    }

    /// What tokens cost, if the configuration says.
    #[allow(clippy::cast_precision_loss)] // money for people
    pub fn cost(&self, tokens_in: u64, tokens_out: u64) -> Option<f64> {
        if self.price_in.is_none() && self.price_out.is_none() {
            return None;
        }
        let price = |tokens: u64, price: Option<f64>| tokens as f64 * price.unwrap_or(0.0) / 1e6;
        Some(price(tokens_in, self.price_in) + price(tokens_out, self.price_out))
    }

    /// Refuses what makes no sense together, whichever of file and flags it came from.
    ///
    /// # Errors
    /// [`crate::error::UsageError`] with the remedy.
    pub fn check(&self) -> Result<()> {
        for (name, price) in
            [("price_in", self.price_in), ("price_out", self.price_out), ("max_cost", self.limits.cost)]
        {
            if price.is_some_and(|price| !is_amount(price)) {
                return Err(usage(format!("{name}: expected a number from 0")));
            }
        }
        if self.limits.cost.is_some() && (self.price_in.is_none() || self.price_out.is_none()) {
            return Err(usage(
                "max_cost needs prices: set price_in and price_out (for a million tokens) in [llm]",
            ));
        }
        super::endpoint::check_url(&self.base_url, self.allow_http)
    }
}

/// Whether a price or a limit is one: `nan` compares with nothing and so would limit nothing.
fn is_amount(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}
