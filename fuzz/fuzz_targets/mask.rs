//! Masking: no bytes make it fail.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = logclass::template::mask(data);
});
