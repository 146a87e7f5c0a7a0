//! From the engine's writer to a response's body.
//!
//! Many clients send all of a request before they read any of its answer. A queue that only blocks would hold
//! such a client, and itself, for ever; so while the upload goes on, what does not fit into memory waits in a
//! nameless temporary file, and once the upload is complete the engine waits for the client instead.

use anyhow::Result;
use axum::body::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

use super::engine::Counts;
use crate::session::{Opened, Stopper};

/// Bytes held in memory.
const MEMORY: usize = 4 << 20;
/// Bytes written before an answer begins. Whatever goes wrong until then is still told with a status of its
/// own.
const HEAD_START: usize = 1 << 20;
/// Bytes read back from the file at a time.
const PIECE: usize = 256 << 10;

/// What was written and not yet sent, and how the work stands.
#[derive(Default)]
struct Spool {
    memory: VecDeque<Bytes>,
    held: usize,
    written: usize,
    file: Option<File>,
    file_read: u64,
    file_written: u64,
    outcome: Option<Result<Counts, Arc<anyhow::Error>>>,
    delimiter: Option<u8>,
    stopper: Option<Stopper>,
    abandoned: bool,
}

#[derive(Default)]
struct Shared {
    spool: Mutex<Spool>,
    room: Condvar,
    news: Notify,
    /// The upload is complete, so the client is free to read.
    received: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, outcome: Result<Counts, Arc<anyhow::Error>>) {
        self.lock().outcome.get_or_insert(outcome);
        self.news.notify_one();
    }
}

/// The engine's side.
pub struct SpoolWriter(Arc<Shared>);

/// Tells the end of the work, also when it ends in a panic.
pub struct Finisher(Arc<Shared>);

/// The response's side. Dropped, it stops the engine at its next write.
pub struct SpoolReader(Arc<Shared>);

/// Wraps the upload's reader to learn when the upload is complete.
pub struct Watched<R> {
    reader: R,
    shared: Arc<Shared>,
}

/// A spool around the upload `reader`.
pub fn spool<R: Read>(reader: R) -> (Watched<R>, SpoolWriter, Finisher, SpoolReader) {
    let shared = Arc::new(Shared::default());
    let watched = Watched { reader, shared: Arc::clone(&shared) };
    (watched, SpoolWriter(Arc::clone(&shared)), Finisher(Arc::clone(&shared)), SpoolReader(shared))
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.shared.received.store(true, Ordering::Release);
        }
        Ok(read)
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut spool = self.0.lock();
        loop {
            if spool.abandoned {
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone"));
            }
            let spilled = spool.file_written > spool.file_read;
            if !spilled && spool.held + bytes.len() <= MEMORY.max(bytes.len()) {
                spool.held += bytes.len();
                spool.memory.push_back(Bytes::copy_from_slice(bytes));
                break;
            }
            if !self.0.received.load(Ordering::Acquire) {
                spill(&mut spool, bytes)?;
                break;
            }
            spool = self.0.room.wait(spool).unwrap_or_else(PoisonError::into_inner);
        }
        spool.written += bytes.len();
        drop(spool);
        self.0.news.notify_one();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn spill(spool: &mut Spool, bytes: &[u8]) -> io::Result<()> {
    let at = spool.file_written;
    if spool.file.is_none() {
        spool.file = Some(tempfile::tempfile()?);
    }
    if let Some(file) = &mut spool.file {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
    }
    spool.file_written += bytes.len() as u64;
    Ok(())
}

impl Finisher {
    /// What the beginning of the upload told of it.
    pub fn opened(&self, opened: &Opened) {
        let mut spool = self.0.lock();
        let stopper = opened.stopper();
        if spool.abandoned {
            stopper.stop();
        }
        (spool.delimiter, spool.stopper) = (opened.delimiter(), Some(stopper));
    }

    /// The work's outcome.
    pub fn finish(self, outcome: Result<Counts>) {
        self.0.finish(outcome.map_err(Arc::new));
    }
}

impl Drop for Finisher {
    fn drop(&mut self) {
        self.0.finish(Err(Arc::new(anyhow::anyhow!("the classification stopped unexpectedly"))));
    }
}

