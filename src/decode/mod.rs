//! Decodes the bytes of a frame into one IP [`Packet`], or says why there is none ([`SkipReason`]).
//!
//! There are two decoders. Nearly all traffic has the same header shape: Ethernet, IPv4 without
//! options or IPv6 without extension headers, no fragment, TCP or UDP, lengths that fit. The fast
//! path reads that shape at fixed offsets. The full path reads every shape: `link` walks the link
//! headers down to IP, `network` lets etherparse read IP with its options and extension headers.
//! Both must give the same result for what both can read; a property test compares them.
//!
//! Only the full path enters tunnels. The fast path rejects a packet that may be one. So [`Packet`]
//! holds nothing about tunnels and stays small; [`Decoded`] adds that.

mod encapsulation;
mod fast_path;
mod fragment;
mod frame;
mod link;
mod network;
mod packet;
mod skip;
#[cfg(test)]
mod tests;
mod transport;
mod tunnel;
mod vlan;

pub use encapsulation::{Encapsulation, Encapsulations, MOST_TUNNELS, Tunnel};
pub use fragment::Fragment;
pub use frame::{Decoded, decode, decode_fast, decode_full};
pub use link::MOST_LINK_HEADERS;
pub use packet::{Packet, Ports, TcpHeader};
pub use skip::SkipReason;
pub use vlan::{outer_vlans, vlans};
