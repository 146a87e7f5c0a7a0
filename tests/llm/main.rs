//! The LLM stage through the real binary, against a real HTTP server that can be as bad as the ones out there.

mod answers;
mod cache;
mod commands;
mod faults;
mod limits;
mod outages;
mod privacy;
mod refusals;
mod server;
mod stage;
mod workdir;
