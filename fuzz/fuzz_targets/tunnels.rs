//! Tunnels: a packet in nested tunnels is decoded unchanged, up to the depth limit. Changed and
//! truncated frames can be decoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::capture::LinkType;
use rattap::decode::{MOST_TUNNELS, decode, decode_fast, decode_full};

#[allow(dead_code, reason = "other targets use the rest")]
#[path = "common/bytes.rs"]
mod bytes;
#[allow(dead_code, reason = "the sample generator uses the rest")]
#[path = "../../pcaps/generator/cast.rs"]
mod cast;
#[allow(dead_code, reason = "the sample generator uses the rest")]
#[path = "../../pcaps/generator/link.rs"]
mod link;
#[allow(dead_code, reason = "the sample generator uses the rest")]
#[path = "../../pcaps/generator/tunnel.rs"]
mod tunnel;
#[allow(dead_code, reason = "the sample generator uses the rest")]
#[path = "../../pcaps/generator/wire.rs"]
mod wire;

use bytes::Bytes;
use tunnel::Tunnel;

/// The tunnels for IPv4 packets.
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

/// The tunnels for IPv6 packets.
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

/// The ends of the innermost packet, in IPv4 and in IPv6. No tunnel uses the port, so that the
/// payload is not taken for a tunnel.
const ENDS: [(&str, &str); 2] =
    [("10.0.0.5:50001", "91.202.233.25:443"), ("[2001:db8:1::5]:50003", "[2001:db8:2::66]:443")];

/// The most nested tunnels: more than the decoder enters.
const MOST_NESTED: usize = MOST_TUNNELS + 3;

fuzz_target!(|data: &[u8]| {
    let mut data = Bytes(data);
    let [kind, count] = data.array();
    let chain: [u8; MOST_NESTED] = data.array();
    let payload = data.some(64).to_vec();
    let (from, to) = ENDS[usize::from(kind) % 2];
    let (from, to) = (from.parse().expect("an end"), to.parse().expect("an end"));
    let mut packet = wire::udp(from, to, &payload);
    let depth = usize::from(count) % (MOST_NESTED + 1);
    for tunnel in chain.into_iter().take(depth) {
        let is_v6 = packet[0] >> 4 == 6;
        let table: &[Tunnel] = if is_v6 { &OF_V6 } else { &OF_V4 };
        packet = table[usize::from(tunnel) % table.len()](&packet);
    }
    let mut frame = (link::ETHERNET.frame)(&packet);
    let decoded = decode(LinkType::ETHERNET, &frame, frame.len() as u32).expect("a sound frame");
    assert_eq!(decoded.outer.len(), depth.min(MOST_TUNNELS));
    assert_eq!(decoded.has_deeper_tunnel, depth > MOST_TUNNELS);
    if depth <= MOST_TUNNELS {
        let inner = decoded.packet;
        assert_eq!((inner.source, inner.destination, inner.payload), (from.ip(), to.ip(), &payload[..]));
    }

    // The rest of the input determines where the frame is truncated, and which of its bytes are
    // changed.
    let cut = usize::from(u16::from_le_bytes(data.array()));
    while !data.0.is_empty() {
        let [low, high, value] = data.array();
        let position = usize::from(u16::from_le_bytes([low, high])) % frame.len();
        frame[position] ^= value;
    }
    let original = frame.len() as u32;
    frame.truncate(frame.len() - cut % frame.len());
    let any = decode_full(LinkType::ETHERNET, &frame, original);
    if let Some(usual) = decode_fast(LinkType::ETHERNET, &frame) {
        assert_eq!(any.as_ref().map(|decoded| decoded.packet), Ok(usual));
    }
    if let Ok(decoded) = any {
        assert!(decoded.outer.len() <= MOST_TUNNELS);
        let within = frame.as_ptr_range();
        let payload = decoded.packet.payload.as_ptr_range();
        assert!(payload.is_empty() || (within.start <= payload.start && payload.end <= within.end));
    }
});
