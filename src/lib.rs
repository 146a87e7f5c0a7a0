//! logclass labels log messages.
//!
//! A record's message passes through three stages, cheapest first; the first that has an answer gives the label:
//!
//! ```text
//! input -> pipeline -> cascade:  rules -> model -> LLM  -> output
//!          (template,            regex    encoder,  what
//!           table)                        head      is left
//! ```
//!
//! The stages ([`rules`], [`encoder`] with [`head`], [`llm`]) do not know each other; [`cascade`] joins them and
//! [`pipeline`] drives a file through them. The binary's commands are in [`commands`].
//!
#![cfg_attr(feature = "bundled", doc = "```")]
#![cfg_attr(not(feature = "bundled"), doc = "```no_run")]
//! use logclass::{cascade::Cascade, config::Config, encoder, head::Head, template};
//!
//! let config = Config::bundled()?;
//! let encoder = encoder::LazyEncoder::new(encoder::parse_source(None)?, encoder::Backend::Auto);
//! let cascade = Cascade::new(&config, config.rules.clone(), Head::bundled()?, encoder, None, false)?;
//! let template = template::mask(b"User 4711 logged out after 35 minutes");
//! assert_eq!(template, "User # logged out after # minutes");
//! let verdict = cascade.by_model(&[&template])?[0];
//! assert_eq!(cascade.labels().name(verdict.label), "User Action");
//! # anyhow::Ok(())
//! ```

pub mod cascade;
pub mod cli;
pub mod commands;
pub mod config;
pub mod encoder;
pub mod error;
pub mod head;
pub mod input;
pub mod llm;
pub mod metrics;
pub mod output;
pub mod pipeline;
pub mod progress;
pub mod record;
pub mod report;
pub mod rules;
#[cfg(feature = "serve")]
pub mod serve;
pub mod summary;
pub mod template;
pub mod train;
