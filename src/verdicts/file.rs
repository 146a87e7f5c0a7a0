//! A file of verdicts: what the model has said of templates, for processes to come.
//!
//! ```text
//! logclass verdicts 1\n          what it is, and the version of the format
//! {"identity":..,"templates":N}\n
//! N records of 27 bytes          by key, ascending: key, kind, label, nearest training template or words, confidence
//! SHA-256                        of all that stands before
//! ```
//!
//! A template is kept as a hash of 128 bits, so the file holds no text of any log. Any damage is found before a record is used.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::identity::Identity;
use super::shared::Learned;
use super::table::{Key, KeyMap};
use crate::label::{LabelId, Labels};
use crate::verdict::{Reason, Stage, Verdict};

/// Most templates that a file can hold.
pub const MOST: usize = 4_000_000;

/// What every version of the format begins with.
const NAME: &[u8] = b"logclass verdicts ";
const VERSION: &[u8] = b"1\n";
const DIGEST: usize = 32;
/// Key, kind, label, nearest, confidence.
const RECORD: usize = 16 + 1 + 2 + 4 + 4;

/// Kinds of verdicts.
const NEAREST: u8 = 0;
const UNSURE: u8 = 1;
const UNFAMILIAR: u8 = 2;
const TRAINED: u8 = 3;
const LEXICAL: u8 = 4;
/// Added to the kind of a verdict whose reason was looked for.
const EXPLAINED: u8 = 0x80;

/// A file of verdicts that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerdictsError {
    /// It is something else.
    #[error("is no file of verdicts (logclass learn LOG -o FILE makes one)")]
    NoVerdicts,
    /// A later program made it.
    #[error("is in a newer format than this program reads: update logclass, or learn it again")]
    Newer,
    /// Its bytes are not those that were written.
    #[error("is damaged or incomplete: remove it and learn it again (logclass learn LOG -o FILE)")]
    Damaged,
    /// Its verdicts are not those that this run would give.
    #[error("was made with {0}: learn it again with the present one (logclass learn LOG -o NEW_FILE)")]
    OfAnother(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    identity: Identity,
    templates: usize,
}

/// Whether a file that begins with `bytes` is one of verdicts, of whatever version.
pub fn is_verdicts(bytes: &[u8]) -> bool {
    bytes.starts_with(NAME)
}

/// The bytes of a file with what was `learned`, as far as it is the model's: the same for the same verdicts.
///
/// # Errors
/// Never in practice.
pub fn to_bytes(identity: &Identity, learned: &KeyMap<Learned>) -> Result<Vec<u8>, serde_json::Error> {
    let mut records: Vec<(Key, [u8; RECORD])> =
        learned.iter().filter_map(|(&key, learned)| Some((key, record(key, learned)?))).collect();
    records.sort_unstable_by_key(|(key, _)| *key);
    let header = Header { identity: identity.clone(), templates: records.len() };
    let mut bytes = [NAME, VERSION].concat();
    serde_json::to_writer(&mut bytes, &header)?;
    bytes.push(b'\n');
    records.iter().for_each(|(_, record)| bytes.extend_from_slice(record));
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    Ok(bytes)
}

/// What a file with these `bytes` holds for runs of this `identity`, which have this many `labels`.
///
/// # Errors
/// When it is no file of verdicts, is damaged, or was made with something else.
pub fn from_bytes(
    bytes: &[u8],
    identity: &Identity,
    labels: usize,
) -> Result<KeyMap<Learned>, VerdictsError> {
    let rest = bytes.strip_prefix(NAME).ok_or(VerdictsError::NoVerdicts)?;
    let Some(rest) = rest.strip_prefix(VERSION) else {
        // Another number, or none: the rest is missing.
        let number: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_digit).collect();
        let newer = number != b"1" && !number.is_empty() && rest.get(number.len()) == Some(&b'\n');
        return Err(if newer { VerdictsError::Newer } else { VerdictsError::Damaged });
    };
    let (content, digest) = bytes.split_last_chunk::<DIGEST>().ok_or(VerdictsError::Damaged)?;
    if content.len() + rest.len() < bytes.len() || Sha256::digest(content).as_slice() != digest {
        return Err(VerdictsError::Damaged);
    }
    let body = &rest[..rest.len() - DIGEST];
    let end = memchr::memchr(b'\n', body).ok_or(VerdictsError::Damaged)?;
    let header: Header = serde_json::from_slice(&body[..end]).map_err(|_| VerdictsError::Damaged)?;
    let (records, left) = body[end + 1..].as_chunks::<RECORD>();
    if !left.is_empty() || records.len() != header.templates || records.len() > MOST {
        return Err(VerdictsError::Damaged);
    }
    if let Some(difference) = identity.difference(&header.identity) {
        return Err(VerdictsError::OfAnother(difference));
    }
    let mut learned = KeyMap::default();
    learned.reserve(records.len());
    for record in records {
        let (key, verdict) = verdict(record, labels).ok_or(VerdictsError::Damaged)?;
        learned.insert(key, verdict);
    }
    Ok(learned)
}

