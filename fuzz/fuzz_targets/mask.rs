//! Masking: any bytes have a template, and that is its own template.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logclass::template::mask;

fuzz_target!(|data: &[u8]| {
    let template = mask(data);
    assert_eq!(mask(template.as_bytes()), template);
});
