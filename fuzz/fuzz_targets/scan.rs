//! Frames of any bytes through decoder, scan and tracker, down to the line.

#![no_main]

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use rattap::capture::{Block, Frame, LinkType, Origin};
use rattap::decode::{decode_fast, decode_full};
use rattap::indicator::{IndicatorSet, LearnedAddresses, builtin, feed};
use rattap::output::{Cef, Sensor};
use rattap::scan::{Finding, FindingKind, Findings, PacketEnds, ScanRequest, find_contacts, scan};
use rattap::track::{TrackSettings, Tracker};
use rattap::units::Timestamp;

#[path = "common/bytes.rs"]
mod bytes;
#[path = "common/line.rs"]
mod line;

use bytes::Bytes;

const LINKS: [LinkType; 12] = [
    LinkType::ETHERNET,
    LinkType::NULL,
    LinkType::PPP,
    LinkType::PPP_HDLC,
    LinkType::PPP_ETHER,
    LinkType::RAW,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::LINUX_SLL2,
    LinkType(147),
];

const LIST: &str =
    "10.0.0.0/8\n198.51.100.0/24\n2001:db8::/32\n192.0.2.7\n[2001:db9::1]:443\nexample.com\nlocal.example\n";

thread_local! {
    static INDICATORS: OnceCell<Arc<IndicatorSet>> = const { OnceCell::new() };
}

fn indicators() -> Arc<IndicatorSet> {
    let compile = || Arc::new(IndicatorSet::new([builtin(), feed::parse(LIST, "list").indicators].concat()));
    INDICATORS.with(|set| set.get_or_init(compile).clone())
}

/// Frames from the fuzzer's bytes: for each its link type, how much time passes before it, what is
/// left out of it at the end, and its bytes behind their number.
fn block(data: &mut Bytes<'_>) -> Block {
    let mut block = Block::new(Arc::new(Origin { name: "fuzz".to_owned() }), indicators());
    let mut time = Timestamp::from_parts(1_795_000_000, 0);
    while !data.0.is_empty() {
        let [link, passed, cut] = data.array();
        time = time + Duration::from_secs(u64::from(passed) * u64::from(passed));
        let bytes = data.some(u16::MAX);
        block.frames.push(Frame {
            time,
            offset: block.bytes.len() as u32,
            captured: bytes.len() as u32,
            original: bytes.len() as u32 + u32::from(cut) * 8,
            link: LINKS[usize::from(link) % LINKS.len()],
        });
        block.bytes.extend(bytes);
    }
    block
}

fuzz_target!(|data: &[u8]| {
    let mut data = Bytes(data);
    let zero_window = data.byte() & 1 == 1;
    let block = block(&mut data);
    let mut addresses: Vec<IpAddr> = vec!["203.0.113.66".parse().expect("an address")];
    // What a scan that looks for every sender tells as contacts: each packet but fragments, and
    // those that it lay in.
    let mut expected = 0;
    for frame in &block.frames {
        let bytes = block.captured(frame);
        let any = decode_full(frame.link, bytes, frame.original);
        if let Some(usual) = decode_fast(frame.link, bytes) {
            assert_eq!(any.as_ref().map(|decoded| decoded.packet), Ok(usual));
        }
        if let Ok(decoded) = any {
            assert!(decoded.packet.payload.len() <= decoded.packet.length as usize);
            addresses.push(decoded.packet.source);
            addresses.extend(decoded.outer.iter().map(|around| around.flow.source.address));
            expected += decoded.outer.len() + usize::from(decoded.fragment.is_none());
        }
    }
    let (mut findings, mut again) = (Findings::default(), Findings::default());
    let nothing = LearnedAddresses::default();
    scan(&block, &nothing, ScanRequest::default(), &mut findings);
    scan(&block, &nothing, ScanRequest::default(), &mut again);
    assert_eq!(format!("{findings:?}"), format!("{again:?}"));
    let skipped: u64 = findings.counts.skipped.iter().sum();
    assert_eq!(findings.counts.packets + skipped, block.frames.len() as u64);

    // With every sender learned, every packet is a contact, told once: by the first scan or by the
    // second.
    let learned = LearnedAddresses::new(1, addresses);
    scan(&block, &learned, ScanRequest::default(), &mut again);
    let is_contact = |kind: &FindingKind| matches!(kind, FindingKind::Contact { .. });
    let contacts = |findings: &Findings| findings.list.iter().filter(|finding| is_contact(&finding.kind)).count();
    assert_eq!(contacts(&again), expected);
    let is_missed = |PacketEnds { frame, depth, source, destination }: PacketEnds| {
        let is_known = |known: &Finding| known.frame == frame && known.depth() == depth && is_contact(&known.kind);
        (learned.contains(source) || learned.contains(destination)) && !findings.list.iter().any(is_known)
    };
    let missed = find_contacts(&block, is_missed);
    assert_eq!(contacts(&findings) + missed.len(), expected);

    let mut settings = TrackSettings::default();
    if zero_window {
        settings.repeat_window = Duration::ZERO;
    }
    let mut tracker = Tracker::new(settings);
    let mut alerts = Vec::new();
    tracker.take(&block, &findings, &mut |alert| alerts.push(alert));
    tracker.finish(&mut |alert| alerts.push(alert));
    assert_eq!(tracker.counts().alerts.iter().sum::<u64>(), alerts.len() as u64);
    let cef = Cef::new(Sensor { host: "tap".to_owned(), id: None });
    let mut text = String::new();
    for alert in &alerts {
        text.clear();
        cef.write(alert, &mut text);
        line::check(&text);
    }
});
