//! The hosts in the samples. Clients have private addresses, benign servers are in the ranges for
//! documentation (RFC 5737, RFC 3849).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An IPv4 address and a port.
pub const fn v4(address: [u8; 4], port: u16) -> SocketAddr {
    let [a, b, c, d] = address;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
}

/// An IPv6 address, as four groups and the last two, and a port.
pub const fn v6(start: [u16; 4], end: [u16; 4], port: u16) -> SocketAddr {
    let ([a, b, c, d], [e, f, g, h]) = (start, end);
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), port)
}

/// The client of most samples.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 20, 30, 40);
/// Another client.
pub const COLLEAGUE: Ipv4Addr = Ipv4Addr::new(10, 20, 30, 51);
/// The client's IPv6 address.
pub const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x30, 0, 0, 0, 0, 0x40);
/// The office's resolver.
pub const RESOLVER: SocketAddr = v4([10, 20, 0, 53], 53);
/// The office's resolver in IPv6.
pub const RESOLVER_V6: SocketAddr = v6([0x2001, 0xdb8, 0, 0], [0, 0, 0, 0x53], 53);

/// The first of the listed endpoints.
pub const LISTED: SocketAddr = v4([91, 202, 233, 25], 4888);
/// All listed endpoints.
pub const ALL_LISTED: [SocketAddr; 7] = [
    LISTED,
    v4([209, 99, 186, 75], 443),
    v4([5, 252, 177, 201], 443),
    v4([193, 202, 84, 64], 581),
    v4([194, 180, 191, 223], 443),
    v4([65, 109, 104, 71], 443),
    v4([94, 23, 185, 83], 9606),
];

/// The address of `gw.feersona.net` in the samples.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);
/// The office's HTTP proxy.
pub const PROXY: SocketAddr = v4([10, 20, 0, 80], 3128);
/// The office's SOCKS proxy.
pub const SOCKS: SocketAddr = v4([10, 20, 0, 80], 1080);
/// An ordinary web server.
pub const WEB: SocketAddr = v4([192, 0, 2, 80], 443);

/// The client at one of its ports.
pub fn client(port: u16) -> SocketAddr {
    (CLIENT, port).into()
}
