//! Throws text as a file of policies.

#![no_main]

#[path = "../throw.rs"]
#[expect(dead_code, reason = "each target throws at one thing")]
mod throw;

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // Bytes that are not UTF-8 are reported before anything is read.
    let Ok(text) = str::from_utf8(bytes) else {
        return Corpus::Reject;
    };
    throw::policies(text);
    Corpus::Keep
});
