//! The regex stage: the first rule whose pattern matches a record gives its label.
//!
//! Rules come in packs, one for each program, and from the user's configuration. Those that any record may meet are matched together,
//! in one pass over the text whatever their number; those of a pack only on records of its program, so that several hundred rules
//! cost a row no more than the few that concern it. Order decides among those that match.

mod bundle;
mod check;
mod group;
mod matcher;
pub mod packs;
mod pattern;
mod readable;
mod rule;
mod search;

pub use check::{findings, name_of};
pub use matcher::Rules;
pub use pattern::check_pattern;
pub use rule::{Rule, Scope, Subject};
