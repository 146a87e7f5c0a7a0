//! A file that is whole or not there.

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::{NamedTempFile, TempPath};

use super::ZstdWriter;
use crate::console::tell;
use crate::error::usage;

/// Unfinished files of this process, for the signal handler to remove.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the unfinished output files. For a process that is about to end by a signal.
pub fn remove_unfinished() {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    for path in unfinished.drain(..) {
        let _ = std::fs::remove_file(path);
    }
    // Never unlocked: another thread must not begin a file while the process ends.
    std::mem::forget(unfinished);
}

/// What a file is made of.
#[derive(Debug)]
enum Content {
    Plain(File),
    Gzip(GzEncoder<File>),
    Zstd(Box<ZstdWriter<File>>),
}

/// A file that takes its place only when it is complete. Dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile {
    file: Content,
    unfinished: TempPath,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will be `path`, in the same folder; one whose name ends in `.gz` or `.zst` is
    /// compressed.
    ///
    /// # Errors
    /// When the folder cannot be written, or the name asks for a compression there is not.
    pub fn create(path: &Path) -> Result<Self> {
        let ends_in = |wanted: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted));
        if ["bz2", "xz", "zip"].into_iter().any(ends_in) {
            return Err(usage(format!(
                "{}: output is written plain, as .gz or as .zst: name it so",
                path.display()
            )));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Held while the file is made, so that a signal finds it on the list or not made at all.
        let mut unfinished_files = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = tempfile::Builder::new()
            .prefix(".logclass-")
            .suffix(".tmp")
            .tempfile_in(folder)
            .map_err(|error| io::Error::new(error.kind(), plain(&error)))
            .with_context(|| format!("{}: cannot write into its folder", path.display()))?;
        keep_permissions(&temporary, path);
        let (file, unfinished) = temporary.into_parts();
        unfinished_files.push(unfinished.to_path_buf());
        let file = if ends_in("gz") {
            Content::Gzip(GzEncoder::new(file, Compression::default()))
        } else if ends_in("zst") {
            Content::Zstd(Box::new(ZstdWriter::new(file)))
        } else {
            Content::Plain(file)
        };
        Ok(Self { file, unfinished, path: path.to_owned() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            Content::Plain(file) => file.write_all(bytes),
            Content::Gzip(file) => file.write_all(bytes),
            Content::Zstd(file) => file.write_all(bytes),
        }
        .with_context(|| self.path.display().to_string())
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// When it does not reach the disk or cannot be renamed; the old file is then untouched.
    pub fn commit(self) -> Result<()> {
        let context = || self.path.display().to_string();
        let file = match self.file {
            Content::Plain(file) => file,
            Content::Gzip(file) => file.finish().with_context(context)?,
            Content::Zstd(file) => file.finish().with_context(context)?,
        };
        file.sync_all().with_context(context)?;
        let unfinished = self.unfinished.to_path_buf();
        let forget = || {
            UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != unfinished);
        };
        match self.unfinished.persist(&self.path) {
            Ok(()) => forget(),
            // A file that is mounted by itself, as containers do it, can be written and not replaced.
            Err(refused) if refused.error.kind() == io::ErrorKind::ResourceBusy => {
                // From here on this is the only whole copy: a signal must not remove it.
                forget();
                return write_in_place(refused.path, &self.path);
            }
            Err(refused) => return Err(refused.error).with_context(context),
        }
        sync_folder(&self.path);
        Ok(())
    }
}

/// Copies a finished file over one that cannot be replaced. If that fails half-way, the finished file stays, and the error
/// tells where.
fn write_in_place(finished: TempPath, path: &Path) -> Result<()> {
    tell(&format!(
        "logclass: note: {}: cannot be replaced (is it a mount?): it is written in place, so a failure now would leave it \
         incomplete\n",
        path.display()
    ));
    let open = || {
        let source = File::open(&finished)?;
        Ok::<_, io::Error>((source, File::options().write(true).open(path)?))
    };
    // Nothing is lost as long as the old file is untouched.
    let (mut source, mut target) = open().with_context(|| path.display().to_string())?;
    let mut copy = || {
        target.set_len(0)?;
        io::copy(&mut source, &mut target)?;
        target.sync_all()
    };
    if let Err(error) = copy() {
        let kept = finished.keep().unwrap_or_else(|error| error.path.to_path_buf());
        return Err(error).with_context(|| {
            format!("{}: incomplete now; the complete output is {}", path.display(), kept.display())
        });
    }
    Ok(())
}

/// The system's words alone, without the temporary file's name that the library adds.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" at path").next().unwrap_or(&text).to_owned()
}

/// Owner, group and mode of the file that will be replaced, or the mode that a new file gets. The owner can be kept by root
/// alone, the group by its members; the mode is kept in any case, and after them, because a change of owner takes some of it.
#[cfg(unix)]
fn keep_permissions(temporary: &NamedTempFile, path: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let file = temporary.as_file();
    let mode = match std::fs::metadata(path) {
        Ok(old) => {
            if fchown(file, Some(old.uid()), Some(old.gid())).is_err() {
                let _ = fchown(file, None, Some(old.gid()));
            }
            old.permissions().mode() & 0o7777
        }
        Err(_) => 0o666 & !umask(path),
    };
    let _ = file.set_permissions(std::fs::Permissions::from_mode(mode));
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
