//! Files that start as pcapng.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

#[path = "common/capture.rs"]
mod capture;

fuzz_target!(|data: &[u8]| -> Corpus {
    if !capture::is_pcapng(data) {
        return Corpus::Reject;
    }
    capture::check(data);
    Corpus::Keep
});
