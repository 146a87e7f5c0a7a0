//! Counters and gauges as Prometheus reads them, in its text format.

use std::fmt::{Display, Write};

/// A page of figures.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a figure, of a `kind` such as `counter`.
    pub fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A value of a figure under some labels.
    pub fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "{name}{{");
        for (index, (label, text)) in labels.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{comma}{label}=\"{text}\"");
        }
        let _ = writeln!(self.0, "}} {value}");
    }

    /// A figure of one value.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }
}
