//! One small conversation in every file format, and over rotated files.

use super::Group;
use super::cast::{GATEWAY, LISTED, RESOLVER, client};
use super::dns::{A, address, query};
use super::link::{self, Link};
use super::random::Random;
use super::sample::{Found, Packing, folder, found, sample};
use super::speech::{self, POLL};
use super::tape::{Captured, Tape, Tcp};
use super::write::{Clock, Order, PLAIN_CLOCK, Pcap, Pcapng};

const SNAP: u32 = 262_144;

fn question() -> Found {
    found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", 1)
}

fn answer() -> Found {
    found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 1)
}

fn resolved() -> Found {
    found("c2-resolved-address", "10.20.30.40", "203.0.113.66:443", 1)
}

fn endpoint() -> Found {
    found("c2-endpoint", "10.20.30.40", "91.202.233.25:4888", 1)
}

/// The POLL to a gateway.
fn session(gateway: &'static str) -> Found {
    found("netsupport-session", "10.20.30.40", gateway, 1)
}

/// The content of the conversation in every file.
pub fn all() -> Vec<Found> {
    vec![question(), answer(), resolved(), endpoint(), session("203.0.113.66:443"), session("91.202.233.25:4888")]
}

/// The remainder where the posts are cut.
fn without_posts() -> Vec<Found> {
    vec![question(), answer(), resolved(), endpoint()]
}

pub fn group() -> Group {
    Group {
        title: "File formats",
        about: "Each file holds the same 22 frames, unless a row says otherwise: a DNS question for \
                `gw.feersona.net` and its answer, a NetSupport POLL to the address in the answer, and another \
                one to a listed endpoint.",
        samples: vec![
            sample("format/little-endian.pcap", "Classic pcap, little-endian, microseconds.", all(), || {
                pcap(Pcap::default())
            }),
            sample("format/big-endian.pcap", "Classic pcap, big-endian.", all(), || {
                pcap(Pcap { order: Order::Big, ..Pcap::default() })
            }),
            sample("format/little-endian-nanoseconds.pcap", "With nanoseconds.", all(), || {
                pcap(Pcap { nano: true, ..Pcap::default() })
            }),
            sample("format/big-endian-nanoseconds.pcap", "Big-endian with nanoseconds.", all(), || {
                pcap(Pcap { nano: true, order: Order::Big, ..Pcap::default() })
            }),
            sample(
                "format/modified.pcap",
                "The modified format of magic a1b2cd34, with longer record headers.",
                all(),
                || pcap(Pcap { modified: true, ..Pcap::default() }),
            ),
            sample("format/no-frames.pcap", "A header without frames. The file is empty, not damaged.", vec![], || {
                Pcap::default().header(link::ETHERNET.number)
            }),
            sample("format/little-endian.pcapng", "pcapng, little-endian.", all(), || pcapng(Order::Little)),
            sample("format/big-endian.pcapng", "pcapng, big-endian.", all(), || pcapng(Order::Big)),
            sample(
                "format/sections-of-both-orders.pcapng",
                "Two sections, the first little-endian, the second big-endian; conversations span them.",
                all(),
                sections,
            ),
            sample(
                "format/several-interfaces.pcapng",
                "Frames of five interfaces in turn: Ethernet in 10^-6 s; RAW in 10^-9 s; LINUX_SLL in 2^-10 s; \
                 VLAN with a time offset of 1,700,000,000 s; LINUX_SLL2 with both. The coarse clock makes some \
                 frames seem up to a millisecond early.",
                all(),
                interfaces,
            ),
            sample("format/simple-packets.pcapng", "Simple packet blocks, which have no time.", all(), || simple(SNAP)),
            sample(
                "format/simple-packets-snap-96.pcapng",
                "Simple packet blocks, cut after 96 bytes. Only the interface's snap length says how much of a \
                 frame is there.",
                without_posts(),
                || simple(96),
            ),
            sample("format/obsolete-packets.pcapng", "Packet blocks of the obsolete kind.", all(), obsolete),
            sample(
                "format/unknown-blocks.pcapng",
                "Name resolution, statistics, custom, secrets and unknown blocks between the packets.",
                all(),
                unknown_blocks,
            ),
            sample("format/gzip.pcap.gz", "gzip.", all(), || pcap(Pcap::default())).packed(Packing::Gzip),
            sample(
                "format/gzip-two-members.pcap.gz",
                "Two gzip members after each other; a frame spans them.",
                all(),
                || pcap(Pcap::default()),
            )
            .packed(Packing::GzipTwice),
            sample("format/gzip-by-another-name.pcap", "gzip, although the name does not say so.", all(), || {
                pcap(Pcap::default())
            })
            .packed(Packing::Gzip),
            sample("format/zstd.pcap.zst", "Zstandard.", all(), || pcap(Pcap::default())).packed(Packing::Zstd),
            sample("format/zstd.pcapng.zst", "pcapng in Zstandard.", all(), || pcapng(Order::Little))
                .packed(Packing::Zstd),
            sample(
                "format/snap-96.pcap",
                "Frames cut after 96 bytes. The DNS messages are whole, the POSTs are not.",
                without_posts(),
                || snapped(96),
            ),
            sample(
                "format/snap-64.pcap",
                "Frames cut after 64 bytes, within the DNS names. Only the endpoint is left.",
                vec![endpoint()],
                || snapped(64),
            ),
            sample(
                "rotated/part-1.pcap",
                "The first half alone: the DNS messages, and the first half of the conversation with the \
                 address in the answer.",
                vec![question(), answer(), resolved(), session("203.0.113.66:443")],
                || rotated(true),
            ),
            sample(
                "rotated/part-2.pcap",
                "The second half alone. Without the DNS answer, the first gateway is not listed. Its answer \
                 shows that it is a gateway.",
                vec![
                    endpoint(),
                    session("91.202.233.25:4888"),
                    found("netsupport-gateway", "10.20.30.40", "203.0.113.66:443", 1),
                ],
                || rotated(false),
            ),
            folder("rotated/", "Both halves as one history. No conversation counts twice.", all()),
        ],
    }
}

