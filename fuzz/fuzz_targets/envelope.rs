//! Envelopes: any bytes are opened, and opening a body again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logclass::envelope::open;

fuzz_target!(|data: &[u8]| {
    let body = open(data).body;
    assert_eq!(open(&body).body, body);
});
