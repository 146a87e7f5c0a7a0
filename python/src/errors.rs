//! The library's errors as Python's, in the same words.

use logclass::error::{ExitStatus, exit_status_of, one_line};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(logclass, Error, PyException, "What logclass cannot do, in the words of the command line.");
create_exception!(
    logclass,
    UsageError,
    Error,
    "An argument or a configuration that makes no sense (exit status 2 of the command line)."
);

/// `error`, to be raised.
pub fn raised(error: &anyhow::Error) -> PyErr {
    match exit_status_of(error) {
        ExitStatus::Usage => UsageError::new_err(one_line(error)),
        _ => Error::new_err(one_line(error)),
    }
}
