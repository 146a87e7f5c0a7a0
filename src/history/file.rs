//! The file of a history: how it is opened, checked and made, and what goes wrong with it.
//!
//! Who only reads changes nothing, not even the time of the last change: a history may lie where nothing can be written, and
//! several may read it at once. Who writes has it alone. What the library cannot promise of a damaged file (it may
//! assert) is caught here.

use anyhow::{Context, Result};
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable};
use redb::{StorageBackend, StorageError};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::HistoryError;
use super::tables::{ENTRIES, FORMAT, META, RUNS, digest_of};
use crate::unwinding::quietly;

/// What redb begins its files with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// How long other runs are waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of the file that are held in memory.
const CACHE: usize = 64 << 20;
/// Size of a file below which its room is not worth the time.
const TRIMMED: u64 = 1 << 20;
/// Bytes that are copied at once.
const COPIED: usize = 1 << 20;

/// Whether a file is a store, by its first bytes: a history, or something that is none.
pub fn is_store(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    path.is_file()
        && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *MAGIC
}

/// A file that is a history, or is to become one.
#[derive(Debug, Clone)]
pub struct HistoryFile {
    path: PathBuf,
}

impl HistoryFile {
    /// The file at `path`, which need not be there yet.
    pub fn new(path: &Path) -> Self {
        Self { path: crate::output::followed(path) }
    }

