use super::*;
use crate::alert::{Alert, Signature};
use crate::indicator::{LearnedAddresses, builtin};
use crate::scan::{Findings, ScanRequest, scan};
use crate::track::{TrackCounts, TrackSettings, Tracker};
use proptest::prelude::*;

const LISTED: [u8; 4] = [91, 202, 233, 25];
const RESOLVER: [u8; 4] = [10, 0, 0, 53];
const CLIENT: [u8; 4] = [10, 0, 0, 1];

/// A packet and when it came, in milliseconds.
type Timed = (i64, Vec<u8>);

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let words = [source, destination, 8 + payload.len() as u16, 0];
    [words.into_iter().flat_map(u16::to_be_bytes).collect(), payload.to_vec()].concat()
}

fn ipv4(source: [u8; 4], destination: [u8; 4], id: u16, place: u16, protocol: u8, data: &[u8]) -> Vec<u8> {
    let words = [0x4500, 20 + data.len() as u16, id, place, 0x4000 | u16::from(protocol), 0];
    let header: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
    [&header[..], &source, &destination, data].concat()
}

fn ipv6(id: u32, place: u16, data: &[u8]) -> Vec<u8> {
    // NAT64 of the listed address.
    let destination = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 91, 202, 233, 25];
    let length = (8 + data.len() as u16).to_be_bytes();
    let header = [&[0x60, 0, 0, 0, length[0], length[1], 44, 64][..], &[0x20; 16], &destination].concat();
    [&header[..], &[17, 0], &place.to_be_bytes(), &id.to_be_bytes(), data].concat()
}

/// Where the parts of `data` begin, end, and whether others follow.
fn parts(data: &[u8], cuts: &[usize]) -> Vec<(usize, usize, bool)> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut / 8 * 8).filter(|cut| (1..data.len()).contains(cut)).collect();
    ends.push(data.len());
    ends.sort_unstable();
    ends.dedup();
    let starts = std::iter::once(0).chain(ends.clone());
    starts.zip(ends).map(|(start, end)| (start, end, end < data.len())).collect()
}

/// The fragments of a datagram from the client to a listed endpoint.
fn fragments_to(destination: [u8; 4], id: u16, data: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let fragment = |(start, end, more): (usize, usize, bool)| {
        let place = (start / 8) as u16 | if more { 0x2000 } else { 0 };
        ipv4(CLIENT, destination, id, place, 17, &data[start..end])
    };
    parts(data, cuts).into_iter().map(fragment).collect()
}

fn fragments(id: u16, data: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    fragments_to(LISTED, id, data, cuts)
}

/// An answer for `gw.feersona.net`, far longer than any link takes, with one address at its end.
fn answer(address: [u8; 4]) -> Vec<u8> {
    let name = b"\x02gw\x08feersona\x03net\x00";
    let mut bytes = vec![0, 1, 0x81, 0x80, 0, 1, 0, 11, 0, 0, 0, 0];
    bytes.extend(name);
    bytes.extend([0, 1, 0, 1]);
    for _ in 0..10 {
        bytes.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 200, 199]);
        bytes.extend([b'x'; 199]);
    }
    bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    bytes.extend(address);
    udp(53, 53_000, &bytes)
}

fn from_resolver(id: u16, place: u16, data: &[u8]) -> Vec<u8> {
    ipv4(RESOLVER, CLIENT, id, place, 17, data)
}

fn indicators() -> Arc<IndicatorSet> {
    Arc::new(IndicatorSet::new(builtin()))
}

fn block(set: &Arc<IndicatorSet>, packets: &[Timed]) -> Block {
    let mut block = Block::new(Arc::new(Origin::default()), set.clone());
    for (milliseconds, packet) in packets {
        let (offset, length) = (block.bytes.len() as u32, packet.len() as u32);
        let time = Timestamp::from_nanos(milliseconds * 1_000_000);
        block.bytes.extend(packet);
        block.frames.push(Frame { time, offset, captured: length, original: length, link: LinkType::RAW });
    }
    block
}

/// Tracks packets in Blocks of so many frames.
fn track(packets: &[Timed], per_block: usize) -> (Vec<Alert>, TrackCounts) {
    let set = indicators();
    let mut tracker = Tracker::new(TrackSettings::default());
    let (mut learned, mut alerts) = (LearnedAddresses::default(), Vec::new());
    for (number, packets) in (0..).zip(packets.chunks(per_block)) {
        let block = Block { number, ..block(&set, packets) };
        let mut findings = Findings::default();
        scan(&block, &learned, ScanRequest::default(), &mut findings);
        tracker.take(&block, &findings, &mut |alert| alerts.push(alert));
        learned = tracker.publish().unwrap_or(learned);
    }
    tracker.finish(&mut |alert| alerts.push(alert));
    (alerts, tracker.counts())
}

