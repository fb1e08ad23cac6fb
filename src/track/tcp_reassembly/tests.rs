//! Segments in any order, with gaps and retransmissions, and floods of heads.

use super::*;
use crate::flow::{Endpoint, Protocol};
use proptest::prelude::*;

fn flow(port: u16) -> Flow {
    let end = |last, port| Endpoint { address: [10, 0, 0, last].into(), port: Some(port) };
    Flow { source: end(1, port), destination: end(2, 443), protocol: Protocol::TCP }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

/// The first head of a flow.
fn first(port: u16) -> HeadId {
    HeadId { flow: flow(port), nth: 0 }
}

fn begun(start: u32, bytes: &[u8]) -> TcpReassembly<()> {
    let mut heads = TcpReassembly::new();
    heads.begin(at_position(flow(1), 7, start), bytes, at(0), ());
    heads
}

fn at_position(flow: Flow, tag: u32, sequence: u32) -> StreamPosition {
    StreamPosition { flow, tag, sequence }
}

/// The bytes of the heads that were abandoned.
fn abandoned<T>(heads: &mut TcpReassembly<T>) -> Vec<Vec<u8>> {
    heads.take_abandoned().into_iter().map(|head| head.bytes).collect()
}

fn whole(heads: &mut TcpReassembly<()>) -> Vec<u8> {
    heads.read_bytes(first(1)).unwrap().0.to_vec()
}

#[test]
fn segments_in_any_order_over_the_wrap_make_one_head() {
    let start = u32::MAX - 2;
    let mut heads = begun(start, b"ab");
    assert_eq!(heads.add_segment(first(1), start.wrapping_add(4), b"ef"), SegmentOutcome::Stored);
    assert_eq!(heads.add_segment(first(1), start.wrapping_add(2), b"cd"), SegmentOutcome::Grown);
    assert_eq!(whole(&mut heads), b"abcdef");
}

#[test]
fn the_first_copy_wins_and_a_conflict_is_counted_once_a_segment() {
    let mut heads = begun(0, b"abcd");
    assert_eq!(heads.add_segment(first(1), 2, b"XXef"), SegmentOutcome::Grown);
    whole(&mut heads);
    assert_eq!(heads.add_segment(first(1), 0, b"abcd"), SegmentOutcome::Stored);
    assert_eq!(whole(&mut heads), b"abcdef");
    assert_eq!(heads.counts().conflicts, 1);
}

#[test]
fn a_segment_that_reaches_back_before_the_head_is_cut() {
    let mut heads = begun(100, b"ab");
    assert_eq!(heads.add_segment(first(1), 98, b"..abcd"), SegmentOutcome::Grown);
    assert_eq!(whole(&mut heads), b"abcd");
    assert_eq!(heads.add_segment(first(1), 90, b"before"), SegmentOutcome::Outside);
    assert_eq!(heads.add_segment(first(2), 102, b"cd"), SegmentOutcome::Outside);
}

#[test]
fn what_waits_too_long_is_given_up_with_what_there_is() {
    let mut heads = begun(0, b"ab");
    heads.add_segment(first(1), 5, b"gap");
    assert_eq!(heads.next_timeout(), Some(at(60)));
    heads.expire_oldest();
    assert_eq!(heads.next_timeout(), None);
    assert_eq!(abandoned(&mut heads), [b"ab"]);
    assert_eq!((heads.counts().too_old, heads.bytes, heads.is_empty()), (1, 0, true));
}

#[test]
fn a_flood_of_half_heads_is_bounded_and_the_newest_stay() {
    let mut heads = TcpReassembly::new();
    let mut gone = 0;
    for number in 0..3 * MOST_PENDING {
        let mut flow = flow(number as u16);
        flow.destination.port = Some((number >> 16) as u16);
        let id = heads.begin(at_position(flow, number as u32, 0), &[0; 1400], at(0), ());
        heads.add_segment(id, 9000, &[1; 1400]);
        gone += abandoned(&mut heads).len() as u64;
    }
    assert!(heads.len() <= MOST_PENDING && heads.bytes <= MOST_BYTES);
    assert_eq!(heads.counts().too_many, gone);
    assert_eq!(heads.len() as u64 + gone, 3 * MOST_PENDING as u64);
    assert!(heads.queue.len() <= 2 * MOST_PENDING + 1);
}

#[test]
fn what_came_early_of_the_next_head_is_kept() {
    let mut heads = begun(u32::MAX, b"ab");
    heads.add_segment(first(1), 7, b"ij");
    heads.add_segment(first(1), 1, b"cdef");
    heads.advance(first(1), 4, at(5));
    assert_eq!(
        (whole(&mut heads), heads.place(first(1))),
        (b"ef".to_vec(), Some(HeadPlace { tag: 7, start: 3, body_length: 0 }))
    );
    assert_eq!(heads.add_segment(first(1), 5, b"gh"), SegmentOutcome::Grown);
    assert_eq!((whole(&mut heads), heads.next_timeout()), (b"efghij".to_vec(), Some(at(65))));
    assert_eq!((heads.bytes, heads.counts().assembled), (6, 1));
    heads.expire_oldest();
    assert!(heads.is_empty() && heads.queue.is_empty() && heads.bytes == 0);
}

#[test]
fn a_head_behind_a_body_is_expected_where_the_body_ends() {
    let start = u32::MAX - 4;
    let mut heads = TcpReassembly::new();
    heads.expect(at_position(flow(1), 7, start), 10, at(0), ());
    assert_eq!(heads.expected_in(first(1), start - 10, 9), None);
    let expected = |offset, is_first| Some(ExpectedHead { offset, body_length: 10, is_first });
    assert_eq!(heads.expected_in(first(1), start - 10, 10), expected(10, true));
    assert_eq!(heads.expected_in(first(1), start, 3), expected(0, true));
    assert!(heads.is_body(&flow(1), start - 10) && heads.is_body(&flow(1), start - 1));
    assert!(!heads.is_body(&flow(1), start - 11) && !heads.is_body(&flow(1), start));
    // Nothing is stored of the body, but the early bytes of the head are.
    assert_eq!(heads.add_segment(first(1), start - 10, b"body"), SegmentOutcome::Outside);
    assert_eq!(heads.add_segment(first(1), start.wrapping_add(6), b"gh"), SegmentOutcome::Stored);
    assert_eq!(heads.expected_in(first(1), start - 2, 8), expected(2, false));
    assert_eq!(heads.add_segment(first(1), start - 2, b"..abcdef"), SegmentOutcome::Grown);
    assert_eq!((whole(&mut heads), heads.expected_in(first(1), start - 2, 8)), (b"abcdefgh".to_vec(), None));
    // It is whole, with a body behind it, of which four bytes are missing; the next one came early.
    heads.add_segment(first(1), start.wrapping_add(12), b"next");
    heads.advance(first(1), 12, at(1));
    assert!(heads.is_unread(first(1)) && heads.is_body(&flow(1), start.wrapping_add(8)));
    assert_eq!(whole(&mut heads), b"next");
    // Nothing is lost where nothing came.
    assert!(heads.discard(first(1)) && heads.next_timeout().is_none());
    heads.expect(at_position(flow(1), 7, 500), 1, at(2), ());
    heads.expire_oldest();
    assert!(heads.is_empty() && heads.bytes == 0 && heads.counts().too_old == 0);
}

fn held<T>(heads: &TcpReassembly<T>) -> usize {
    heads.pending.iter().flat_map(HashMap::values).map(|pending| pending.buffer.len()).sum()
}

#[test]
fn two_heads_of_a_flow_are_pending_and_the_one_behind_the_first_stays() {
    let mut heads = TcpReassembly::new();
    let one = heads.begin(at_position(flow(1), 7, u32::MAX), b"ab", at(0), 1);
    let two = heads.begin(at_position(flow(1), 7, 5), b"gh", at(1), 2);
    assert_eq!((heads.ids(&flow(1)).to_vec(), heads.len(), heads.bytes), (vec![one, two], 2, 4));
    for key in [one, two] {
        heads.add_segment(key, 8, b"jk");
        heads.add_segment(key, 1, b"cdef");
    }
    // Early bytes were added to both. Where they meet, the two become one, with the context of the
    // second.
    assert_eq!(heads.advance(one, 6, at(2)), two);
    assert_eq!((heads.ids(&flow(1)).to_vec(), heads.context(two).copied()), (vec![two], Some(2)));
    heads.add_segment(two, 7, b"i");
    assert_eq!(heads.read_bytes(two).unwrap().0, b"ghijk");
    heads.complete(two, 5);
    assert!(heads.is_empty() && heads.bytes == 0 && heads.counts().assembled == 2);
}

#[test]
fn what_seems_to_begin_within_a_head_goes_with_it() {
    let mut heads = TcpReassembly::new();
    let late = heads.begin(at_position(flow(1), 7, 4), b"ef", at(0), ());
    let early = heads.begin(at_position(flow(1), 7, 0), b"ab", at(0), ());
    assert_eq!(heads.ids(&flow(1)).to_vec(), [early, late]);
    heads.complete(early, 5);
    assert!(heads.is_empty() && heads.bytes == 0);
}

#[test]
fn a_third_head_takes_the_place_of_the_last_and_one_far_away_that_of_all() {
    let mut heads = TcpReassembly::new();
    for start in [100, 300, 200, 200 + LONGEST_HEAD as u32] {
        let text = start.to_string();
        heads.begin(at_position(flow(1), 7, start), text.as_bytes(), at(0), ());
        assert!(heads.ids(&flow(1)).len() <= MOST_OF_FLOW && heads.bytes == held(&heads));
    }
    assert_eq!(abandoned(&mut heads), [b"300", b"100", b"200"]);
}

#[test]
fn a_head_of_holes_is_given_up() {
    let mut heads = begun(0, b"a");
    for hole in 1..=MOST_GAPS as u32 + 1 {
        heads.add_segment(first(1), hole * 2, b"x");
    }
    assert_eq!((abandoned(&mut heads).len(), heads.counts().too_many_gaps), (1, 1));
}

#[test]
fn a_head_sent_byte_by_byte_is_not_looked_at_for_each_byte() {
    let mut heads = begun(0, b"a");
    let mut looks = 0;
    for sequence in 1..LONGEST_HEAD as u32 {
        if heads.add_segment(first(1), sequence, b"x") == SegmentOutcome::Grown {
            heads.read_bytes(first(1)).unwrap();
            looks += 1;
        }
    }
    assert!(looks < 100, "{looks} looks");
    assert_eq!(whole(&mut heads).len(), LONGEST_HEAD);
}

proptest! {
    /// Any way to cut a stream, shuffle and repeat its pieces gives the same bytes.
    #[test]
    fn any_cut_and_order_gives_the_stream(
        stream in prop::collection::vec(any::<u8>(), 2..600),
        start in any::<u32>(),
        cuts in prop::collection::vec((0usize..600, 1usize..200), 0..25),
        seed in any::<u64>(),
    ) {
        let mut pieces: Vec<(usize, usize)> = cuts
            .into_iter()
            .map(|(from, length)| (from.min(stream.len() - 1), length))
            .map(|(from, length)| (from, (from + length).min(stream.len())))
            .collect();
        // Something has to cover the whole of it.
        let step = 1 + (seed % 97) as usize + stream.len() / 20;
        pieces.extend((0..stream.len()).step_by(step).map(|from| (from, (from + step).min(stream.len()))));
        let mut state = seed;
        for place in (1..pieces.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            pieces.swap(place, (state >> 33) as usize % (place + 1));
        }
        let mut heads = begun(start, &stream[..1]);
        for (from, to) in pieces {
            heads.add_segment(first(1), start.wrapping_add(from as u32), &stream[from..to]);
        }
        prop_assert_eq!(whole(&mut heads), stream);
        prop_assert_eq!(heads.counts().conflicts, 0);
    }

    #[test]
    fn any_segments_stay_within_bounds(
        segments in prop::collection::vec((any::<u32>(), 0usize..3000, any::<u8>()), 0..60),
    ) {
        let mut heads = begun(0, b"a");
        for (sequence, length, byte) in segments {
            heads.add_segment(first(1), sequence % 40_000, &vec![byte; length]);
        }
        prop_assert!(heads.bytes <= LONGEST_HEAD);
        prop_assert_eq!(heads.bytes, held(&heads));
    }
}