    /// Its path, for people.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether there is one. An empty file is none yet.
    pub fn exists(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| !found.is_file() || found.len() > 0)
    }

    /// Size of the file in bytes.
    ///
    /// # Errors
    /// When it is not there.
    pub fn bytes(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.path).with_context(|| self.name())?.len())
    }

    /// Reads it when it is its turn. Nothing is written.
    ///
    /// # Errors
    /// When it cannot be read, or is no sound history.
    pub fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T>) -> Result<T> {
        self.is_one()?;
        self.guarded(|| match in_turn(|| builder().open_read_only(&self.path)) {
            Ok(database) => work(&self.checked(&database)?),
            // Whoever wrote it last was killed. What the library does about that it does to a copy.
            Err(DatabaseError::RepairAborted) => {
                let copy = in_turn(|| self.copy()).map_err(|error| self.translated(error))?;
                work(&self.checked(&copy)?)
            }
            Err(error) => Err(self.translated(error)),
        })
    }

    /// Opens it when it is its turn, to change it.
    ///
    /// # Errors
    /// When it cannot be written, or is no sound history.
    pub fn change<T>(&self, work: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        self.is_one()?;
        self.guarded(|| {
            let mut database =
                in_turn(|| builder().open(&self.path)).map_err(|error| self.translated(error))?;
            drop(self.checked(&database)?);
            work(&mut database)
        })
    }

    /// Changes it and gives back the room that this has freed.
    ///
    /// # Errors
    /// When it cannot be written, or is no sound history.
    pub fn change_and_compact<T>(&self, work: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        let done = self.change(|database| {
            let done = work(database)?;
            // Without this the file grows to twice or three times what it holds. The change is kept by now, so where
            // there is no room to save room, nothing is lost.
            let _ = database.compact();
            Ok(done)
        })?;
        trim(&self.path);
        Ok(done)
    }

    /// Makes it, or changes what another run has made in the meantime.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make<T>(&self, work: impl Fn(&mut Database) -> Result<T>) -> Result<T> {
        // Made beside its place: a process that is killed leaves no half of a file there.
        let failed = |error: std::io::Error| self.refused("write", &error);
        let made = tempfile::Builder::new().prefix(".logclass-").suffix(".tmp").tempfile_in(self.folder());
        let (file, made) = made.map_err(failed)?.into_parts();
        let done = self.guarded(|| {
            let mut database = builder().create_file(file).map_err(|error| self.translated(error))?;
            let done = work(&mut database)?;
            database.compact()?;
            Ok(done)
        })?;
        trim(&made);
        File::open(&made).and_then(|file| file.sync_all()).map_err(failed)?;
        if std::fs::metadata(&self.path).is_ok_and(|found| found.len() == 0) {
            made.persist(&self.path).map_err(|error| failed(error.error))?;
            return Ok(done);
        }
        match made.persist_noclobber(&self.path) {
            Ok(()) => Ok(done),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                self.change_and_compact(work)
            }
            Err(error) => Err(failed(error.error)),
        }
    }

    /// Whether a new file could be made, found out before the work is done.
    ///
    /// # Errors
    /// When it could not.
    pub fn check_folder(&self) -> Result<()> {
        tempfile::tempfile_in(self.folder()).map(drop).map_err(|error| self.refused("write", &error))
    }

    /// An error that says it is damaged.
    pub fn damaged(&self, why: &str) -> anyhow::Error {
        HistoryError::Damaged { path: self.name(), why: why.to_owned() }.into()
    }

    /// An error that says what the system refused.
    pub fn refused(&self, what: &'static str, error: &std::io::Error) -> anyhow::Error {
        let text = error.to_string();
        self.refused_as(what, text.split(" at path").next().unwrap_or(&text).to_owned())
    }

    fn refused_as(&self, what: &'static str, why: String) -> anyhow::Error {
        HistoryError::Io { path: self.name(), what, why }.into()
    }

    fn is_one(&self) -> Result<()> {
        if is_store(&self.path) {
            return Ok(());
        }
        // A pipe would be waited for.
        let openable = std::fs::metadata(&self.path)
            .and_then(|found| if found.is_file() { File::open(&self.path).map(drop) } else { Ok(()) });
        openable.map_err(|error| self.refused("read", &error))?;
        Err(HistoryError::Foreign { path: self.name() }.into())
    }

    /// The same in memory.
    fn copy(&self) -> Result<Database, DatabaseError> {
        let file = FileBackend::new(File::open(&self.path).map_err(StorageError::from)?)?;
        let memory = InMemoryBackend::new();
        let length = file.len().map_err(StorageError::from)?;
        memory.set_len(length).map_err(StorageError::from)?;
        let mut piece = vec![0; COPIED];
        for start in (0..length).step_by(COPIED) {
            let size = usize::try_from(length - start).unwrap_or(COPIED).min(COPIED);
            file.read(start, &mut piece[..size]).map_err(StorageError::from)?;
            memory.write(start, &piece[..size]).map_err(StorageError::from)?;
        }
        file.close().map_err(StorageError::from)?;
        builder().create_with_backend(memory)
    }

    /// What a file holds that is a sound history of a version that is known. The library finds damage only where it
    /// happens to look, so a digest of all that is kept is kept, too.
    fn checked(&self, database: &impl ReadableDatabase) -> Result<ReadTransaction> {
        let foreign = || HistoryError::Foreign { path: self.name() };
        let reading = database.begin_read()?;
        let meta = match reading.open_table(META) {
            Ok(meta) => meta,
            Err(redb::TableError::Storage(error)) => return Err(error.into()),
            Err(_) => return Err(foreign().into()),
        };
        let found = meta.get("format")?.ok_or_else(foreign)?.value();
        if found > FORMAT {
            return Err(HistoryError::Newer { path: self.name(), found, known: FORMAT }.into());
        }
        let mut digest = 0;
        for item in reading.open_table(ENTRIES)?.iter()? {
            let (key, value) = item?;
            digest ^= digest_of(&key.value(), value.value());
        }
        for item in reading.open_table(RUNS)?.iter()? {
            let (key, value) = item?;
            digest ^= digest_of(&key.value().to_be_bytes(), value.value());
        }
        if meta.get("digest")?.map(|kept| kept.value()) == Some(digest) {
            Ok(reading)
        } else {
            Err(self.damaged("its checksum does not match"))
        }
    }

    /// Turns what the library asserts, and whatever else it says, into an error of ours.
    fn guarded<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        match quietly(work) {
            Some(Err(error)) if crate::error::find::<HistoryError>(&error).is_none() => {
                Err(self.storage_failure(&error))
            }
            Some(worked) => worked,
            None => Err(self.damaged("its structure makes no sense")),
        }
    }

    fn storage_failure(&self, error: &anyhow::Error) -> anyhow::Error {
        let text = crate::error::one_line(error);
        let io = error.chain().any(<dyn std::error::Error + 'static>::is::<std::io::Error>)
            || text.contains("I/O error")
            || text.contains("Previous I/O");
        if io { self.refused_as("write", text) } else { self.damaged(&text) }
    }

    fn translated(&self, error: DatabaseError) -> anyhow::Error {
        use std::io::ErrorKind::{InvalidData, UnexpectedEof};
        let path = self.name();
        match error {
            DatabaseError::DatabaseAlreadyOpen => {
                HistoryError::Busy { path, seconds: PATIENCE.as_secs() }.into()
            }
            DatabaseError::UpgradeRequired(_) => HistoryError::Foreign { path }.into(),
            DatabaseError::Storage(StorageError::Io(error))
                if !matches!(error.kind(), InvalidData | UnexpectedEof) =>
            {
                self.refused("open", &error)
            }
            error => self.damaged(&error.to_string()),
        }
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

/// Opens a file when no other process has it open that would be in the way, or gives up.
fn in_turn<T>(open: impl Fn() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
    let start = Instant::now();
    loop {
        match open() {
            Err(DatabaseError::DatabaseAlreadyOpen) if start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5 + fastrand::u64(..20)));
            }
            opened => return opened,
        }
    }
}

/// The library doubles a file for what it writes when it closes it after compacting, and cuts that off when it is closed
/// once more.
fn trim(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|found| found.len() > TRIMMED) {
        quietly(|| drop(builder().open(path)));
    }
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}
