//! Classic pcap: `savefile` in libpcap's manual, <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/>.
//!
//! A file header of 24 bytes, then records: a header (seconds, fraction of a second, captured length, length on the wire)
//! and the captured bytes. Both byte orders, micro- and nanoseconds. Old variants that libpcap and Wireshark read are read
//! here too: versions before 2.3 (the two lengths the other way round), and longer record headers of patched libpcaps, some
//! under a magic number of their own and some under the usual one, told by what makes sense of the first two records.

use super::block::{Frame, LinkType};
use super::walk::{
    Damage, Lost, MAX_CAPTURED, Progress, Search, Sink, Verdict, Window, are_near, link_type, max_captured, u16_from,
    u32_from,
};
use crate::units::Timestamp;

/// Length of the file header.
pub(super) const FILE_HEADER: usize = 24;

/// Length of the usual record header, and the part of every longer one that is used.
const RECORD_HEADER: usize = 16;

/// Record header lengths under the usual magic number: as defined; Red Hat 6.1; Nokia.
const USUAL_LAYOUTS: [usize; 3] = [RECORD_HEADER, 24, 20];

/// Record header lengths under Kuznetzov's magic number: as libpcap has it; SuSE 6.3; Nokia.
const MODIFIED_LAYOUTS: [usize; 3] = [24, 28, 20];

/// The largest snapshot length that is taken at its word where it exceeds what the link type allows. Writers put 0,
/// 0x7fffffff or 0xffffffff for "no limit", which says nothing about a record.
const MAX_SNAPLEN: u32 = 1 << 20;

/// How many records in a row, near the last good one in time, show where a damaged file goes on: with one or two, bytes of a
/// payload pass too easily; each more costs look-ahead.
const NEAR_CHAIN: u32 = 3;

/// The same for records that lie far from the last good one in time, which may itself have been damaged.
const FAR_CHAIN: u32 = 6;

/// In which order a record gives its two lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// Captured, then on the wire: since version 2.3.
    InOrder,
    /// On the wire, then captured: before version 2.3, and DG/UX.
    Swapped,
    /// Version 2.3, which some wrote in the old order: the smaller is the captured length.
    Smaller,
}

/// Walks over the records of a pcap file.
#[derive(Debug)]
pub(super) struct PcapWalker {
    big: bool,
    /// Nanoseconds in a unit of the fraction field.
    tick: i64,
    lengths: Lengths,
    /// The candidates for the record header's length; the first is used once `settled`.
    layouts: [usize; 3],
    settled: bool,
    link: LinkType,
    /// The largest captured length that is believed.
    bound: u32,
    /// The time of the last good record.
    last: Option<Timestamp>,
    /// What was wrong, while a good record is searched for.
    lost: Option<Lost>,
}

/// The fields of a record header, in the order and unit they are used in.
struct Record {
    time: Timestamp,
    fraction: i64,
    captured: u32,
    original: u32,
}

/// Why a run over the records ended.
enum Stop {
    /// The bytes ended.
    Bytes,
    /// A record that is larger than the buffer; it ends beyond the window.
    Beyond(usize),
    /// A record that cannot be true.
    Damage(Damage),
}

impl PcapWalker {
    /// Whether a file with these first bytes is of this format, whatever its version.
    pub(super) fn knows(magic: [u8; 4]) -> bool {
        Self::kind(magic).is_some()
    }

    /// Byte order, nanoseconds in the fraction's unit, and the record layouts that a magic number stands for.
    fn kind(magic: [u8; 4]) -> Option<(bool, i64, [usize; 3])> {
        let meaning = |number: u32| match number {
            0xa1b2_c3d4 => Some((1000, USUAL_LAYOUTS)),
            0xa1b2_3c4d => Some((1, USUAL_LAYOUTS)),
            0xa1b2_cd34 => Some((1000, MODIFIED_LAYOUTS)),
            _ => None,
        };
        let little = meaning(u32::from_le_bytes(magic)).map(|(tick, layouts)| (false, tick, layouts));
        little.or_else(|| meaning(u32::from_be_bytes(magic)).map(|(tick, layouts)| (true, tick, layouts)))
    }

