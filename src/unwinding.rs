//! Panics of a library as errors: for libraries that assert what a damaged file can break.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether nobody is told of a panic of this thread.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives; nothing where it panicked, of which nobody is told.
pub fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                hook(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    let worked = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    worked.ok()
}
