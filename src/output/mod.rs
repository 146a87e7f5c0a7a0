//! Output: whole or not at all.
//!
//! A regular file is written beside its final place and renamed over it when every byte is on the disk;
//! whatever happens before that leaves the old file as it was. Standard output, pipes and devices are written
//! as they are.

mod atomic;
mod rejects;
mod zstd;

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{StdoutError, usage};
pub use atomic::{AtomicFile, remove_unfinished};
pub use rejects::Rejects;
pub use zstd::ZstdWriter;

/// Where a run writes.
#[derive(Debug)]
pub enum Output {
    /// Standard output, a pipe or a device.
    Stream(StreamOutput),
    /// A file that appears when it is finished.
    File(AtomicFile),
    /// Nowhere, for a dry run.
    Nothing,
}

/// An open stream; the name is for errors.
pub struct StreamOutput {
    /// Nothing for standard output.
    name: Option<String>,
    stream: Box<dyn Write + Send>,
}

impl std::fmt::Debug for StreamOutput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("StreamOutput").field(&self.name).finish()
    }
}

impl StreamOutput {
    fn failure(&self, error: io::Error) -> anyhow::Error {
        match &self.name {
            Some(name) => anyhow::Error::new(error).context(name.clone()),
            None => StdoutError(error).into(),
        }
    }
}

impl Output {
    /// Opens `path` for writing; nothing or `-` is standard output.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path.filter(|path| !is_stdout(path)) else {
            let stream = StreamOutput { name: None, stream: Box::new(io::stdout()) };
            return Ok(Self::Stream(stream));
        };
        if is_stderr(path) {
            return Ok(Self::stream(io::stderr(), "standard error"));
        }
        // By its own name: what a link under /dev/fd leads to may have none.
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                Err(usage(format!("{}: is a folder, expected a file to write", path.display())))
            }
            Ok(found) if !found.is_file() => {
                let file =
                    File::options().write(true).open(path).with_context(|| path.display().to_string())?;
                Ok(Self::stream(file, &path.display().to_string()))
            }
            _ => Ok(Self::File(AtomicFile::create(&followed(path))?)),
        }
    }

    /// The same for what is written beside the rows. Standard output is then no end of a pipeline that may have enough: that
    /// its reader has gone is a failure, as with any other file.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn beside(path: &Path) -> Result<Self> {
        if is_stdout(path) {
            Ok(Self::stream(io::stdout(), "standard output"))
        } else {
            Self::create(Some(path))
        }
    }

    /// Makes sure that `path` can be written, for an output that comes last. A pipe or a device is opened only then: opening a
    /// pipe waits for its reader.
    ///
    /// # Errors
    /// Those of [`Output::beside`].
    pub fn prepare(path: &Path) -> Result<Prepared<'_>> {
        let waits = is_stdout(path)
            || is_stderr(path)
            || std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
        Ok(if waits { Prepared::Later(path) } else { Prepared::Begun(Self::beside(path)?) })
    }

    /// Writes to `stream`, which errors call `name`.
    pub fn stream(stream: impl Write + Send + 'static, name: &str) -> Self {
        Self::Stream(StreamOutput { name: Some(name.to_owned()), stream: Box::new(stream) })
    }

    /// Hands on what is held back.
    ///
    /// # Errors
    /// When the system refuses; the error names the output.
    pub fn flush(&mut self) -> Result<()> {
        match self {
            Self::Stream(output) => output.stream.flush().map_err(|error| output.failure(error)),
            Self::File(_) | Self::Nothing => Ok(()),
        }
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// When the system refuses; the error names the output.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Stream(output) => output.stream.write_all(bytes).map_err(|error| output.failure(error)),
            Self::File(file) => file.write(bytes),
            Self::Nothing => Ok(()),
        }
    }

    /// Writes `bytes` this many times, without holding all of it.
    ///
    /// # Errors
    /// When the system refuses; the error names the output.
    pub fn repeat(&mut self, bytes: &[u8], times: u64) -> Result<()> {
        const AT_ONCE: u64 = 8 << 10;
        let many = bytes.repeat(usize::try_from(times.min(AT_ONCE))?);
        for _ in 0..times / AT_ONCE {
            self.write(&many)?;
        }
        self.write(&many[..bytes.len() * usize::try_from(times % AT_ONCE)?])
    }

    /// Makes the output final.
    ///
    /// # Errors
    /// When what was written does not reach the disk, or the file cannot be renamed.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::File(file) => file.commit(),
            mut stream => stream.flush(),
        }
    }
}

/// An output that can be written when its time comes.
#[derive(Debug)]
pub enum Prepared<'a> {
    /// A file, which is begun.
    Begun(Output),
    /// What is opened when it is written.
    Later(&'a Path),
}

impl Prepared<'_> {
    /// The output.
    ///
    /// # Errors
    /// When a pipe or device cannot be opened.
    pub fn open(self) -> Result<Output> {
        match self {
            Self::Begun(output) => Ok(output),
            Self::Later(path) => Output::beside(path),
        }
    }
}

/// Whether `path` is standard output. A shell may have opened it to append to a file, which opening it again
/// by name would not.
pub fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

/// Whether `path` is standard error. Where that is a file, it has what was said before, and must not be
/// replaced.
pub fn is_stderr(path: &Path) -> bool {
    ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"].iter().any(|name| path == Path::new(name))
}

/// Links that are followed, as many as Linux does.
const LINKS: usize = 40;

/// The file that is written when `path` is: a link is followed, also to what is not there yet; the link
/// stays.
pub fn followed(path: &Path) -> PathBuf {
    if let Ok(found) = std::fs::canonicalize(path) {
        return found;
    }
    let mut target = path.to_owned();
    for _ in 0..LINKS {
        let Ok(link) = std::fs::read_link(&target) else { break };
        target = target.parent().unwrap_or(Path::new("")).join(link);
    }
    target
}
