//! logclass labels log messages.
//!
//! A record's message passes through three stages, cheapest first; the first that has an answer gives the
//! label:
//!
//! ```text
//! input -> pipeline -> cascade:  rules -> model ---------------> LLM  -> output
//!          (template,            regex    lexical path, where   what
//!           table)                        unsure encoder, head  is left
//! ```
//!
//! The stages ([`rules`], [`encoder`] with [`head`], [`llm`]) do not know each other; [`cascade`] joins them
//! and [`pipeline`] drives a file through them. The binary's commands are in [`commands`].
//!
#![cfg_attr(feature = "bundled", doc = "```")]
#![cfg_attr(not(feature = "bundled"), doc = "```no_run")]
//! use logclass::{cascade::Cascade, config::Config, encoder, head::Head, rules, template};
//!
//! let config = Config::default();
//! let encoder = encoder::LazyEncoder::new(encoder::parse_source(None)?, encoder::Backend::Auto);
//! let cascade = Cascade::new(&config, rules::packs::all_bundled(), Head::bundled()?, encoder, None, false)?;
//! let template = template::Template::of(b"User 4711 logged out after 35 minutes");
//! assert_eq!(template.text, "User # logged out after # minutes");
//! let verdict = cascade.by_model(&[&template])?[0];
//! assert_eq!(cascade.labels().name(verdict.label), "User Action");
//! # anyhow::Ok(())
//! ```

pub mod cascade;
pub mod cli;
#[cfg(feature = "columnar")]
pub mod columnar;
pub mod commands;
pub mod config;
pub mod console;
pub mod encoder;
pub mod envelope;
pub mod environment;
pub mod error;
pub mod evaluation;
pub mod head;
pub mod history;
pub mod input;
pub mod label;
pub mod llm;
pub mod metrics;
pub mod output;
pub mod paths;
pub mod pipeline;
mod position;
mod prehashed;
pub mod progress;
pub mod prometheus;
pub mod rules;
#[cfg(feature = "serve")]
pub mod serve;
pub mod session;
#[cfg(unix)]
mod signals;
pub mod summary;
pub mod template;
pub mod train;
mod unwinding;
pub mod verdict;
pub mod verdicts;
