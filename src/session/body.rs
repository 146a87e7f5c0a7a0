//! An input whose beginning was read: its records, and what is written of them.

use anyhow::Result;

use super::format::{Format, OutputFormat};
use super::options::Options;
use crate::input::csv::CsvLayout;
use crate::input::decode::Bytes;
use crate::input::open::{ColumnNames, CsvInput, open_csv, open_lines};
use crate::input::silence::Listening;
use crate::input::{BadRows, ChunkReader, JsonLayout, LineLayout, Multiline};
use crate::pipeline::{Shape, Unreadable, header, new_columns, new_header};

/// The records, and how they are written.
pub struct Body {
    pub reader: ChunkReader<Bytes>,
    /// What the output begins with.
    pub head: Vec<u8>,
    pub shape: Shape,
    /// Whether the delimiter was told by the header.
    pub sniffed: bool,
    /// The columns of a CSV.
    pub csv: Option<(Vec<String>, CsvLayout)>,
    /// Lines before the header that are none.
    pub passed: Vec<String>,
    /// Of a text whose first line is a JSON object: whether it has the message's field.
    pub json: Option<bool>,
    /// What records that cannot be read become, where they are rows all the same.
    pub unreadable: Option<Unreadable>,
}

impl Body {
    /// The byte between the fields of a CSV.
    pub fn delimiter(&self) -> Option<u8> {
        self.csv.as_ref().map(|(_, layout)| layout.delimiter)
    }

    /// The same, where nobody named it and the header told.
    pub fn sniffed_delimiter(&self) -> Option<u8> {
        self.delimiter().filter(|_| self.sniffed)
    }

    /// Reads the beginning of an input.
    pub fn open(bytes: Bytes, options: &Options) -> Result<Self> {
        match options.format {
            Format::Csv => Self::csv(bytes, options),
            Format::Ndjson => Self::ndjson(bytes, options),
            Format::Text => Self::text(bytes, options),
        }
    }

    fn csv(bytes: Bytes, options: &Options) -> Result<Self> {
        let safe = options.csv_safe;
        let columns = options.columns_read();
        let input = open_csv(bytes, options.delimiter, &columns, options.limits)?;
        let (delimiter, newline) = (input.layout.delimiter, input.newline);
        let (new, shape) = if options.only_label {
            (options.new_names(), Shape::LabelsToCsv { delimiter, newline, safe })
        } else {
            let overwrite = input.layout.label.is_some();
            let new = new_columns(&input, &columns.label, options.added)?;
            (new, Shape::Csv { delimiter, newline, overwrite, safe })
        };
        let head = match (columns.no_header, options.only_label) {
            (true, true) => Vec::new(),
            (true, false) => input.header.clone(),
            (false, true) => new_header(&new, delimiter, newline, safe),
            (false, false) => header(&input, &new, safe),
        };
        let CsvInput { reader, sniffed, passed, names, layout, .. } = input;
        let unreadable = options.unreadable(Some(layout));
        Ok(Self { reader, head, shape, sniffed, csv: Some((names, layout)), passed, json: None, unreadable })
    }

    fn ndjson(bytes: Bytes, options: &Options) -> Result<Self> {
        let columns = options.columns_read();
        let label = columns.label.clone();
        let shape = if options.only_label { Shape::LabelsToJson { label } } else { Shape::Json { label } };
        let layout = JsonLayout {
            message: columns.message,
            source: columns.source,
            label: columns.label,
            severity: columns.severity,
            time: columns.time,
            overwrite: columns.overwrite,
            added: if options.only_label { Vec::new() } else { options.added.names() },
            message_optional: options.limits.bad_rows == BadRows::Unclassified,
        };
        let input = open_lines(bytes, LineLayout::Json(layout), &options.columns.message, options.limits)?;
        let head = if options.only_label { Vec::new() } else { input.mark };
        Ok(Self { head, ..Self::lines(input.reader, shape, options) })
    }

    fn text(bytes: Bytes, options: &Options) -> Result<Self> {
        let joins = options.multiline != Multiline::Off;
        // A live record of several lines ends when the next one begins, or when nothing comes for a while.
        let bytes: Bytes = if options.limits.live && joins { Box::new(Listening::new(bytes)) } else { bytes };
        let layout = LineLayout::Text(options.multiline.clone());
        let input = open_lines(bytes, layout, &options.columns.message, options.limits)?;
        let ColumnNames { message, label, .. } = options.columns.clone();
        let safe = options.csv_safe;
        let mut names = options.new_names();
        let (head, shape) = match (options.text_output, options.only_label) {
            (OutputFormat::Csv, true) => {
                let shape = Shape::LabelsToCsv { delimiter: b',', newline: b"\n", safe };
                (new_header(&names, b',', b"\n", safe), shape)
            }
            (OutputFormat::Csv, false) => {
                names.insert(0, &message);
                (new_header(&names, b',', b"\n", safe), Shape::TextToCsv { safe })
            }
            (OutputFormat::Ndjson, true) => (Vec::new(), Shape::LabelsToJson { label }),
            (OutputFormat::Ndjson, false) => (Vec::new(), Shape::TextToJson { message, label }),
        };
        Ok(Self { head, json: input.json, ..Self::lines(input.reader, shape, options) })
    }

    /// Records that are lines.
    fn lines(reader: ChunkReader<Bytes>, shape: Shape, options: &Options) -> Self {
        let unreadable = options.unreadable(None);
        Self {
            reader,
            head: Vec::new(),
            shape,
            sniffed: false,
            csv: None,
            passed: Vec::new(),
            json: None,
            unreadable,
        }
    }
}
