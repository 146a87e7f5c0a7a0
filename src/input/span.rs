//! Where records and fields stand.

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldForm {
    /// As it is.
    #[default]
    Plain,
    /// In CSV's quotes.
    Quoted,
    /// As a JSON value.
    Json,
}

/// Where a field stands in its chunk, quotes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSpan {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// How it is written.
    pub form: FieldForm,
}

/// Where a record stands in its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordSpan {
    /// First byte.
    pub start: u32,
    /// One past the last byte before the line terminator.
    pub end: u32,
    /// One past the line terminator.
    pub next: u32,
    /// The message.
    pub message: FieldSpan,
    /// The source; empty when the input has none.
    pub source: FieldSpan,
    /// The severity; empty when the input has no field for it.
    pub severity: FieldSpan,
    /// The time; empty when the input has no field for it.
    pub time: FieldSpan,
    /// The label that is to be overwritten; at 0 when it is new.
    pub label: FieldSpan,
}
