//! From messages to batches, and from batches to chunks.

use anyhow::Result;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{CompressionType, MessageHeader};
use arrow_schema::Schema;
use std::collections::HashMap;
use std::sync::Arc;

use super::super::chunks::{ChunkBuilder, ROWS, Row};
use super::super::error::ColumnarError;
use super::super::place::Place;
use super::cells::Cells;
use super::flow::Flow;
use super::item::{Carried, Item};
use super::messages::{Messages, Next, message};
use super::plan::Plan;
use crate::input::{Chunk, ChunkSource, Limits};
use crate::unwinding::quietly;

/// The schema that the first stream begins with.
pub fn first_schema(messages: &mut Messages) -> Result<Schema> {
    match messages.next()? {
        Next::Message(metadata, _) => {
            let schema = schema(&metadata).map_err(|why| messages.damaged(&why))?;
            messages.stream = 1;
            Ok(schema)
        }
        Next::EndOfStream => Err(messages.damaged("it does not begin with a schema")),
        Next::End => Err(messages.cut()),
    }
}

fn schema(metadata: &[u8]) -> Result<Schema, String> {
    let read = || {
        let message = message(metadata)?;
        let schema = message.header_as_schema().ok_or("it does not begin with a schema")?;
        try_fb_to_schema(schema).map_err(|error| error.to_string())
    };
    quietly(read).unwrap_or_else(|| Err("its schema makes no sense".to_owned()))
}

/// Streams as chunks.
pub struct ArrowSource {
    messages: Messages,
    plan: Arc<Plan>,
    limits: Limits,
    flow: Flow,
    state: State,
    /// The columns that a dictionary belongs to: those of the present stream, whose dictionaries may have numbers of
    /// their own.
    carried: Arc<Schema>,
    dictionaries: HashMap<i64, ArrayRef>,
    /// Whether a dictionary of the present stream has grown.
    deltas: bool,
    /// The batch at hand and its next row.
    batch: Option<(RecordBatch, usize)>,
    /// Rows that were given out.
    rows: u64,
}

/// Where the source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A stream's schema was read, and nobody was told.
    Begun,
    /// Within a stream.
    Within,
    /// Between streams.
    Between,
    /// At the end.
    Ended,
}

impl ArrowSource {
    /// Reads on behind the first schema.
    pub fn new(messages: Messages, plan: Arc<Plan>, limits: Limits, flow: Flow) -> Self {
        let (carried, state) = (Arc::clone(&plan.carried), State::Begun);
        let dictionaries = HashMap::new();
        Self {
            messages,
            plan,
            limits,
            flow,
            state,
            carried,
            dictionaries,
            deltas: false,
            batch: None,
            rows: 0,
        }
    }

    /// What comes next of the messages.
    fn item(&mut self) -> Result<Option<Item>> {
        loop {
            match self.state {
                State::Begun => {
                    self.state = State::Within;
                    return Ok(Some(Item::Begin));
                }
                State::Ended => return Ok(None),
                State::Within | State::Between => {}
            }
            match self.messages.next()? {
                Next::EndOfStream if self.state == State::Within => {
                    self.state = State::Between;
                    let metadata = self.messages.footer()?;
                    if metadata.is_some() {
                        self.state = State::Ended;
                    }
                    return Ok(Some(Item::End(metadata.into_iter().flatten().collect())));
                }
                Next::EndOfStream => return Err(self.messages.damaged("a stream ends twice")),
                Next::End if self.state == State::Within => {
                    // A stream may end without its mark, a file may not.
                    if self.messages.footer()?.is_some() {
                        return Err(self.messages.cut());
                    }
                    self.state = State::Ended;
                    return Ok(Some(Item::End(HashMap::new())));
                }
                Next::End => self.state = State::Ended,
                Next::Message(metadata, body) => {
                    if let Some(item) = self.message(&metadata, &body)? {
                        return Ok(Some(item));
                    }
                }
            }
        }
    }