    /// A walker for the records after this file header, or what is unusual about it.
    pub(super) fn new(header: &[u8; FILE_HEADER]) -> Result<Self, String> {
        let &[m0, m1, m2, m3, a0, a1, i0, i1, _, _, _, _, _, _, _, _, s0, s1, s2, s3, l0, l1, l2, l3] = header;
        let Some((big, tick, layouts)) = Self::kind([m0, m1, m2, m3]) else {
            return Err("not a pcap file header".to_owned());
        };
        let number = |bytes: [u8; 4]| if big { u32_from::<true>(bytes) } else { u32_from::<false>(bytes) };
        let short = |bytes: [u8; 2]| if big { u16_from::<true>(bytes) } else { u16_from::<false>(bytes) };
        let lengths = match (short([a0, a1]), short([i0, i1])) {
            (2, 0..=2) | (543, 0) => Lengths::Swapped,
            (2, 3) => Lengths::Smaller,
            (2, 4) => Lengths::InOrder,
            (major, minor) => return Err(format!("pcap version {major}.{minor} is not known (2.0 to 2.4 are)")),
        };
        let field = number([l0, l1, l2, l3]);
        // The upper six bits give the length of frame check sequences; the ten between are reserved.
        let reserved = field & 0x03ff_0000;
        if reserved != 0 {
            return Err(format!("reserved bits are set in the link type field of the file header ({field:#010x})"));
        }
        let link = link_type(field as u16);
        let snaplen = number([s0, s1, s2, s3]);
        let bound = if snaplen <= MAX_SNAPLEN { max_captured(link).max(snaplen) } else { max_captured(link) };
        Ok(Self { big, tick, lengths, layouts, settled: false, link, bound, last: None, lost: None })
    }

    /// Goes over the records from a position of the window on and says how far it came.
    pub(super) fn walk(&mut self, window: &Window<'_>, from: usize, sink: &mut Sink<'_>) -> Progress {
        let mut position = from;
        if !self.settled && (position >= window.bytes.len() || !self.settle(window, position)) {
            return Progress::to(position);
        }
        loop {
            if let Some(lost) = self.lost.take() {
                match self.search(window, position) {
                    Search::Found(at) => {
                        (sink.report)(lost.resumed(Some(window.offset(at))));
                        position = at;
                    }
                    Search::Wait(_) if window.complete => {
                        (sink.report)(lost.resumed(None));
                        return Progress::to(window.bytes.len());
                    }
                    Search::Wait(at) => {
                        self.lost = Some(lost);
                        return Progress::to(at);
                    }
                }
            }
            let (at, stop) = match (self.big, self.header() == RECORD_HEADER && self.lengths == Lengths::InOrder) {
                (false, true) => self.records::<false, true>(window, position, sink),
                (true, true) => self.records::<true, true>(window, position, sink),
                (false, false) => self.records::<false, false>(window, position, sink),
                (true, false) => self.records::<true, false>(window, position, sink),
            };
            let damage = match stop {
                Stop::Beyond(end) => {
                    sink.oversized += 1;
                    return Progress { done: at, skip: (end - at) as u64 };
                }
                Stop::Bytes if !window.complete || at >= window.bytes.len() => return Progress::to(at),
                Stop::Bytes => Damage::Cut,
                Stop::Damage(damage) => damage,
            };
            self.lost = Some(Lost { offset: window.offset(at), damage });
            position = at + 1;
        }
    }

    /// Whether a good record is searched for after damage.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// The record header's length.
    fn header(&self) -> usize {
        let [header, ..] = self.layouts;
        header
    }

