//! Envelopes: what is found around a body, in every format that is known, and what holds for any text.

mod properties;
mod table;
