//! Tunnels: a packet in any number of them comes out as it went in, up to the depth that is entered; and bytes that are changed on the
//! way, or cut, are stood.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::capture::LinkType;
use rattap::decode::{MOST_TUNNELS, decode, decode_any, decode_usual};

#[allow(dead_code, reason = "a part of it is for other targets")]
#[path = "common/bytes.rs"]
mod bytes;
#[allow(dead_code, reason = "made for the samples")]
#[path = "../../pcaps/generator/cast.rs"]
mod cast;
#[allow(dead_code, reason = "made for the samples")]
#[path = "../../pcaps/generator/link.rs"]
mod link;
#[allow(dead_code, reason = "made for the samples")]
#[path = "../../pcaps/generator/tunnel.rs"]
mod tunnel;
#[allow(dead_code, reason = "made for the samples")]
#[path = "../../pcaps/generator/wire.rs"]
mod wire;

use bytes::Bytes;
use tunnel::Tunnel;

/// For packets of IPv4.
const OF_V4: [Tunnel; 14] = [
    tunnel::IP_IN_IP,
    tunnel::FOUR_IN_SIX,
    tunnel::GRE_PLAIN,
    tunnel::GRE_FULL,
    tunnel::GRE_ETHERNET,
    tunnel::PPTP,
    tunnel::ERSPAN_I,
    tunnel::ERSPAN_II,
    tunnel::ERSPAN_III,
    tunnel::VXLAN,
    tunnel::VXLAN_OLD,
    tunnel::VXLAN_GPE,
    tunnel::GENEVE,
    tunnel::GTP_U,
];

/// For packets of IPv6.
const OF_V6: [Tunnel; 8] = [
    tunnel::SIX_IN_FOUR,
    tunnel::TEREDO,
    tunnel::GRE_ETHERNET,
    tunnel::ERSPAN_II,
    tunnel::ERSPAN_III,
    tunnel::VXLAN,
    tunnel::GENEVE,
    tunnel::GTP_U,
];

/// What is said in them: to a port that no tunnel has, since a payload could be one.
const CONTENT: [(&str, &str); 2] =
    [("10.0.0.5:50001", "91.202.233.25:443"), ("[2001:db8:1::5]:50003", "[2001:db8:2::66]:443")];

/// The longest chain: longer than what is entered.
const MOST: usize = MOST_TUNNELS + 3;

fuzz_target!(|data: &[u8]| {
    let mut data = Bytes(data);
    let [kind, count] = data.array();
    let chain: [u8; MOST] = data.array();
    let payload = data.some(64).to_vec();
    let (from, to) = CONTENT[usize::from(kind) % 2];
    let (from, to) = (from.parse().expect("an end"), to.parse().expect("an end"));
    let mut packet = wire::udp(from, to, &payload);
    let depth = usize::from(count) % (MOST + 1);
    for tunnel in chain.into_iter().take(depth) {
        let is_v6 = packet[0] >> 4 == 6;
        let table: &[Tunnel] = if is_v6 { &OF_V6 } else { &OF_V4 };
        packet = table[usize::from(tunnel) % table.len()](&packet);
    }
    let mut frame = (link::ETHERNET.frame)(&packet);
    let decoded = decode(LinkType::ETHERNET, &frame, frame.len() as u32).expect("a sound frame");
    assert_eq!(decoded.outer.len(), depth.min(MOST_TUNNELS));
    assert_eq!(decoded.is_deeper, depth > MOST_TUNNELS);
    if depth <= MOST_TUNNELS {
        let inner = decoded.packet;
        assert_eq!((inner.source, inner.destination, inner.payload), (from.ip(), to.ip(), &payload[..]));
    }

    // The rest says what is changed in it: places and what is there then, and where it is cut.
    let cut = usize::from(u16::from_le_bytes(data.array()));
    while !data.0.is_empty() {
        let [low, high, value] = data.array();
        let place = usize::from(u16::from_le_bytes([low, high])) % frame.len();
        frame[place] ^= value;
    }
    let original = frame.len() as u32;
    frame.truncate(frame.len() - cut % frame.len());
    let any = decode_any(LinkType::ETHERNET, &frame, original);
    if let Some(usual) = decode_usual(LinkType::ETHERNET, &frame) {
        assert_eq!(any.as_ref().map(|decoded| decoded.packet), Ok(usual));
    }
    if let Ok(decoded) = any {
        assert!(decoded.outer.len() <= MOST_TUNNELS);
        let within = frame.as_ptr_range();
        let payload = decoded.packet.payload.as_ptr_range();
        assert!(payload.is_empty() || (within.start <= payload.start && payload.end <= within.end));
    }
});