    /// THE HOT PATH: every record of every file comes by here. `PLAIN` is the usual header with its lengths in order.
    fn records<const BIG: bool, const PLAIN: bool>(
        &mut self,
        window: &Window<'_>,
        from: usize,
        sink: &mut Sink<'_>,
    ) -> (usize, Stop) {
        let bytes = window.bytes;
        let (tick, bound, link) = (self.tick, self.bound, self.link);
        let header = if PLAIN { RECORD_HEADER } else { self.header() };
        let lengths = if PLAIN { Lengths::InOrder } else { self.lengths };
        let (mut position, mut captured, mut cut) = (from, 0_u64, 0_u64);
        let mut last = self.last;
        let stop = loop {
            let Some(record) = read::<BIG>(bytes, position, tick, lengths) else { break Stop::Bytes };
            if record.captured > bound {
                break Stop::Damage(Damage::CapturedLength { captured: record.captured, bound });
            }
            let start = position + header;
            let end = start + record.captured as usize;
            if end > bytes.len() {
                break if end - position > window.capacity && !window.complete {
                    Stop::Beyond(end)
                } else {
                    Stop::Bytes
                };
            }
            captured += u64::from(record.captured);
            cut += u64::from(record.captured < record.original);
            last = Some(record.time);
            sink.frames.push(Frame {
                time: record.time,
                offset: start as u32,
                captured: record.captured,
                original: record.original,
                link,
            });
            position = end;
        };
        self.last = last;
        sink.captured += captured;
        sink.cut += cut;
        (position, stop)
    }

    /// Decides on the record header's length by the first two records; false where more bytes are needed.
    fn settle(&mut self, window: &Window<'_>, from: usize) -> bool {
        let [usual, ..] = self.layouts;
        for header in self.layouts {
            match self.judge(window, from, header, |records| records >= 2) {
                Verdict::Bad => {}
                Verdict::Unknown if !window.prompt && !window.is_all_from(from) => return false,
                // Two records stand for a layout; where only one can be seen, the usual layout has the benefit of the doubt.
                Verdict::Unknown if header != usual => {}
                Verdict::Unknown | Verdict::Good => {
                    self.layouts = [header; 3];
                    self.settled = true;
                    return true;
                }
            }
        }
        self.layouts = [usual; 3];
        self.settled = true;
        true
    }

    /// Searches for records that make sense, from a position on. Each byte is looked at a bounded number of times.
    fn search(&self, window: &Window<'_>, from: usize) -> Search {
        let header = self.header();
        for position in from..window.bytes.len() {
            let mut near = true;
            let verdict = self.judge(window, position, header, |records| {
                if records == 1 {
                    near = self
                        .last
                        .is_none_or(|last| self.time_at(window.bytes, position).is_some_and(|t| are_near(t, last)));
                }
                records >= if near { NEAR_CHAIN } else { FAR_CHAIN }
            });
            match verdict {
                Verdict::Good => return Search::Found(position),
                Verdict::Bad => {}
                Verdict::Unknown if window.is_all_from(position) => {}
                Verdict::Unknown => return Search::Wait(position),
            }
        }
        Search::Wait(window.bytes.len())
    }

    /// Whether a chain of plausible records begins at a position: as many as `enough` wants, or all up to the file's end.
    fn judge(&self, window: &Window<'_>, from: usize, header: usize, mut enough: impl FnMut(u32) -> bool) -> Verdict {
        let (mut position, mut records, mut last) = (from, 0, None);
        loop {
            if window.complete && records > 0 && position == window.bytes.len() {
                return Verdict::Good;
            }
            let Some(record) = self.read_at(window.bytes, position) else {
                // Of the last record in a file cut short only the header can be judged.
                return if window.complete && records >= 2 { Verdict::Good } else { Verdict::Unknown };
            };
            let plausible = record.captured > 0
                && record.captured <= record.original
                && record.original <= self.bound.max(MAX_CAPTURED)
                && record.captured <= self.bound
                && record.fraction < 1_000_000_000
                && last.is_none_or(|last| are_near(record.time, last));
            if !plausible {
                return Verdict::Bad;
            }
            records += 1;
            if enough(records) {
                return Verdict::Good;
            }
            last = Some(record.time);
            position = position.saturating_add(header).saturating_add(record.captured as usize);
        }
    }

    fn time_at(&self, bytes: &[u8], position: usize) -> Option<Timestamp> {
        self.read_at(bytes, position).map(|record| record.time)
    }

