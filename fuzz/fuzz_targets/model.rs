//! The model file: any bytes are a model or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = logclass::head::Head::from_bytes(data);
});
