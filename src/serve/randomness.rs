//! Secrets and numbers that nobody can guess.

/// `BYTES` bytes of the system's randomness.
///
/// # Errors
/// When the system has none.
pub fn random<const BYTES: usize>() -> Result<[u8; BYTES], getrandom::Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The same in letters.
pub fn random_hex<const BYTES: usize>() -> String {
    use std::fmt::Write;
    let bytes = random::<BYTES>().expect("the server began, so there is randomness");
    bytes.iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