/// What is known when an answer begins.
#[derive(Debug)]
pub struct Begun {
    /// The counts, if the work is done already.
    pub counts: Option<Counts>,
    /// Byte between the fields of a CSV.
    pub delimiter: Option<u8>,
}

/// What there is to send.
enum Taken {
    Bytes(Bytes),
    InFile,
    End,
    Nothing,
}

impl SpoolReader {
    /// Waits until there is enough to begin an answer.
    ///
    /// # Errors
    /// When the work failed before that.
    pub async fn begin(&self) -> Result<Begun, Arc<anyhow::Error>> {
        loop {
            {
                let spool = self.0.lock();
                let begun = |counts| Ok(Begun { counts, delimiter: spool.delimiter });
                match &spool.outcome {
                    Some(Ok(counts)) => return begun(Some(counts.clone())),
                    Some(Err(error)) => return Err(Arc::clone(error)),
                    None if spool.written >= HEAD_START => return begun(None),
                    None => {}
                }
            }
            self.0.news.notified().await;
        }
    }

    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// When the work failed, which breaks the answer off: a client must not take it for whole.
    pub async fn next(&self) -> io::Result<Option<Bytes>> {
        loop {
            match self.take()? {
                Taken::Bytes(bytes) => return Ok(Some(bytes)),
                Taken::InFile => return self.read_back().await.map(Some),
                Taken::End => return Ok(None),
                Taken::Nothing => self.0.news.notified().await,
            }
        }
    }

    fn take(&self) -> io::Result<Taken> {
        let mut spool = self.0.lock();
        if let Some(bytes) = spool.memory.pop_front() {
            spool.held -= bytes.len();
            drop(spool);
            self.0.room.notify_all();
            return Ok(Taken::Bytes(bytes));
        }
        if spool.file_written > spool.file_read {
            return Ok(Taken::InFile);
        }
        match &spool.outcome {
            Some(Ok(_)) => Ok(Taken::End),
            Some(Err(error)) => Err(io::Error::other(crate::error::one_line(error))),
            None => Ok(Taken::Nothing),
        }
    }

    async fn read_back(&self) -> io::Result<Bytes> {
        let shared = Arc::clone(&self.0);
        let read = tokio::task::spawn_blocking(move || {
            let mut spool = shared.lock();
            let (at, waiting) = (spool.file_read, spool.file_written - spool.file_read);
            let mut bytes = vec![0; usize::try_from(waiting).unwrap_or(PIECE).min(PIECE)];
            if let Some(file) = &mut spool.file {
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut bytes)?;
            }
            spool.file_read += bytes.len() as u64;
            if spool.file_read == spool.file_written {
                (spool.file_read, spool.file_written) = (0, 0);
                if let Some(file) = &spool.file {
                    file.set_len(0)?;
                }
                shared.room.notify_all();
            }
            Ok(Bytes::from(bytes))
        });
        read.await.map_err(io::Error::other)?
    }
}

impl Drop for SpoolReader {
    fn drop(&mut self) {
        let mut spool = self.0.lock();
        spool.abandoned = true;
        if let Some(stopper) = spool.stopper.take() {
            stopper.stop();
        }
        drop(spool);
        self.0.room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_written_comes_back_in_order_though_nobody_reads_during_the_upload() {
        let upload = io::repeat(7).take(100);
        let (mut watched, mut writer, finisher, reader) = spool(upload);
        let mut expected = Vec::new();
        for piece in 0..60_u8 {
            let bytes = vec![piece; 200_000];
            writer.write_all(&bytes).unwrap();
            expected.extend_from_slice(&bytes);
        }
        io::copy(&mut watched, &mut io::sink()).unwrap();
        finisher.finish(Ok(Counts::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut read = Vec::new();
        runtime.block_on(async {
            while let Some(bytes) = reader.next().await.unwrap() {
                read.extend_from_slice(&bytes);
            }
        });
        assert!(read == expected);
    }

    #[test]
    fn a_writer_whose_client_is_gone_stops() {
        let (_watched, mut writer, _finisher, reader) = spool(io::empty());
        drop(reader);
        assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn work_that_ends_without_a_word_is_a_failure() {
        let (_watched, _writer, finisher, reader) = spool(io::empty());
        drop(finisher);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(reader.begin()).is_err());
    }
}
