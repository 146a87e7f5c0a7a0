//! `[llm]`: where the endpoint is and what it may take.

use anyhow::Result;
use serde::Deserialize;

/// `[llm]` of the configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmConfig {
    /// URL that `/chat/completions` is appended to.
    pub base_url: String,
    /// The model's name at the endpoint.
    pub model: String,
    /// Environment variable that holds the key; empty for an endpoint that takes none.
    pub api_key_env: String,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Longest a request may take, in seconds.
    pub timeout_seconds: u64,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.groq.com/openai/v1".to_owned(),
            model: "openai/gpt-oss-20b".to_owned(),
            api_key_env: "GROQ_API_KEY".to_owned(),
            concurrency: 4,
            timeout_seconds: 60,
        }
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
        match std::env::var(&self.api_key_env) {
            Ok(key) if !key.trim().is_empty() => Ok(Some(key.trim().to_owned())),
            _ => crate::usage!(
                "[llm] needs a key: set the environment variable {}, or api_key_env = \"\" for an endpoint without one",
                self.api_key_env
            ),
        }
    }
}
