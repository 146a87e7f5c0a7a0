//! The configuration: any text is a configuration or an error with its place.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(config) = logclass::config::Config::parse(text) {
        let _ = logclass::rules::Rules::new(config.rules);
    }
});