    fn read_at(&self, bytes: &[u8], position: usize) -> Option<Record> {
        if self.big {
            read::<true>(bytes, position, self.tick, self.lengths)
        } else {
            read::<false>(bytes, position, self.tick, self.lengths)
        }
    }
}

/// The record header at a position, or nothing where the bytes end before it does.
#[inline(always)]
fn read<const BIG: bool>(bytes: &[u8], position: usize, tick: i64, lengths: Lengths) -> Option<Record> {
    let header: &[u8; RECORD_HEADER] = bytes.get(position..)?.first_chunk()?;
    let &[s0, s1, s2, s3, f0, f1, f2, f3, a0, a1, a2, a3, b0, b1, b2, b3] = header;
    let seconds = i64::from(u32_from::<BIG>([s0, s1, s2, s3]));
    // A fraction beyond a second is carried into the seconds. Neither product nor sum of 32-bit numbers overflows.
    let fraction = i64::from(u32_from::<BIG>([f0, f1, f2, f3])) * tick;
    let one = u32_from::<BIG>([a0, a1, a2, a3]);
    let other = u32_from::<BIG>([b0, b1, b2, b3]);
    let (captured, original) = match lengths {
        Lengths::InOrder => (one, other),
        Lengths::Swapped => (other, one),
        Lengths::Smaller => (one.min(other), one.max(other)),
    };
    Some(Record { time: Timestamp::from_nanos(seconds * 1_000_000_000 + fraction), fraction, captured, original })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Outcome, Pcap, Seen, run};
    use super::super::walk::Fault;
    use super::*;

    /// Large enough for every record that a test's damage may make, as a real Block is.
    const CAPACITY: usize = 2 << 20;

    fn read_in(bytes: &[u8], capacity: usize) -> Result<Outcome, String> {
        read_bound(bytes, capacity, None)
    }

    fn read_bound(bytes: &[u8], capacity: usize, bound: Option<u32>) -> Result<Outcome, String> {
        let (header, records) = bytes.split_first_chunk().ok_or("too short")?;
        let mut walker = PcapWalker::new(header)?;
        walker.bound = bound.unwrap_or(walker.bound);
        Ok(run(records, FILE_HEADER as u64, capacity, |window, sink| walker.walk(window, 0, sink)))
    }

    fn read(bytes: &[u8]) -> Outcome {
        read_in(bytes, CAPACITY).unwrap()
    }

    fn frame(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n * 7) as u8).collect()
    }

    #[test]
    fn both_byte_orders_and_resolutions_are_read() {
        for big in [false, true] {
            for (magic, nanos) in [(0xa1b2_c3d4, 5_000), (0xa1b2_3c4d, 5)] {
                let file = Pcap { big, magic, ..Pcap::default() }.file(&[b"first", b"second!"]);
                let outcome = read(&file);
                assert_eq!(outcome.faults, []);
                let expected = |second, bytes: &[u8]| Seen {
                    time: Timestamp::from_parts(second, nanos),
                    bytes: bytes.to_vec(),
                    original: bytes.len() as u32,
                    link: 1,
                };
                assert_eq!(outcome.frames, [expected(1_700_000_000, b"first"), expected(1_700_000_001, b"second!")]);
            }
        }
    }

    #[test]
    fn old_versions_have_their_lengths_the_other_way_round() {
        for (version, lengths_swapped) in
            [((2, 0), true), ((2, 2), true), ((543, 0), true), ((2, 3), true), ((2, 3), false), ((2, 4), false)]
        {
            let pcap = Pcap { version, lengths_swapped, ..Pcap::default() };
            let file = [pcap.header(), pcap.record(1, 0, b"abc", 60), pcap.record(2, 0, b"defg", 4)].concat();
            let outcome = read(&file);
            let lengths: Vec<_> = outcome.frames.iter().map(|frame| (frame.bytes.len(), frame.original)).collect();
            assert_eq!(lengths, [(3, 60), (4, 4)], "{version:?}");
            assert_eq!((outcome.cut, outcome.faults), (1, vec![]));
        }
    }

    #[test]
    fn longer_record_headers_are_told_by_what_makes_sense() {
        for (magic, extra) in
            [(0xa1b2_cd34, 8), (0xa1b2_cd34, 12), (0xa1b2_cd34, 4), (0xa1b2_c3d4, 8), (0xa1b2_c3d4, 4)]
        {
            for big in [false, true] {
                let frames = [frame(60), frame(80), frame(64)];
                let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
                let outcome = read(&Pcap { big, magic, extra, ..Pcap::default() }.file(&frames));
                assert_eq!(outcome.faults, [], "{magic:x} {extra}");
                assert_eq!(outcome.frames.iter().map(|frame| frame.bytes.as_slice()).collect::<Vec<_>>(), frames);
            }
        }
    }

    #[test]
    fn the_link_type_is_the_low_half_of_its_field() {
        let link = |link| read(&Pcap { link, ..Pcap::default() }.file(&[b"x"])).frames[0].link;
        // Four bytes of frame check sequence, and the bit that says so.
        assert_eq!(link(0x2400_0001), 1);
        assert_eq!(link(12), 101);
        assert_eq!(link(14), 101);
        assert_eq!(link(182), 182);
    }

    #[test]
    fn headers_that_libpcap_refuses_are_refused() {
        let refused = |pcap: Pcap| read_in(&pcap.file(&[b"x"]), CAPACITY).unwrap_err();
        assert!(refused(Pcap { version: (1, 0), ..Pcap::default() }).contains("version 1.0"));
        assert!(refused(Pcap { version: (2, 5), ..Pcap::default() }).contains("version 2.5"));
        assert!(refused(Pcap { link: 0x0030_0001, ..Pcap::default() }).contains("0x00300001"));
    }

    #[test]
    fn odd_fractions_and_lengths_are_tolerated() {
        let pcap = Pcap::default();
        let file = [pcap.header(), pcap.record(10, 2_500_000, b"abcd", 2), pcap.record(11, u32::MAX, b"", 9)].concat();
        let outcome = read(&file);
        assert_eq!(outcome.frames[0].time, Timestamp::from_parts(12, 500_000_000));
        assert_eq!(outcome.frames[0].bytes, b"abcd");
        assert_eq!(outcome.frames[1].time, Timestamp::from_nanos(11_000_000_000 + i64::from(u32::MAX) * 1000));
        assert_eq!((outcome.frames.len(), outcome.faults.len()), (2, 0));
    }

    #[test]
    fn a_file_of_a_header_alone_is_an_empty_capture() {
        assert_eq!(read(&Pcap::default().header()), Outcome::default());
    }

    #[test]
    fn a_file_cut_short_gives_what_is_whole() {
        let frames = [frame(60), frame(80)];
        let file = Pcap::default().file(&[&frames[0], &frames[1]]);
        let second = FILE_HEADER + 16 + 60;
        for length in second + 1..file.len() {
            let outcome = read(&file[..length]);
            assert_eq!(outcome.frames.len(), 1, "cut at {length}");
            let fault = Fault { offset: second as u64, damage: Damage::Cut, resumed: None };
            assert_eq!(outcome.faults, [fault]);
        }
    }

    #[test]
    fn after_damage_reading_goes_on_at_the_next_good_record() {
        let frames: Vec<Vec<u8>> = (0..8).map(|n| frame(60 + n)).collect();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        for big in [false, true] {
            let mut file = Pcap { big, ..Pcap::default() }.file(&frames);
            let third = FILE_HEADER + 16 + 60 + 16 + 61;
            file[third + 8..third + 12].fill(0xff);
            let outcome = read(&file);
            let seen: Vec<usize> = outcome.frames.iter().map(|frame| frame.bytes.len()).collect();
            assert_eq!(seen, [60, 61, 63, 64, 65, 66, 67]);
            let damage = Damage::CapturedLength { captured: u32::MAX, bound: MAX_CAPTURED };
            let resumed = Some((third + 16 + 62) as u64);
            assert_eq!(outcome.faults, [Fault { offset: third as u64, damage, resumed }]);
        }
    }

    #[test]
    fn records_far_from_the_last_good_time_need_more_of_a_chain() {
        let pcap = Pcap::default();
        let far = |count: u32| {
            let mut file = pcap.file(&[b"first", b"second"]);
            file.extend([0xff; 50]);
            for second in 0..count {
                file.extend(pcap.record(1_600_000_000 + second, 0, b"far away", 8));
            }
            // No file's end, which would make up for the rest of the chain.
            file.extend([0xff; 50]);
            read(&file).frames.len()
        };
        assert_eq!(far(3), 2);
        assert_eq!(far(6), 8);
    }

    #[test]
    fn a_record_larger_than_the_buffer_is_passed_over() {
        // D-Bus allows 128 MiB.
        let pcap = Pcap { link: 231, ..Pcap::default() };
        let large = vec![0x55; 5000];
        let outcome = read_in(&pcap.file(&[b"before", &large, b"after"]), 1000).unwrap();
        let seen: Vec<&[u8]> = outcome.frames.iter().map(|frame| frame.bytes.as_slice()).collect();
        assert_eq!(seen, [b"before".as_slice(), b"after"]);
        assert_eq!((outcome.oversized, outcome.faults), (1, vec![]));
    }

    #[test]
    fn a_believable_snapshot_length_raises_the_bound() {
        let large = vec![0x55; 300_000];
        let frames = |snaplen| read(&Pcap { snaplen, ..Pcap::default() }.file(&[&large])).frames.len();
        assert_eq!(frames(500_000), 1);
        assert_eq!(frames(u32::MAX), 0);
    }

    fn captures() -> impl Strategy<Value = (Vec<u8>, usize)> {
        let frames = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..30);
        (frames, any::<bool>(), prop::sample::select(vec![0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34]), 0..3_u16).prop_map(
            |(frames, big, magic, minor)| {
                let extra = if magic == 0xa1b2_cd34 { 8 } else { 0 };
                let minor = if minor == 0 { 2 } else { 4 };
                let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
                let pcap =
                    Pcap { big, magic, extra, version: (2, minor), lengths_swapped: minor == 2, ..Pcap::default() };
                (pcap.file(&frames), frames.len())
            },
        )
    }

    proptest! {
        #[test]
        fn a_sound_file_gives_all_its_frames((file, count) in captures(), capacity in 600_usize..5000) {
            let outcome = read(&file);
            prop_assert_eq!(outcome.frames.len(), count);
            prop_assert_eq!(&outcome.faults, &vec![]);
            prop_assert_eq!(read_in(&file, capacity).unwrap(), outcome);
        }

        #[test]
        fn any_damage_is_survived_alike_however_the_bytes_come(
            (mut file, _) in captures(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            cut in any::<prop::sample::Index>(),
            capacity in 2200_usize..6000,
        ) {
            for (place, value) in changes {
                let place = FILE_HEADER + place.index(file.len() - FILE_HEADER + 1);
                if let Some(byte) = file.get_mut(place) { *byte = value; }
            }
            let file = &file[..FILE_HEADER + cut.index(file.len() - FILE_HEADER + 1)];
            // With a bound on records that leaves a small buffer room for a chain of them, as a Block has for real ones.
            let bound = Some(300);
            prop_assert_eq!(read_bound(file, capacity, bound).unwrap(), read_bound(file, CAPACITY, bound).unwrap());
        }

        #[test]
        fn any_bytes_in_any_buffer_come_to_an_end(
            bytes in prop::collection::vec(any::<u8>(), 0..3000),
            capacity in 64_usize..4000,
            big in any::<bool>(),
        ) {
            let file = [Pcap { big, ..Pcap::default() }.header(), bytes].concat();
            let outcome = read_in(&file, capacity).unwrap();
            prop_assert!(outcome.frames.len() * 16 <= file.len());
        }

        #[test]
        fn any_damage_in_a_small_buffer_comes_to_an_end(
            (mut file, _) in captures(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            capacity in 64_usize..4000,
        ) {
            for (place, value) in changes {
                let place = FILE_HEADER + place.index(file.len() - FILE_HEADER + 1);
                if let Some(byte) = file.get_mut(place) { *byte = value; }
            }
            read_in(&file, capacity).unwrap();
        }
    }
}
