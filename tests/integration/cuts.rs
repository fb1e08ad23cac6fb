//! The findings in a conversation depend neither on its cut into segments, nor on the order in
//! which they come, nor on repeated segments.

use std::ops::Range;

use proptest::prelude::*;

use crate::partitions::story::{SAYINGS, Saying, Story, piece};

/// The largest number of places by which a segment may be late. Two late segments may then have
/// twice as many between them, which is as far as the tracker looks back.
const MOST_LATE: usize = 30;

const CLIENTS: [&str; 2] = ["10.0.0.5:50001", "[2001:db8:1::5]:50003"];

/// The cut of one side's bytes into segments.
#[derive(Debug, Clone)]
struct Cut {
    /// An index into [`SAYINGS`].
    saying: usize,
    /// The sequence number of the first byte.
    first: u32,
    /// The lengths of the segments, used in rotation.
    lengths: Vec<usize>,
    /// The number of places by which each segment is late, used in rotation.
    late: Vec<usize>,
    /// The number of bytes that each segment repeats from before it and takes from after it, used
    /// in rotation.
    overlaps: Vec<(usize, usize)>,
    /// Marks segments that are sent twice, used in rotation.
    again: Vec<bool>,
}

fn cut() -> impl Strategy<Value = Cut> {
    let lengths = prop_oneof![
        Just(vec![1]),
        prop::collection::vec(1..4usize, 1..5),
        prop::collection::vec(prop_oneof![1..20usize, 1..400usize], 1..8),
    ];
    let first = prop_oneof![any::<u32>(), (0..400u32).prop_map(|before| 0u32.wrapping_sub(before))];
    (
        0..SAYINGS.len(),
        first,
        lengths,
        prop::collection::vec(prop_oneof![Just(0), 0..MOST_LATE], 1..12),
        prop::collection::vec(prop_oneof![Just((0, 0)), (0..30usize, 0..30usize)], 1..8),
        prop::collection::vec(prop::bool::weighted(0.2), 1..8),
    )
        .prop_map(|(saying, first, lengths, late, overlaps, again)| Cut {
            saying,
            first,
            lengths,
            late,
            overlaps,
            again,
        })
}

impl Cut {
    fn saying(&self) -> &'static Saying {
        &SAYINGS[self.saying]
    }

    /// The saying holds several heads. A segment that begins within the first belongs to it, and is
    /// ignored once that head was read. So it may be sent again, but not with more bytes than
    /// before.
    fn has_several_heads(&self) -> bool {
        self.saying().server.port() == 53 || [2, 9].contains(&self.saying)
    }

    /// The segments' bytes in the order of sending, each with the number of places by which it is
    /// late.
    fn segments(&self) -> Vec<(Range<usize>, usize)> {
        let all = self.saying().bytes.len();
        let mut segments = Vec::new();
        let mut start = 0;
        for number in 0.. {
            if start == all {
                break;
            }
            let end = all.min(start + self.lengths[number % self.lengths.len()]);
            let late = |number: usize| self.late[number % self.late.len()];
            let (before, after) = self.overlaps[number % self.overlaps.len()];
            let (before, after) = if self.has_several_heads() { (0, 0) } else { (before, after) };
            segments.push((start.saturating_sub(before)..all.min(end + after), late(number)));
            if self.again[number % self.again.len()] {
                segments.push((start..end, late(number + 1)));
            }
            start = end;
        }
        segments
    }
}

/// The packets of both clients, whose segments take turns.
fn packets(cuts: &[Cut; 2], segments: impl Fn(&Cut) -> Vec<(Range<usize>, usize)>) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    for (cut, client) in cuts.iter().zip(CLIENTS) {
        let client = client.parse().unwrap();
        for (place, (range, late)) in segments(cut).into_iter().enumerate() {
            sent.push((place * 2 + late, piece(cut.saying(), client, cut.first, range)));
        }
    }
    sent.sort_by_key(|(place, _)| *place);
    sent.into_iter().map(|(_, packet)| packet).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn findings_depend_on_neither_cut_nor_order(one in cut(), other in cut()) {
        let cuts = [one, other];
        let whole = Story::of_packets(packets(&cuts, |cut| vec![(0..cut.saying().bytes.len(), 0)])).check();
        let in_pieces = Story::of_packets(packets(&cuts, Cut::segments)).check();
        prop_assert_eq!(in_pieces.heard(), whole.heard());
        prop_assert_eq!(in_pieces.counts.heads.conflicts, 0);
    }
}

/// Checks that each whole saying is heard, so that the comparison below means something.
#[test]
fn each_saying_gives_findings() {
    let silent: Vec<usize> = (0..SAYINGS.len())
        .filter(|&saying| {
            let client = CLIENTS[0].parse().unwrap();
            let bytes = 0..SAYINGS[saying].bytes.len();
            Story::of_packets(vec![piece(&SAYINGS[saying], client, 7, bytes)]).check().alerts.is_empty()
        })
        .collect();
    assert_eq!(silent, [1], "all but the one that names nobody listed");
}

