//! The progress bar: rows, pace and time left, on a terminal and nowhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

use crate::console::grouped;
use crate::environment::os_value;

/// A bar over the input's bytes that tells rows; silent when stderr is no terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    rows: u64,
}

impl Progress {
    /// A bar for an input of `bytes` (unknown for a pipe). `quiet` silences it, as does `TERM=dumb`.
    pub fn new(bytes: Option<u64>, quiet: bool) -> Self {
        let dumb = os_value("TERM").is_some_and(|term| term == "dumb");
        if quiet || dumb || !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), rows: 0 };
        }
        let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr_with_hz(10));
        let plain = os_value("NO_COLOR").is_some();
        let template = match (bytes, plain) {
            (Some(_), true) => "{msg} {bar:30} {percent:>3}% eta {eta}",
            (Some(_), false) => "{msg} {bar:30.cyan/blue} {percent:>3}% eta {eta}",
            (None, _) => "{msg} {bytes} read",
        };
        let style = ProgressStyle::with_template(template).expect("the templates above are valid");
        bar.set_style(style.progress_chars("━╸ "));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, rows: 0 }
    }

    /// Adds rows that were written and the bytes they were read from.
    pub fn advance(&mut self, rows: u64, bytes: u64) {
        self.rows += rows;
        if self.bar.is_hidden() {
            return;
        }
        self.bar.inc(bytes);
        let seconds = self.bar.elapsed().as_secs_f64().max(1e-3);
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let pace = (self.rows as f64 / seconds) as u64;
        self.bar.set_message(format!("{} rows  {} rows/s", grouped(self.rows), grouped(pace)));
    }
}

/// Takes the bar off the screen, however the work ended.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
