//! TCP reassembly: an application message gives the same sightings for any division into segments,
//! also if segments are late or duplicated.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "other targets use the rest")]
#[path = "common/bytes.rs"]
mod bytes;
#[allow(dead_code, reason = "other targets use the rest")]
#[path = "../../tests/integration/partitions/story.rs"]
mod story;

use bytes::Bytes;
use story::{SAYINGS, Story, piece};

/// The most positions by which a segment may be late. If each segment is duplicated, twice as many
/// lie between it and its predecessor, which is as far as the tracker looks back.
const MOST_LATE: u8 = 30;

fuzz_target!(|data: &[u8]| {
    let mut data = Bytes(data);
    let [saying, a, b, c, d] = data.array();
    let saying = &SAYINGS[usize::from(saying) % SAYINGS.len()];
    let first = u32::from_be_bytes([a, b, c, d]);
    let client = "10.0.0.5:50001".parse().expect("an address and a port");
    let all = saying.bytes.len();
    let whole = Story::of_packets(vec![piece(saying, client, first, 0..all)]).check();

    let mut sent = Vec::new();
    let mut start = 0;
    while start < all {
        let [length, late, again] = data.array();
        let end = if length == 0 { all } else { all.min(start + usize::from(length)) };
        let position = |late: u8| sent.len() + usize::from(late % MOST_LATE);
        let mut segments = vec![(position(late), start..end)];
        if again & 1 == 1 {
            segments.push((position(again), start..end));
        }
        sent.extend(segments);
        start = end;
    }
    sent.sort_by_key(|(position, _)| *position);
    let packets = sent.into_iter().map(|(_, range)| piece(saying, client, first, range)).collect();
    assert_eq!(Story::of_packets(packets).check().heard(), whole.heard());
});
