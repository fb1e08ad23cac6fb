//! Files of any kind but plain pcapng: pcap, compressed ones, and what is no capture.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

#[path = "common/capture.rs"]
mod capture;

fuzz_target!(|data: &[u8]| -> Corpus {
    if capture::is_pcapng(data) {
        return Corpus::Reject;
    }
    capture::check(data);
    Corpus::Keep
});
