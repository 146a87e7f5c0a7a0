//! What the model has said of templates, kept: in a [`Table`], for all threads of a process in [`Verdicts`], and from one
//! process to the next in a [`file`](mod@file).
//!
//! A verdict here is the model's alone. Rules and routes decide by source and message, which a template has no more, so they
//! are consulted for each row; what an LLM answers has a store of its own. That is why a template and its severity are the whole key.

pub mod file;
mod identity;
mod shared;
mod store;
mod table;

pub use file::VerdictsError;
pub use identity::Identity;
pub use shared::{Learned, Verdicts};
pub use store::{Added, VerdictsFile, holds_verdicts};
pub use table::{Key, KeyMap, Table, key, key_of_path};
