//! `logclass serve` as clients see it: the binary, over real sockets.
#![cfg(all(feature = "serve", feature = "bundled"))]
#![allow(clippy::format_push_string, clippy::large_stack_arrays, clippy::cast_possible_truncation)] // a test's own traffic
#![allow(clippy::used_underscore_binding, clippy::double_ended_iterator_last, clippy::doc_markdown)]

mod api;
mod hardening;
mod harness;
mod jobs;
mod llm;
#[path = "../llm/server.rs"]
#[allow(dead_code)] // made for another test, which uses all of it
mod llm_server;
mod page;
mod safety;
