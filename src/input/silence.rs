//! A stream that tells when nothing comes: what a live record of several lines needs to know that it has ended.

use std::io::{Error, ErrorKind, Read, Result};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::decode::Bytes;

/// Silence after which a record is taken for whole.
const SILENCE: Duration = Duration::from_millis(300);
/// Bytes read at a time.
const PIECE: usize = 64 << 10;

/// Reads on a thread of its own, and fails with [`ErrorKind::TimedOut`] once for each silence.
pub struct Listening {
    pieces: Receiver<Result<Vec<u8>>>,
    rest: Vec<u8>,
    taken: usize,
    /// The silence that goes on was reported.
    reported: bool,
}

impl Listening {
    /// Listens to `bytes`.
    pub fn new(mut bytes: Bytes) -> Self {
        let (sender, pieces) = sync_channel(2);
        // The thread ends with the stream, or with the process: nothing can interrupt a read.
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = match bytes.read(&mut piece) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    read => read,
                };
                let ended = !matches!(read, Ok(1..));
                let piece = read.map(|length| {
                    piece.truncate(length);
                    piece
                });
                if sender.send(piece).is_err() || ended {
                    return;
                }
            }
        });
        Self { pieces, rest: Vec::new(), taken: 0, reported: false }
    }
}

impl Read for Listening {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.taken == self.rest.len() {
            let piece = if self.reported {
                self.pieces.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.pieces.recv_timeout(SILENCE)
            };
            self.rest = match piece {
                Ok(piece) => piece?,
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
                Err(RecvTimeoutError::Timeout) => {
                    self.reported = true;
                    return Err(Error::from(ErrorKind::TimedOut));
                }
            };
            (self.taken, self.reported) = (0, false);
        }
        let length = buffer.len().min(self.rest.len() - self.taken);
        buffer[..length].copy_from_slice(&self.rest[self.taken..][..length]);
        self.taken += length;
        Ok(length)
    }
}
