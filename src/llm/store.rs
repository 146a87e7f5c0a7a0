//! Answers kept on disk, so that no run pays for a question twice.
//!
//! The file is opened only for the moment of a read or a write, because it admits one process at a time: several
//! runs share it by taking turns. What a run needs of it is small, a number for each template, and is read once.

use anyhow::{Context, Result, bail};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::config::{CacheChoice, LlmConfig};

const ANSWERS: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("answers_1");
const FILE: &str = "llm-answers.redb";
/// How long other runs are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Entry {
    /// The template, without secrets.
    pub template: String,
    /// The label, which may be `Unclassified`.
    pub label: String,
    /// The model that gave it.
    pub model: String,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// The file of answers.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    max_age: Duration,
    max_bytes: u64,
}

impl Store {
    /// The store that the configuration asks for; nothing when it asks for none.
    ///
    /// # Errors
    /// When there is no folder to keep it in.
    pub fn new(config: &LlmConfig) -> Result<Option<Self>> {
        let folder = match &config.cache {
            CacheChoice::Off => return Ok(None),
            CacheChoice::Folder(folder) => folder.clone(),
            CacheChoice::Default => dirs::cache_dir()
                .context("there is no cache folder for LLM answers: name one with --llm-cache DIR, or --llm-cache off")?
                .join("logclass"),
        };
        Ok(Some(Self {
            path: folder.join(FILE),
            max_age: Duration::from_secs(config.cache_days.saturating_mul(86_400)),
            max_bytes: config.cache_megabytes.saturating_mul(1_000_000),
        }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands every answer that is not too old to `take`; removes those that are, and the oldest beyond the size limit.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(&self, mut take: impl FnMut([u8; 16], Entry)) -> Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        self.open(|database| {
            let oldest = now().saturating_sub(self.max_age.as_secs());
            let mut kept = Vec::new();
            let mut gone = Vec::new();
            let mut bytes = 0;
            let reading = database.begin_read()?;
            let table = match reading.open_table(ANSWERS) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            for item in table.iter()? {
                let (key, value) = item?;
                match serde_json::from_slice::<Entry>(value.value()) {
                    Ok(mut entry) if entry.time >= oldest => {
                        // A clock that was wrong, or a damaged entry.
                        entry.time = entry.time.min(now());
                        let size = 16 + value.value().len() as u64;
                        bytes += size;
                        kept.push((entry.time, size, key.value()));
                        take(key.value(), entry);
                    }
                    _ => gone.push(key.value()),
                }
            }
            drop((table, reading));
            kept.sort_unstable();
            for (_, size, key) in kept {
                if bytes <= self.max_bytes {
                    break;
                }
                bytes -= size;
                gone.push(key);
            }
            if !gone.is_empty() {
                let writing = database.begin_write()?;
                {
                    let mut table = writing.open_table(ANSWERS)?;
                    for key in gone {
                        table.remove(key)?;
                    }
                }
                writing.commit()?;
                database.compact()?;
            }
            Ok(())
        })
    }

    /// Keeps answers, on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, entries: &[([u8; 16], Entry)]) -> Result<()> {
        self.make_folder()?;
        self.open(|database| {
            let writing = database.begin_write()?;
            {
                let mut table = writing.open_table(ANSWERS)?;
                for (key, entry) in entries {
                    table.insert(key, serde_json::to_vec(entry)?.as_slice())?;
                }
            }
            writing.commit()?;
            Ok(())
        })
    }

    /// Whether answers can be kept, found out before any is paid for.
    ///
    /// # Errors
    /// When they cannot.
    pub fn check_writable(&self) -> Result<()> {
        self.keep(&[])
    }

    /// Removes the file; says whether there was one.
    ///
    /// # Errors
    /// When it is in use or cannot be removed.
    pub fn clear(&self) -> Result<bool> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| self.path.display().to_string()),
        }
    }

    /// Opens the file, for others' turns are short.
    fn open<T>(&self, work: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let place = || self.path.display().to_string();
        loop {
            match Database::create(&self.path) {
                Ok(mut database) => {
                    private(&self.path, 0o600);
                    return work(&mut database).with_context(place);
                }
                Err(DatabaseError::DatabaseAlreadyOpen) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(2 + fastrand::u64(..8)));
                }
                Err(DatabaseError::DatabaseAlreadyOpen) => {
                    bail!(
                        "{}: another process keeps it open: use another folder with --llm-cache DIR",
                        place()
                    )
                }
                Err(DatabaseError::Storage(redb::StorageError::Io(error))) if is_access(&error) => {
                    bail!(
                        "{}: {error}: name another folder with --llm-cache DIR, or --llm-cache off",
                        place()
                    )
                }
                Err(error) => bail!(
                    "{}: {error}: it is damaged or no store of answers: remove it with `logclass llm cache clear`",
                    place()
                ),
            }
        }
    }

    fn make_folder(&self) -> Result<()> {
        let Some(folder) = self.path.parent() else { return Ok(()) };
        if !folder.exists() {
            std::fs::create_dir_all(folder).with_context(|| {
                format!("{}: name another folder with --llm-cache DIR, or --llm-cache off", folder.display())
            })?;
            private(folder, 0o700);
        }
        Ok(())
    }
}

fn is_access(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    !matches!(error.kind(), InvalidData | UnexpectedEof)
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Templates are nobody else's business. Where this fails, the folder's owner has decided otherwise.
fn private(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path) -> Store {
        let config = LlmConfig { cache: CacheChoice::Folder(folder.join("new")), ..LlmConfig::default() };
        Store::new(&config).unwrap().unwrap()
    }

    fn entry(number: u8, time: u64) -> ([u8; 16], Entry) {
        let entry =
            Entry { template: format!("t{number}"), label: "A".to_owned(), model: "m".to_owned(), time };
        ([number; 16], entry)
    }

    fn numbers(store: &Store) -> Vec<u8> {
        let mut numbers = Vec::new();
        store.load(|key, _| numbers.push(key[0])).unwrap();
        numbers
    }

    #[test]
    fn answers_come_back_until_they_are_too_old() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        assert!(numbers(&store).is_empty());
        store.keep(&[entry(1, now()), entry(2, now() - 91 * 86_400), entry(3, now() - 86_400)]).unwrap();
        assert_eq!(numbers(&store), [1, 3]);
        assert!(store.clear().unwrap());
        assert!(!store.clear().unwrap());
        assert!(numbers(&store).is_empty());
    }

    #[test]
    fn beyond_the_size_limit_the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path());
        store.keep(&[entry(1, now() - 30), entry(2, now() - 40), entry(3, now())]).unwrap();
        store.max_bytes = 150;
        numbers(&store);
        assert_eq!(numbers(&store), [1, 3]);
    }

    #[test]
    fn two_at_once_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..5 {
                        store.keep(&[entry(writer * 5 + number, now())]).unwrap();
                    }
                });
            }
        });
        assert_eq!(numbers(&store).len(), 20);
    }

    #[test]
    fn what_is_no_store_is_an_error_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.make_folder().unwrap();
        std::fs::write(&store.path, "not a database, but long enough to look at ".repeat(50)).unwrap();
        let error = format!("{:#}", store.load(|_, _| {}).unwrap_err());
        assert!(error.contains("logclass llm cache clear"), "{error}");
    }
}