/// The conversation, 22 frames.
fn conversation(link: Link) -> Tape {
    let mut tape = Tape::on(link);
    let mut random = Random::new(22);
    let query = query("gw.feersona.net", A);
    tape.resolve(client(53_124), RESOLVER, &query, &query.answer(vec![address("gw.feersona.net", 300, GATEWAY)]));
    for (port, server) in [(49_741, (GATEWAY, 443).into()), (49_742, LISTED)] {
        let asked = speech::gateway_request(server.ip(), POLL);
        let answered = speech::gateway_response(&speech::encoded(69, &mut random));
        Tcp::new(client(port), server)
            .open(tape.wait(40))
            .ask(&mut tape, &asked)
            .acknowledge_by_server(&mut tape)
            .answer(&mut tape, &answered)
            .acknowledge(&mut tape)
            .close(&mut tape);
    }
    tape
}

/// The conversation's frames on Ethernet.
pub fn frames() -> Vec<Captured> {
    conversation(link::ETHERNET).frames
}

fn pcap(variant: Pcap) -> Vec<u8> {
    variant.file(link::ETHERNET.number, &frames())
}

/// A pcapng file with one interface and the conversation.
pub fn pcapng(order: Order) -> Vec<u8> {
    let mut file = Pcapng::new(order);
    file.interface(link::ETHERNET.number, SNAP, PLAIN_CLOCK).all(&frames());
    file.bytes
}

fn sections() -> Vec<u8> {
    let frames = frames();
    let (first, second) = frames.split_at(frames.len() / 2);
    let mut file = Pcapng::new(Order::Little);
    file.interface(link::ETHERNET.number, SNAP, PLAIN_CLOCK).all(first);
    file.section(Order::Big).interface(link::ETHERNET.number, SNAP, PLAIN_CLOCK).all(second);
    file.bytes
}

fn interfaces() -> Vec<u8> {
    let clock = |resolution, offset| Clock { resolution, offset };
    let kinds = [
        (link::ETHERNET, clock(Some(6), None)),
        (link::RAW, clock(Some(9), None)),
        (link::SLL, clock(Some(0x80 | 10), None)),
        (link::VLAN, clock(None, Some(1_700_000_000))),
        (link::SLL2, clock(Some(9), Some(1_700_000_000))),
    ];
    let mut file = Pcapng::new(Order::Little);
    for (link, clock) in kinds {
        file.interface(link.number, SNAP, clock);
    }
    for (packet, (number, (link, clock))) in conversation(link::RAW).frames.into_iter().zip((0..).zip(kinds).cycle()) {
        let bytes = (link.frame)(&packet.bytes);
        let original = bytes.len() as u32;
        file.enhanced(number, clock, &Captured { bytes, original, ..packet });
    }
    file.bytes
}

fn simple(snap: u32) -> Vec<u8> {
    let mut tape = conversation(link::ETHERNET);
    let mut file = Pcapng::new(Order::Little);
    file.interface(link::ETHERNET.number, snap, PLAIN_CLOCK);
    for frame in &tape.snap(snap as usize).frames {
        file.simple(frame);
    }
    file.bytes
}

fn obsolete() -> Vec<u8> {
    let mut file = Pcapng::new(Order::Little);
    file.interface(link::ETHERNET.number, SNAP, PLAIN_CLOCK);
    for frame in frames() {
        file.obsolete(0, PLAIN_CLOCK, &frame);
    }
    file.bytes
}

fn unknown_blocks() -> Vec<u8> {
    // Kinds: name resolution (empty), interface statistics, custom (two kinds), decryption secrets,
    // and one that nobody knows.
    let blocks: [(u32, &[u8]); 6] = [
        (4, &[0; 4]),
        (5, &[0; 12]),
        (0x0000_0bad, b"\x00\x00\x7e\xdaanything"),
        (0x4000_0bad, b"\x00\x00\x7e\xdaanything"),
        (10, b"KLST\x04\x00\x00\x00keys"),
        (0x7fff_fff0, b"odd length"),
    ];
    let mut file = Pcapng::new(Order::Little);
    file.block(0x7fff_fff1, b"before any interface").interface(link::ETHERNET.number, SNAP, PLAIN_CLOCK);
    for (frame, (kind, body)) in frames().iter().zip(blocks.into_iter().cycle()) {
        file.block(kind, body).enhanced(0, PLAIN_CLOCK, frame);
    }
    file.bytes
}

fn snapped(length: u32) -> Vec<u8> {
    let mut tape = conversation(link::ETHERNET);
    tape.snap(length as usize);
    Pcap { snap: length, ..Pcap::default() }.file(link::ETHERNET.number, &tape.frames)
}

/// The first part ends, and the second begins, within the first TCP conversation.
fn rotated(first: bool) -> Vec<u8> {
    let frames = frames();
    let (start, end) = frames.split_at(7);
    Pcap::default().file(link::ETHERNET.number, if first { start } else { end })
}
