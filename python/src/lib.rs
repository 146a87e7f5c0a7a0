//! `logclass._core`: what the Python module `logclass` is made of.
//!
//! Python's lock is released while rows are classified, and no thread is started before that: engines fork. Which kinds of
//! objects hold rows is decided in Python (`logclass/__init__.py`); here they are lists and Arrow arrays.

mod arrow;
mod core;
mod errors;
mod list;

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs the command line; returns its exit status.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| logclass::commands::main(&arguments))
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("Error", module.py().get_type::<errors::Error>())?;
    module.add("UsageError", module.py().get_type::<errors::UsageError>())?;
    module.add_class::<core::Core>()?;
    module.add_function(wrap_pyfunction!(main, module)?)
}
