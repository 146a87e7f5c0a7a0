//! Envelopes: any bytes are opened, opening a body again changes nothing, and its template is its own template.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logclass::envelope::open;
use logclass::template::mask;

fuzz_target!(|data: &[u8]| {
    let body = open(data).body;
    assert_eq!(open(&body).body, body);
    let template = mask(&body);
    assert_eq!(mask(template.as_bytes()), template);
});