/// A verdict as it is written, if it is the model's.
fn record(key: Key, learned: &Learned) -> Option<[u8; RECORD]> {
    let Verdict { label, confidence, reason, .. } = learned.verdict;
    let (kind, label, nearest) = match reason {
        Reason::Nearest(nearest) => (NEAREST, label, nearest),
        Reason::Trained => (TRAINED, label, 0),
        Reason::Lexical([first, second]) => (LEXICAL, label, u32::from(first) << 16 | u32::from(second)),
        Reason::Unsure(label) => (UNSURE, label, 0),
        Reason::Unfamiliar(label) => (UNFAMILIAR, label, 0),
        _ => return None,
    };
    let kind = kind | if learned.explained { EXPLAINED } else { 0 };
    let mut record = [0; RECORD];
    record[..16].copy_from_slice(&key.to_le_bytes());
    record[16] = kind;
    record[17..19].copy_from_slice(&label.to_le_bytes());
    record[19..23].copy_from_slice(&nearest.to_le_bytes());
    record[23..].copy_from_slice(&confidence.to_le_bytes());
    Some(record)
}

/// The verdict of a record; nothing where there is no such verdict.
fn verdict(record: &[u8; RECORD], labels: usize) -> Option<(Key, Learned)> {
    let (key, rest) = record.split_first_chunk::<16>()?;
    let (kind, rest) = rest.split_first()?;
    let (label, rest) = rest.split_first_chunk::<2>()?;
    let (nearest, rest) = rest.split_first_chunk::<4>()?;
    let label = LabelId::from_le_bytes(*label);
    let confidence = f32::from_le_bytes(*rest.first_chunk::<4>()?);
    if usize::from(label) >= labels || !(0.0..=1.0).contains(&confidence) {
        return None;
    }
    let (label, stage, reason) = match kind & !EXPLAINED {
        NEAREST => (label, Stage::Model, Reason::Nearest(u32::from_le_bytes(*nearest))),
        TRAINED => (label, Stage::Model, Reason::Trained),
        LEXICAL => {
            let [second, first] =
                [[nearest[0], nearest[1]], [nearest[2], nearest[3]]].map(u16::from_le_bytes);
            (label, Stage::Model, Reason::Lexical([first, second]))
        }
        UNSURE => (Labels::UNCLASSIFIED, Stage::None, Reason::Unsure(label)),
        UNFAMILIAR => (Labels::UNCLASSIFIED, Stage::None, Reason::Unfamiliar(label)),
        _ => return None,
    };
    let verdict = Verdict { label, stage, confidence, reason };
    Some((Key::from_le_bytes(*key), Learned { verdict, explained: kind & EXPLAINED != 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LABELS: usize = 10;

    fn identity() -> Identity {
        Identity {
            program: "0.1.0".to_owned(),
            model: "a".repeat(64),
            encoder: "b".repeat(64),
            tokenizer: "c".repeat(64),
            backend: "auto".to_owned(),
            masker: 3,
            rules: "d".repeat(64),
            configuration: "e".repeat(64),
        }
    }

    fn learned() -> impl Strategy<Value = KeyMap<Learned>> {
        let entry = (any::<u128>(), 0..3_u8, 0..10_u16, any::<u32>(), 0.0..=1.0_f32, any::<bool>());
        let entry = entry.prop_map(|(key, kind, label, nearest, confidence, explained)| {
            let model = Verdict { label, stage: Stage::Model, confidence, reason: Reason::Nearest(nearest) };
            let verdict = match kind {
                0 => model,
                1 => Verdict::unclassified(confidence, Reason::Unsure(label)),
                _ => Verdict::unclassified(confidence, Reason::Unfamiliar(label)),
            };
            (key, Learned { verdict, explained })
        });
        prop::collection::vec(entry, 0..20).prop_map(|entries| entries.into_iter().collect())
    }

    /// What may become of a file.
    #[derive(Debug, Clone)]
    enum Damage {
        Cut(usize),
        Flip(usize, u8),
        Append(Vec<u8>),
        Remove(usize, usize),
    }

    fn damage() -> impl Strategy<Value = Damage> {
        prop_oneof![
            any::<usize>().prop_map(Damage::Cut),
            (any::<usize>(), 1..=255_u8).prop_map(|(at, bits)| Damage::Flip(at, bits)),
            prop::collection::vec(any::<u8>(), 1..40).prop_map(Damage::Append),
            (any::<usize>(), 1..60_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn what_is_written_is_read_back_and_the_same_verdicts_are_the_same_bytes(learned in learned()) {
            let bytes = to_bytes(&identity(), &learned).unwrap();
            let back = from_bytes(&bytes, &identity(), LABELS).unwrap();
            prop_assert_eq!(&back, &learned);
            prop_assert_eq!(to_bytes(&identity(), &back).unwrap(), bytes);
        }

        #[test]
        fn any_damage_is_an_error(learned in learned(), damage in damage()) {
            let bytes = to_bytes(&identity(), &learned).unwrap();
            let mut damaged = bytes.clone();
            match damage {
                Damage::Cut(at) => damaged.truncate(at % bytes.len()),
                Damage::Flip(at, bits) => damaged[at % bytes.len()] ^= bits,
                Damage::Append(more) => damaged.extend(more),
                Damage::Remove(at, count) => {
                    let at = at % bytes.len();
                    damaged.drain(at..(at + count).min(bytes.len()));
                }
            }
            prop_assert!(from_bytes(&damaged, &identity(), LABELS).is_err());
        }

        #[test]
        fn any_records_under_a_right_digest_are_verdicts_or_an_error(
            header in "\\{\"identity\":[a-z\"{},:0-9]{0,40}\n|\n|\\PC{0,20}\n",
            records in prop::collection::vec(any::<u8>(), 0..120),
            sound: bool,
        ) {
            let mut bytes = [NAME, VERSION].concat();
            if sound {
                let header = Header { identity: identity(), templates: records.len() / RECORD };
                bytes.extend(serde_json::to_vec(&header).unwrap());
                bytes.push(b'\n');
            } else {
                bytes.extend(header.as_bytes());
            }
            bytes.extend(records);
            let digest = Sha256::digest(&bytes);
            bytes.extend_from_slice(&digest);
            if let Ok(learned) = from_bytes(&bytes, &identity(), LABELS) {
                prop_assert!(learned.values().all(|one| usize::from(one.verdict.label) < LABELS));
            }
        }
    }

    #[test]
    fn each_part_of_the_identity_is_told_when_it_differs() {
        let bytes = to_bytes(&identity(), &KeyMap::default()).unwrap();
        let other = || "x".to_owned();
        let cases = [
            (Identity { program: other(), ..identity() }, "logclass 0.1.0, this is x"),
            (Identity { model: other(), ..identity() }, "another model"),
            (Identity { encoder: other(), ..identity() }, "another encoder"),
            (Identity { tokenizer: other(), ..identity() }, "another tokenizer"),
            (Identity { backend: other(), ..identity() }, "--backend auto, this is x"),
            (Identity { masker: 9, ..identity() }, "another version of the masking"),
            (Identity { rules: other(), ..identity() }, "other rules"),
            (Identity { configuration: other(), ..identity() }, "other labels"),
        ];
        for (identity, words) in cases {
            match from_bytes(&bytes, &identity, LABELS) {
                Err(VerdictsError::OfAnother(found)) => assert!(found.starts_with(words), "{found}"),
                found => panic!("{found:?}"),
            }
        }
    }

    #[test]
    fn what_is_something_else_or_of_a_later_version_is_told_apart_from_damage() {
        let read = |bytes: &[u8]| from_bytes(bytes, &identity(), LABELS).unwrap_err();
        assert_eq!(read(b""), VerdictsError::NoVerdicts);
        assert_eq!(read(b"source,log_message\n"), VerdictsError::NoVerdicts);
        assert_eq!(read(b"logclass verdicts 2\nxyz"), VerdictsError::Newer);
        for cut in [
            &b"logclass verdicts "[..],
            b"logclass verdicts 1",
            b"logclass verdicts 1\n",
            b"logclass verdicts 12",
        ] {
            assert_eq!(read(cut), VerdictsError::Damaged);
        }
    }
}
