//! Fuzzes case files.

#![no_main]

#[path = "../throw.rs"]
#[expect(dead_code, reason = "each target uses one function")]
mod throw;

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // Bytes that are not UTF-8 are reported before anything is parsed.
    let Ok(text) = str::from_utf8(bytes) else {
        return Corpus::Reject;
    };
    throw::cases(text);
    Corpus::Keep
});
