//! How much is on its way between source and sink. The pipeline bounds the number of chunks; batches can be of any size.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes of batches that may be on their way; a larger one goes alone.
const MOST: usize = 128 << 20;

/// Counts the bytes on their way.
#[derive(Debug, Clone)]
pub struct Flow(Arc<(Mutex<usize>, Condvar)>);

/// Leave for some bytes, which ends when it is dropped, wherever that happens. So nobody waits for a batch that was lost
/// with a run that failed.
#[derive(Debug)]
pub struct Permit {
    flow: Flow,
    bytes: usize,
}

impl Flow {
    /// Nothing is on its way.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Waits until these bytes may go.
    pub fn permit(&self, bytes: usize) -> Permit {
        let (held, changed) = &*self.0;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        while *held > 0 && *held + bytes > MOST {
            held = changed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        *held += bytes;
        Permit { flow: self.clone(), bytes }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let (held, changed) = &*self.flow.0;
        *held.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        changed.notify_all();
    }
}
