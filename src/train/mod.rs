//! Training: from labelled templates to a head.
//!
//! The work is per distinct template, not per row. Regularisation is chosen by cross-validation in which a template
//! is never on both sides, and everything that says how far a model may be trusted (temperature, thresholds, the
//! figures in the file) comes from those held-out predictions, never from what the model was fitted to.

mod dataset;
mod dense;
mod encoded;
pub mod fine_tune;
mod finish;
mod folds;
pub mod lbfgs;
mod lexical;
pub mod regression;
mod select;
mod settings;
mod spelling;
mod temperature;

pub use dataset::{Dataset, Example};
pub use encoded::Encoded;
pub use finish::finish;
pub use folds::{folds, group_folds, hold_out_groups};
pub use lexical::choose_lexical;
pub use select::{HeldOut, select};
pub use settings::{Prior, Settings};
