//! Output: whole or not at all.
//!
//! A regular file is written beside its final place and renamed over it when every byte is on the disk; whatever
//! happens before that leaves the old file as it was. Standard output, pipes and devices are written as they are.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::{NamedTempFile, TempPath};

/// Unfinished files of this process, for the signal handler to remove.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the unfinished output files. For a process that is about to end by a signal.
pub fn remove_unfinished() {
    for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = std::fs::remove_file(path);
    }
}

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
    name: String,
    stream: Box<dyn Write + Send>,
}

impl std::fmt::Debug for StreamOutput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("StreamOutput").field(&self.name).finish()
    }
}

impl Output {
    /// Opens `path` for writing; nothing or `-` is standard output.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stream(StreamOutput {
                name: "standard output".to_owned(),
                stream: Box::new(io::stdout()),
            }));
        };
        // A link to a file is followed: the file it points to is replaced, the link stays.
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match std::fs::metadata(&target) {
            Ok(found) if found.is_dir() => {
                crate::usage!("{}: is a folder, expected a file to write", path.display())
            }
            Ok(found) if !found.is_file() => {
                let file =
                    File::options().write(true).open(path).with_context(|| path.display().to_string())?;
                Ok(Self::Stream(StreamOutput { name: path.display().to_string(), stream: Box::new(file) }))
            }
            _ => Ok(Self::File(AtomicFile::create(&target)?)),
        }
    }

    /// Writes to `stream`, which errors call `name`.
    pub fn stream(name: &str, stream: Box<dyn Write + Send>) -> Self {
        Self::Stream(StreamOutput { name: name.to_owned(), stream })
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// When the system refuses; the error names the output.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Stream(output) => output.stream.write_all(bytes).with_context(|| output.name.clone()),
            Self::File(file) => file.write(bytes),
            Self::Nothing => Ok(()),
        }
    }

    /// Makes the output final.
    ///
    /// # Errors
    /// When what was written does not reach the disk, or the file cannot be renamed.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::Stream(mut output) => output.stream.flush().with_context(|| output.name.clone()),
            Self::File(file) => file.commit(),
            Self::Nothing => Ok(()),
        }
    }
}

/// A file that takes its place only when it is complete. Dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    unfinished: TempPath,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will be `path`, in the same folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = tempfile::Builder::new()
            .prefix(".logclass-")
            .suffix(".tmp")
            .tempfile_in(folder)
            .map_err(|error| io::Error::new(error.kind(), plain(&error)))
            .with_context(|| format!("{}: cannot write into its folder", path.display()))?;
        keep_permissions(&temporary, path);
        let (file, unfinished) = temporary.into_parts();
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(unfinished.to_path_buf());
        Ok(Self { file, unfinished, path: path.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).with_context(|| self.path.display().to_string())
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// When it does not reach the disk or cannot be renamed; the old file is then untouched.
    pub fn commit(self) -> Result<()> {
        let context = || self.path.display().to_string();
        self.file.sync_all().with_context(context)?;
        let unfinished = self.unfinished.to_path_buf();
        self.unfinished.persist(&self.path).map_err(|error| error.error).with_context(context)?;
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != unfinished);
        sync_folder(&self.path);
        Ok(())
    }
}

/// The system's words alone, without the temporary file's name that the library adds.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" at path").next().unwrap_or(&text).to_owned()
}

/// The permissions of the file that will be replaced, or those a new file gets.
#[cfg(unix)]
fn keep_permissions(temporary: &NamedTempFile, path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        std::fs::metadata(path).map_or_else(|_| 0o666 & !umask(path), |old| old.permissions().mode() & 0o777);
    let _ = temporary.as_file().set_permissions(std::fs::Permissions::from_mode(mode));
}

/// The process's umask, read from where the kernel tells it without changing it.
#[cfg(unix)]
fn umask(_path: &Path) -> u32 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
            u32::from_str_radix(line.trim(), 8).ok()
        })
        .unwrap_or(0o022)
}

#[cfg(not(unix))]
fn keep_permissions(_temporary: &NamedTempFile, _path: &Path) {}

/// Makes the rename itself durable where the system allows it; the file is already whole without.
fn sync_folder(path: &Path) {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
