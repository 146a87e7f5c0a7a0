//! Maps whose keys are hashes already, and need no further hashing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from keys of 64 or 128 bits that are hashes already.
pub type PrehashedMap<K, V> = HashMap<K, V, BuildHasherDefault<Prehashed>>;

/// Takes a key, or the low half of one of 128 bits, as its hash.
#[derive(Debug, Default, Clone, Copy)]
pub struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    #[allow(clippy::cast_possible_truncation)] // the low half is meant
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}