/// Two hellos of two clients, each in two segments: the second hello begins before the first
/// continues.
#[test]
fn interleaved_hellos_of_two_clients_are_both_found() {
    let saying = &SAYINGS[0];
    let [one, other] = CLIENTS.map(|client| client.parse().unwrap());
    let half = saying.bytes.len() / 2;
    let (first, second) = (0..half, half..saying.bytes.len());
    let packets = vec![
        piece(saying, one, 7, first.clone()),
        piece(saying, other, 7, first),
        piece(saying, other, 7, second.clone()),
        piece(saying, one, 7, second),
    ];
    let told = Story::of_packets(packets).check();
    assert_eq!(told.alerts.len(), 2, "{:?}", told.heard());
    assert_eq!(told.counts.heads.assembled, 2);
}

/// A SOCKS client's offer is the start of its request. The request follows in a segment of its own,
/// and may be read by itself.
#[test]
fn a_socks_request_after_its_offer_is_one_sighting() {
    let saying = &SAYINGS[4];
    let client = CLIENTS[0].parse().unwrap();
    let all = saying.bytes.len();
    let told = Story::of_packets(vec![piece(saying, client, 7, 0..3), piece(saying, client, 7, 3..all)]).check();
    assert_eq!(told.heard().1.values().sum::<u64>(), 1);
}

/// Two requests in one segment. The second is sent once more in another segment.
#[test]
fn a_retransmitted_request_counts_once() {
    let saying = &SAYINGS[2];
    let client = CLIENTS[0].parse().unwrap();
    let all = saying.bytes.len();
    let second = saying.bytes.windows(8).position(|bytes| bytes == b"GET http").unwrap();
    let once = Story::of_packets(vec![piece(saying, client, 7, 0..all)]).check();
    let again = vec![piece(saying, client, 7, 0..all), piece(saying, client, 7, second..all)];
    assert_eq!(Story::of_packets(again).check().heard(), once.heard());
}

/// The second of three requests ends after the third has begun, and the third is in two segments as
/// well. Even if the end of the second never comes, the third is heard.
#[test]
fn a_head_that_ends_late_and_the_one_after_it_are_both_found() {
    let saying = &SAYINGS[9];
    let client = CLIENTS[0].parse().unwrap();
    let all = saying.bytes.len();
    let find = |text: &[u8]| saying.bytes.windows(text.len()).position(|bytes| bytes == text).unwrap();
    let (second, third) = (find(b"POST /fakeurl"), find(b"GET http"));
    let told = |ranges: Vec<Range<usize>>| {
        let packets = ranges.into_iter().map(|range| piece(saying, client, 7, range)).collect();
        Story::of_packets(packets).check()
    };
    let [first, start, end] = [0..second, second..second + 40, second + 40..third];
    let [next, rest] = [third..third + 30, third + 30..all];
    let late = told(vec![first.clone(), start.clone(), next.clone(), end, rest.clone()]);
    assert_eq!(late.heard(), told(vec![first.clone(), second..third, third..all]).heard());
    let without_end = told(vec![first, start, next, rest]).heard().1;
    assert_eq!((without_end["c2-server-name"], without_end["netsupport"]), (1, 0));
}

/// Cuts that once gave other findings than the whole, each for a different reason.
#[test]
fn cuts_that_once_failed_give_the_findings_of_the_whole() {
    let cut = |saying, lengths: &[usize], late: &[usize]| Cut {
        saying,
        first: 0,
        lengths: lengths.to_vec(),
        late: late.to_vec(),
        overlaps: vec![(0, 0)],
        again: vec![false],
    };
    let misheard = [
        cut(9, &[3, 1], &[15, 21, 0, 0, 0, 0, 0, 0, 0]),
        cut(9, &[43], &[10, 0, 0]),
        // A segment that begins within an answer looks like a message that ends with the segment.
        cut(10, &[8, 5, 30, 62], &[0]),
        // The starts of heads come before the end of the head that precedes them.
        cut(2, &[6, 8], &[13, 0]),
        cut(10, &[3, 1], &[15, 21, 0, 0, 0, 0, 0, 0, 0]),
        cut(10, &[43], &[10, 0, 0]),
    ];
    for cut in misheard {
        let whole =
            Story::of_packets(packets(&[cut.clone(), cut.clone()], |cut| vec![(0..cut.saying().bytes.len(), 0)]));
        let in_pieces = Story::of_packets(packets(&[cut.clone(), cut.clone()], Cut::segments));
        assert_eq!(in_pieces.check().heard(), whole.check().heard(), "{cut:?}");
    }
}
