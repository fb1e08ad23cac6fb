//! Heads in pieces: however what is said is cut into segments, whatever comes late or twice, nothing is
//! missed and nothing else is heard.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use rattap::alert::Alert;

#[allow(dead_code, reason = "a part of it is for other targets")]
#[path = "common/bytes.rs"]
mod bytes;
#[allow(dead_code, reason = "a part of it is for other targets")]
#[path = "../../tests/integration/partitions/story.rs"]
mod story;

use bytes::Bytes;
use story::{SAYINGS, Story, piece};

/// How many places a segment may be late: with each of them twice, there are then as many between two as the tracker looks back.
const MOST_LATE: u8 = 30;

/// What was heard, and how often. Whether a NetSupport session counts as one with a listed name hangs on what comes first.
fn heard(packets: Vec<Vec<u8>>) -> (BTreeSet<[String; 4]>, u64) {
    let told = Story::of_packets(packets).check();
    let key = |alert: &Alert| {
        let indicator = alert.indicator.as_ref().map(|indicator| indicator.pattern.to_string()).unwrap_or_default();
        let (signature, indicator) = match alert.signature.id() {
            id if id.starts_with("netsupport") => ("netsupport", String::new()),
            id => (id, indicator),
        };
        [signature.to_owned(), indicator, alert.client.to_string(), alert.server.to_string()]
    };
    (told.alerts.iter().map(key).collect(), told.counts.sightings.iter().sum())
}

fuzz_target!(|data: &[u8]| {
    let mut data = Bytes(data);
    let [saying, a, b, c, d] = data.array();
    let saying = &SAYINGS[usize::from(saying) % SAYINGS.len()];
    let first = u32::from_be_bytes([a, b, c, d]);
    let client = "10.0.0.5:50001".parse().expect("an address and a port");
    let all = saying.bytes.len();
    let whole = heard(vec![piece(saying, client, first, 0..all)]);

    let mut sent = Vec::new();
    let mut start = 0;
    while start < all {
        let [length, late, again] = data.array();
        let end = if length == 0 { all } else { all.min(start + usize::from(length)) };
        let place = |late: u8| sent.len() + usize::from(late % MOST_LATE);
        let mut segments = vec![(place(late), start..end)];
        if again & 1 == 1 {
            segments.push((place(again), start..end));
        }
        sent.extend(segments);
        start = end;
    }
    sent.sort_by_key(|(place, _)| *place);
    let packets = sent.into_iter().map(|(_, range)| piece(saying, client, first, range)).collect();
    let in_pieces = heard(packets);
    assert_eq!(in_pieces.0, whole.0);
    // Late pieces of a few bytes that look like the start of something else may make a message count twice, but none is missed.
    assert!(in_pieces.1 >= whole.1, "{in_pieces:?}, {whole:?}");
});
