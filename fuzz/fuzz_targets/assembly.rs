//! Heads in pieces: however what is said is cut into segments, whatever comes late or twice, it is heard as if it came whole.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use rattap::alert::Alert;

#[path = "common/bytes.rs"]
mod bytes;
#[allow(dead_code, reason = "a part of it is for other targets")]
#[path = "../../tests/integration/partitions/story.rs"]
mod story;

use bytes::Bytes;
use story::{SAYINGS, Story, piece};

/// How many places a segment may be late: as many as the tracker looks back.
const MOST_LATE: u8 = 60;

fn heard(packets: Vec<Vec<u8>>) -> (BTreeSet<[String; 4]>, Vec<u64>) {
    let told = Story::of_packets(packets).check();
    let key = |alert: &Alert| {
        let indicator = alert.indicator.as_ref().map(|indicator| indicator.pattern.to_string()).unwrap_or_default();
        [alert.signature.id().to_owned(), indicator, alert.client.to_string(), alert.server.to_string()]
    };
    (told.alerts.iter().map(key).collect(), told.counts.sightings.to_vec())
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
    assert_eq!(heard(packets), whole);
});