    fn message(&mut self, metadata: &[u8], body: &Buffer) -> Result<Option<Item>> {
        let header = message(metadata).map(|message| message.header_type());
        match header.map_err(|why| self.messages.damaged(&why))? {
            MessageHeader::Schema if self.state == State::Between => {
                self.messages.stream += 1;
                self.messages.batches = 0;
                let schema = schema(metadata).map_err(|why| self.messages.damaged(&why))?;
                if let Some(difference) = self.plan.difference(&schema) {
                    let stream = self.messages.stream;
                    return Err(ColumnarError::SchemaChanged { stream, difference }.into());
                }
                self.carried = Arc::new(super::plan::as_bytes(&schema));
                self.dictionaries.clear();
                (self.deltas, self.state) = (false, State::Begun);
                Ok(None)
            }
            MessageHeader::RecordBatch | MessageHeader::DictionaryBatch if self.state == State::Between => {
                Err(self.messages.damaged("a stream does not begin with a schema"))
            }
            MessageHeader::RecordBatch => {
                let (batch, compression) = self.record_batch(metadata, body)?;
                self.messages.batches += 1;
                self.batch = Some((batch.clone(), 0));
                let permit = self.flow.permit(batch.get_array_memory_size().max(body.len()));
                let deltas = self.deltas;
                Ok(Some(Item::Batch(Box::new(Carried { batch, compression, deltas, permit }))))
            }
            MessageHeader::DictionaryBatch => self.dictionary(metadata, body).map(|()| None),
            other => Err(self.messages.damaged(&format!("a message is of kind {other:?}"))),
        }
    }

    fn record_batch(&self, metadata: &[u8], body: &Buffer) -> Result<(RecordBatch, Option<CompressionType>)> {
        let read = || {
            let message = message(metadata)?;
            let header = message.header_as_record_batch().ok_or("a batch is missing")?;
            let compression = header.compression().map(|compression| compression.codec());
            let schema = Arc::clone(&self.carried);
            let batch = read_record_batch(body, header, schema, &self.dictionaries, None, &message.version())
                .map_err(|error| error.to_string())?;
            Ok((batch, compression))
        };
        let read = quietly(read).unwrap_or_else(|| Err("a batch makes no sense".to_owned()));
        read.map_err(|why| self.messages.damaged(&why))
    }

    fn dictionary(&mut self, metadata: &[u8], body: &Buffer) -> Result<()> {
        let read = || {
            let message = message(metadata)?;
            let header = message.header_as_dictionary_batch().ok_or("a dictionary is missing")?;
            let is_delta = header.isDelta();
            read_dictionary(body, header, &self.carried, &mut self.dictionaries, &message.version())
                .map_err(|error| error.to_string())?;
            Ok(is_delta)
        };
        let read = quietly(read).unwrap_or_else(|| Err("a dictionary makes no sense".to_owned()));
        self.deltas |= read.map_err(|why| self.messages.damaged(&why))?;
        Ok(())
    }

    /// The next rows of the batch at hand, and what goes with them.
    fn rows(&mut self, item: Option<Item>) -> Chunk {
        let mut chunk = ChunkBuilder::new(self.rows + 1, self.limits);
        if let Some((batch, next)) = self.batch.take() {
            // Numbers and keys are looked up for no more rows than a chunk may have.
            let part = batch.slice(next, ROWS.min(batch.num_rows() - next));
            let cells = |place: &Place| Cells::new(&part, place);
            let message = cells(&self.plan.message);
            let [source, severity, time] = [&self.plan.source, &self.plan.severity, &self.plan.time]
                .map(|place| place.as_ref().map(cells));
            let mut row = 0;
            while row < part.num_rows() && !chunk.is_full() {
                chunk.push(&Row {
                    message: message.get(row),
                    source: source.as_ref().and_then(|cells| cells.get(row)),
                    severity: severity.as_ref().and_then(|cells| cells.get(row)),
                    time: time.as_ref().and_then(|cells| cells.get(row)),
                });
                row += 1;
            }
            self.rows += row as u64;
            self.batch = (next + row < batch.num_rows()).then_some((batch, next + row));
        }
        chunk.finish(item.map(|item| Box::new(item) as _))
    }
}

impl ChunkSource for ArrowSource {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        if self.batch.is_some() {
            return Ok(Some(self.rows(None)));
        }
        Ok(self.item()?.map(|item| self.rows(Some(item))))
    }
}
