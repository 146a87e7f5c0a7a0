//! One request to an OpenAI-compatible endpoint, and what came back.

use anyhow::Result;
use serde_json::Value;
use std::time::Duration;

use super::body;
use super::budget::Taken;
use super::config::LlmConfig;
use super::endpoint;
use super::pace::{LONGEST, LimitHeaders};
use super::redact::redact;

/// Most bytes read of a response: an answer has a few hundred.
const MAX_RESPONSE: u64 = 1 << 20;

/// Most of an endpoint's own words in an error.
const SAID_CHARS: usize = 200;

/// A response, whatever its status.
#[derive(Debug)]
pub struct Exchange {
    /// The HTTP status.
    pub status: u16,
    /// What it says of limits.
    pub limits: LimitHeaders,
    /// The JSON in its body; null when it is none.
    pub body: Value,
    /// Where a redirect leads.
    pub location: Option<String>,
}

/// No response.
#[derive(Debug)]
pub struct Lost {
    /// Why.
    pub error: String,
    /// Whether the request may have got there.
    pub sent: bool,
}

impl Exchange {
    /// What the endpoint says that the request took.
    pub fn taken(&self) -> Taken {
        let usage = self.body.get("usage");
        let count = |name| usage?.get(name)?.as_u64();
        match (count("prompt_tokens"), count("completion_tokens")) {
            (None, None) if self.status >= 300 => Taken::Nothing,
            (prompt, answer) => Taken::reported(prompt, answer),
        }
    }
}

/// Speaks with one endpoint.
pub struct Client {
    agent: ureq::Agent,
    base_url: String,
    key: Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of every print.
        formatter.debug_struct("Client").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Client {
    /// For the endpoint that `config` names.
    pub fn new(config: &LlmConfig) -> Result<Self> {
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let whole = Duration::from_secs(config.timeout_seconds).min(LONGEST);
        let mut builder = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(config.connect_timeout_seconds).min(whole)))
            .timeout_recv_response(Some(whole))
            .timeout_global(Some(whole))
            .http_status_as_error(false)
            // Never followed: neither the key nor the message goes where the configuration did not send it.
            .max_redirects(0)
            .max_idle_connections_per_host(config.concurrency())
            .user_agent(concat!("logclass/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls);
        if endpoint::is_loopback(&config.base_url) {
            // A proxy would take what is meant for this machine to another one.
            builder = builder.proxy(None);
        }
        Ok(Self { agent: builder.build().new_agent(), base_url: config.base_url.clone(), key: config.key()? })
    }

    /// Sends the body of a chat completion request.
    ///
    /// # Errors
    /// When no response came.
    pub fn complete(&self, body: &[u8]) -> Result<Exchange, Lost> {
        let mut request = self
            .agent
            .post(format!("{}/chat/completions", self.base_url))
            .header("Content-Type", "application/json")
            .header("Accept", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        request
            .send(body)
            .and_then(read)
            .map_err(|error| Lost { sent: may_have_been_sent(&error), error: self.said(&error.to_string()) })
    }

    /// The models that the endpoint lists; nothing when it does not.
    pub fn models(&self) -> Option<Vec<String>> {
        let mut request = self.agent.get(format!("{}/models", self.base_url));
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let exchange = request.call().and_then(read).ok().filter(|exchange| exchange.status == 200)?;
        let list = exchange.body.get("data")?.as_array()?;
        Some(list.iter().filter_map(|model| model.get("id")?.as_str().map(str::to_owned)).collect())
    }

    /// Somebody else's words, fit for an error: short, on one line, without the key or another secret.
    pub fn said(&self, words: &str) -> String {
        let words = match &self.key {
            Some(key) => words.replace(key.as_str(), "<key>"),
            None => words.to_owned(),
        };
        let words = redact(&words).split_whitespace().collect::<Vec<_>>().join(" ");
        words.chars().filter(|c| !c.is_control()).take(SAID_CHARS).collect()
    }
}

fn may_have_been_sent(error: &ureq::Error) -> bool {
    use ureq::Timeout::{Connect, Resolve};
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(Connect | Resolve) => false,
        ureq::Error::Io(error) => error.kind() != std::io::ErrorKind::ConnectionRefused,
        _ => true,
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Exchange, ureq::Error> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let limits = LimitHeaders::read(header);
    let location = header("location").map(str::to_owned);
    let status = response.status().as_u16();
    let bytes = response.body_mut().with_config().limit(MAX_RESPONSE).read_to_vec()?;
    Ok(Exchange { status, limits, body: body::parse(&bytes), location })
}