fn at_once(packets: Vec<Vec<u8>>) -> Vec<Timed> {
    packets.into_iter().map(|packet| (0, packet)).collect()
}

/// The result: signature, server, sightings and bytes sent.
fn summed(alerts: &[Alert]) -> Vec<(&'static str, String, u64, u64)> {
    let mut sums: Vec<(&'static str, String, u64, u64)> = Vec::new();
    for alert in alerts {
        let (signature, server) = (alert.signature.id(), alert.server.to_string());
        let bytes = alert.sent.0 + alert.received.0;
        match sums.iter_mut().find(|sum| (sum.0, &sum.1) == (signature, &server)) {
            Some(sum) => (sum.2, sum.3) = (sum.2 + alert.count, sum.3 + bytes),
            None => sums.push((signature, server, alert.count, bytes)),
        }
    }
    sums
}

fn total(packets: &[Vec<u8>]) -> u64 {
    packets.iter().map(|packet| packet.len() as u64).sum()
}

fn given_up(counts: &TrackCounts) -> Vec<(&'static str, u64)> {
    let all = AbandonReason::ALL.iter().zip(counts.fragments.abandoned);
    all.filter(|(_, count)| *count > 0).map(|(why, count)| (why.reason(), count)).collect()
}

const ENDPOINT: &str = "91.202.233.25:4888";

#[test]
fn a_whole_datagram_is_one_contact_with_all_its_bytes() {
    let mut packets = fragments(7, &udp(5000, 4888, &[1; 3000]), &[1480, 2960]);
    for _ in 0..3 {
        packets.rotate_left(1);
        let (alerts, counts) = track(&at_once(packets.clone()), 100);
        assert_eq!(summed(&alerts), [("c2-endpoint", ENDPOINT.to_owned(), 1, total(&packets))]);
        assert_eq!((counts.fragments.whole, given_up(&counts)), (1, vec![]));
    }
}

#[test]
fn copies_are_tolerated_before_and_after_the_datagram_is_whole() {
    let packets = fragments(7, &udp(5000, 4888, &[1; 3000]), &[1480, 2960]);
    let twice: Vec<Vec<u8>> = packets.iter().chain(&packets).cloned().collect();
    let in_pairs: Vec<Vec<u8>> = packets.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
    for packets in [twice, in_pairs] {
        let (alerts, counts) = track(&at_once(packets.clone()), 100);
        assert_eq!(summed(&alerts), [("c2-endpoint", ENDPOINT.to_owned(), 1, total(&packets))]);
        assert_eq!((counts.fragments.whole, given_up(&counts)), (1, vec![]));
    }
}

#[test]
fn a_number_used_again_is_another_datagram() {
    let first = fragments(7, &udp(5000, 4888, &[1; 3000]), &[1480]);
    let second = fragments(7, &udp(5001, 4888, &[2; 3000]), &[1480]);
    let (alerts, counts) = track(&at_once([first, second].concat()), 100);
    assert_eq!((counts.fragments.whole, counts.sightings[Signature::C2Endpoint.index()]), (2, 2), "{alerts:?}");
}

#[test]
fn overlapping_fragments_are_refused_and_still_count_as_contacts() {
    let data = udp(5000, 4888, &[1; 3000]);
    let whole = fragments(7, &data, &[1480, 2400]);
    let other = ipv4(CLIENT, LISTED, 7, 0x2000 | (1400 / 8), 17, &[2; 160]);
    for place in 1..=2 {
        let mut packets = whole.clone();
        packets.insert(place, other.clone());
        let (alerts, counts) = track(&at_once(packets.clone()), 100);
        assert_eq!(summed(&alerts), [("c2-endpoint", ENDPOINT.to_owned(), 1, total(&packets))], "{place}");
        assert_eq!((counts.fragments.whole, given_up(&counts)), (0, vec![("overlapping fragments", 1)]));
    }
}

/// Of a datagram whose first fragment never came.
#[test]
fn the_bytes_of_copies_count_whichever_fragment_they_are_of() {
    let packet = ipv4(CLIENT, LISTED, 1, 1 | 0x2000, 17, &[139; 24]);
    let packets = vec![packet.clone(), packet];
    let (alerts, _) = track(&at_once(packets.clone()), 7);
    assert_eq!(summed(&alerts).iter().map(|sum| sum.3).sum::<u64>(), total(&packets));
}

#[test]
fn the_second_copy_of_bytes_may_not_differ() {
    let data = udp(5000, 4888, &[1; 3000]);
    let mut packets = fragments(7, &data, &[1480, 2400]);
    let mut other = packets[1].clone();
    other[30] ^= 1;
    packets.insert(2, other);
    let (_, counts) = track(&at_once(packets), 100);
    assert_eq!(given_up(&counts), [("overlapping fragments", 1)]);
}

#[test]
fn what_never_gets_whole_is_told_when_its_time_is_over() {
    let data = udp(5000, 4888, &[1; 3000]);
    let packets = fragments(7, &data, &[1480, 2400]);
    let quiet = |at| (at, ipv4([10, 0, 0, 2], [10, 0, 0, 3], 1, 0, 17, &udp(1, 2, b"")));
    // Without the last: the ports are known.
    let timed =
        [(0, packets[0].clone()), (5, packets[1].clone()), quiet(59_999), quiet(60_000), (61_000, packets[2].clone())];
    let (alerts, counts) = track(&timed, 100);
    assert_eq!(alerts[0].signature, Signature::C2Endpoint);
    assert_eq!(alerts[0].seen, Timestamp::from_nanos(0));
    assert_eq!(given_up(&counts), [("not all of it came", 1), ("the input ended before", 1)]);
    // Without the first.
    let (alerts, counts) = track(&at_once(packets[1..].to_vec()), 100);
    assert_eq!(summed(&alerts), [("c2-address", "91.202.233.25".to_owned(), 1, total(&packets[1..]))]);
    assert_eq!(given_up(&counts), [("the input ended before", 1)]);
}

#[test]
fn fragments_that_no_host_takes_are_refused() {
    for packet in [
        // Longer than any datagram.
        ipv4(CLIENT, LISTED, 7, 0x1fff, 17, &[1; 40]),
        // Not in steps of eight bytes, with others to follow.
        ipv6(7, 1, &udp(5000, 4888, &[1; 9])),
        // Empty.
        ipv4(CLIENT, LISTED, 7, 0x2000 | 4, 17, &[]),
    ] {
        let (alerts, counts) = track(&[(0, packet.clone())], 100);
        assert_eq!(given_up(&counts), [("malformed fragment", 1)]);
        assert_eq!(summed(&alerts)[0].3, packet.len() as u64);
    }
    let data = udp(5000, 4888, &[1; 2000]);
    let cuts: Vec<usize> = (1..=MOST_FRAGMENTS + 1).map(|number| number * 8).collect();
    let packets = fragments(7, &data, &cuts);
    let (alerts, counts) = track(&at_once(packets.clone()), 100);
    assert_eq!(given_up(&counts), [("too many fragments", 1)]);
    assert_eq!(summed(&alerts), [("c2-endpoint", ENDPOINT.to_owned(), 1, total(&packets))]);
}

#[test]
fn odd_ends_are_left_out_in_ipv4() {
    let data = udp(5000, 4888, &[1; 3000]);
    let first = ipv4(CLIENT, LISTED, 7, 0x2000, 17, &[&data[..1480], b"odd"].concat());
    let last = ipv4(CLIENT, LISTED, 7, 185, 17, &data[1480..]);
    let packets = vec![first.clone(), last, first];
    let (alerts, counts) = track(&at_once(packets.clone()), 100);
    assert_eq!(summed(&alerts), [("c2-endpoint", ENDPOINT.to_owned(), 1, total(&packets))]);
    assert_eq!((counts.fragments.whole, given_up(&counts)), (1, vec![]));
}

#[test]
fn a_datagram_cut_by_the_capture_is_read_as_far_as_it_goes() {
    let set = indicators();
    let packets = at_once(fragments(7, &udp(5000, 4888, &[1; 3000]), &[1480]));
    let mut cut = block(&set, &packets);
    cut.frames.iter_mut().for_each(|frame| frame.captured = 96);
    let (mut findings, mut alerts) = (Findings::default(), Vec::new());
    let mut tracker = Tracker::new(TrackSettings::default());
    scan(&cut, &LearnedAddresses::default(), ScanRequest::default(), &mut findings);
    tracker.take(&cut, &findings, &mut |alert| alerts.push(alert));
    assert_eq!(alerts[0].signature, Signature::C2Endpoint);
    assert_eq!(given_up(&tracker.counts()), [("cut by the capture", 1)]);
}

#[test]
fn a_fragmented_answer_teaches_its_address_from_its_last_fragment_on() {
    let data = answer([203, 0, 113, 66]);
    let contact = |port| ipv4(CLIENT, [203, 0, 113, 66], 1, 0, 17, &udp(port, 443, b"hi"));
    let packets = [
        contact(6000),
        from_resolver(9, 0x2000, &data[..1480]),
        contact(6001),
        from_resolver(9, 185, &data[1480..]),
        contact(6002),
    ];
    let (alerts, counts) = track(&at_once(packets.to_vec()), 100);
    let learned: Vec<_> = alerts.iter().filter(|alert| alert.signature == Signature::C2ResolvedAddress).collect();
    assert_eq!(learned.iter().map(|alert| alert.count).sum::<u64>(), 1, "{alerts:?}");
    assert_eq!(learned[0].client.port, Some(6002));
    assert_eq!(counts.sightings[Signature::C2DomainAnswer.index()], 1);
}

#[test]
fn fragments_in_fragments_are_put_together_up_to_a_bound() {
    // Each datagram lies in both fragments of the next one around it.
    let nested = |depth: usize| {
        let innermost = vec![ipv4(CLIENT, LISTED, 1, 0, 17, &udp(5000, 4888, &[1; 40]))];
        (0..depth).fold(innermost, |packets, level| {
            let wrap = |(number, packet): (usize, &Vec<u8>)| {
                let (id, middle) = ((level * 100 + number + 2) as u16, packet.len() / 16 * 8);
                [
                    ipv4([10, 1, 0, 1], [10, 1, 0, 2], id, 0x2000, 4, &packet[..middle]),
                    ipv4([10, 1, 0, 1], [10, 1, 0, 2], id, (middle / 8) as u16, 4, &packet[middle..]),
                ]
            };
            packets.iter().enumerate().flat_map(wrap).collect()
        })
    };
    let (alerts, _) = track(&at_once(nested(4)), 100);
    assert_eq!(summed(&alerts)[0].0, "c2-endpoint");
    assert_eq!(alerts[0].message.matches(" in IP-in-IP from 10.1.0.1 to 10.1.0.2").count(), 4, "{}", alerts[0].message);
    // Deeper tunnels are not entered, and nothing overflows.
    track(&at_once(nested(9)), 100);
}

#[test]
fn a_flood_of_fragments_stays_in_bounds_and_hides_nothing() {
    let set = indicators();
    let mut defrag = Defrag::default();
    let now = Timestamp::from_nanos(0);
    let mut contacts = 0;
    let honest = fragments(7, &udp(5000, 4888, &[1; 3000]), &[1480]);
    let mut whole = 0;
    for number in 0..20_000u32 {
        let [_, _, high, low] = number.to_be_bytes();
        let mut packets = vec![(0, ipv4([10, 9, high, low], LISTED, 7, 0x2001, 17, &[0; 1400]))];
        if number == 10_000 || number == 10_001 {
            packets.push((0, honest[number as usize - 10_000].clone()));
        }
        let block = block(&set, &packets);
        let mut findings = Findings::default();
        scan(&block, &LearnedAddresses::default(), ScanRequest::default(), &mut findings);
        for (finding, (_, packet)) in findings.list.iter().zip(&packets) {
            let decoded = crate::decode::decode(LinkType::RAW, packet, packet.len() as u32).unwrap();
            for released in defrag.add(&block, finding, &decoded.fragment.unwrap(), now) {
                contacts += released.lone_fragments.len();
                whole += released.block.frames.len();
            }
        }
        assert!(defrag.bytes <= MOST_BYTES && defrag.queue.len() <= MOST_DATAGRAMS);
        assert!(defrag.table.len() <= defrag.queue.len());
    }
    assert_eq!(whole, 1);
    while let Some(released) = defrag.next_unfinished() {
        contacts += released.lone_fragments.len();
    }
    assert_eq!((contacts, defrag.bytes, defrag.table.len()), (20_000, 0, 0));
}

/// A small number of conversations, most of them in fragments, in some disorder.
fn story() -> impl Strategy<Value = Vec<Timed>> {
    let data = answer([203, 0, 113, 66]);
    let mut packets: Vec<Timed> = Vec::new();
    for (number, id) in (0..4).zip(7u16..) {
        let data = udp(5000 + id, 4888, &[id as u8; 900]);
        packets.extend(fragments(id, &data, &[304, 600]).into_iter().map(|packet| (number * 900, packet)));
    }
    for (number, port) in (0..8).zip(6000..) {
        let contact = ipv4(CLIENT, [203, 0, 113, 66], 1, 0, 17, &udp(port, 443, b"hi"));
        packets.push((number * 20_000, contact));
    }
    for (place, range) in [(0x2000, 0..1480), (185, 1480..data.len())] {
        packets.push((30_000, from_resolver(9, place, &data[range])));
    }
    // The beginning of another answer, which is abandoned.
    packets.push((5000, from_resolver(10, 0x2000, &answer([203, 0, 113, 67])[..480])));
    Just(packets).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_cut_in_any_order_gives_the_same_datagram(
        payload in prop::collection::vec(any::<u8>(), 1..600),
        cuts in prop::collection::vec(1usize..600, 0..8),
        copies in prop::collection::vec(0usize..8, 0..4),
        seed in any::<u64>(),
        is_v6 in any::<bool>(),
    ) {
        let set = indicators();
        let data = udp(5000, 4888, &payload);
        // One of the cuts is within any datagram.
        let cuts = [&[8], &cuts[..]].concat();
        let mut packets: Vec<Vec<u8>> = parts(&data, &cuts)
            .into_iter()
            .map(|(start, end, more)| match is_v6 {
                true => ipv6(77, start as u16 | u16::from(more), &data[start..end]),
                false => {
                    ipv4(CLIENT, LISTED, 7, (start / 8) as u16 | if more { 0x2000 } else { 0 }, 17, &data[start..end])
                }
            })
            .collect();
        for copy in copies {
            packets.extend(packets.get(copy).cloned());
        }
        // The order follows from the seed.
        packets.sort_by_cached_key(|packet| foldhash::fast::FixedState::with_seed(seed).hash_one(packet));
        let block = block(&set, &at_once(packets.clone()));
        let mut findings = Findings::default();
        scan(&block, &LearnedAddresses::default(), ScanRequest::default(), &mut findings);
        prop_assert_eq!(findings.list.len(), packets.len());
        let (mut defrag, mut whole) = (Defrag::default(), Vec::new());
        for (finding, packet) in findings.list.iter().zip(&packets) {
            let decoded = crate::decode::decode(LinkType::RAW, packet, packet.len() as u32).unwrap();
            let released = defrag.add(&block, finding, &decoded.fragment.unwrap(), finding.time);
            whole.extend(released.into_iter().filter(|released| !released.block.frames.is_empty()));
        }
        prop_assert_eq!((whole.len(), defrag.counts().whole), (1, 1));
        let rebuilt = &whole[0].block;
        let frame = rebuilt.frames[0];
        let bytes = rebuilt.captured(&frame);
        prop_assert_eq!(&bytes[bytes.len() - data.len()..], &data[..]);
        let decoded = crate::decode::decode(frame.link, bytes, frame.original).unwrap();
        prop_assert_eq!((decoded.packet.ports.map(|ports| ports.destination), decoded.packet.payload), (Some(4888), &payload[..]));
        prop_assert_eq!((decoded.fragment, decoded.packet.length as usize), (None, bytes.len()));
    }

    #[test]
    fn blocks_may_end_anywhere(packets in story(), per_block in 1usize..25) {
        let (alerts, counts) = track(&packets, packets.len());
        let (others, other_counts) = track(&packets, per_block);
        prop_assert_eq!(alerts, others);
        prop_assert_eq!(counts, other_counts);
    }

    #[test]
    fn no_fragments_make_it_panic(
        fragments in prop::collection::vec((0u16..3, 0u16..6, any::<bool>(), 0usize..40, any::<u8>()), 0..40),
    ) {
        let packets: Vec<Vec<u8>> = fragments
            .into_iter()
            .map(|(id, place, more, length, byte)| {
                ipv4(CLIENT, LISTED, id, place | if more { 0x2000 } else { 0 }, 17, &vec![byte; length])
            })
            .collect();
        let (alerts, _) = track(&at_once(packets.clone()), 7);
        let bytes: u64 = summed(&alerts).iter().map(|sum| sum.3).sum();
        prop_assert_eq!(bytes, total(&packets));
    }
}
