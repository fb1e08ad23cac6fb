//! The program: keeps every packet that may matter.
//!
//! It leaves out two kinds of packets, if they are plain IPv4 or IPv6 over Ethernet and neither
//! address is listed or learned:
//!
//! - TCP without payload and without SYN, FIN and RST: acknowledgments;
//! - QUIC with a short header: the encrypted packets of a connection whose name was in its first
//!   ones.
//!
//! A scan finds nothing in such a packet, and no head continues in it. Everything else is kept:
//! above all each payload of TCP, since a program without memory cannot tell whether a segment
//! continues a head that began in another one.

use super::address_ranges::{AddressRanges, Range};
use super::assembler::{
    ADD, AND, ANY_BIT, Assembler, EQUAL, EQUAL_INDEX, GREATER, GREATER_OR_EQUAL, Instruction, LOAD_BYTE, LOAD_HALF,
    LOAD_LENGTH, LOAD_WORD, Label, RETURN, SHIFT_RIGHT, TO_INDEX,
};
use crate::capture::live::settings::MAX_SNAP_LENGTH;

/// The longest program that the kernel accepts (`BPF_MAXINSNS`).
pub(in crate::capture::live) const LONGEST_PROGRAM: usize = 4096;

/// The prefix lengths to which addresses are widened until the program is short enough.
const PREFIX_LENGTHS: [u32; 8] = [32, 28, 24, 20, 16, 12, 8, 0];

/// The port of QUIC's servers.
const QUIC_PORT: u32 = 443;
/// The lowest port of a client of QUIC whose packets are left out: above those of DNS and of all
/// tunnels, which are recognized by a port at either end.
const LOWEST_CLIENT_PORT: u32 = 10_000;
/// The bit that the first byte of a long header has (RFC 9000 section 17).
const LONG_HEADER: u32 = 0x80;

/// The control bits FIN, SYN and RST of TCP (RFC 9293 section 3.1).
const FIN_SYN_RST: u32 = 0x07;
const TCP: u32 = 6;
const UDP: u32 = 17;
/// The length of a TCP header without options.
const TCP_HEADER: u32 = 20;
/// The length of an Ethernet header without tags. The kernel has removed the outer tag before it
/// runs the program; a frame with another one is kept.
const ETHERNET: u32 = 14;

/// Where the fields of one IP version are.
struct IpLayout {
    header_length: u32,
    /// The offset of the next protocol, from the IP header on.
    protocol: u32,
    /// The offset of the length.
    length: u32,
    /// The length counts the IP header, too.
    length_has_header: bool,
    /// The offsets of the first 32 bits of source and destination.
    addresses: [u32; 2],
}

const IPV4: IpLayout =
    IpLayout { header_length: 20, protocol: 9, length: 2, length_has_header: true, addresses: [12, 16] };
const IPV6: IpLayout =
    IpLayout { header_length: 40, protocol: 6, length: 4, length_has_header: false, addresses: [8, 24] };

/// A program of at most `most` instructions, which keeps the packets of these addresses. Of more
/// addresses than fit it keeps wider networks. `None` if not even the empty list fits.
pub(in crate::capture::live) fn program(addresses: &AddressRanges, most: usize) -> Option<Vec<Instruction>> {
    PREFIX_LENGTHS
        .iter()
        .filter_map(|length| assemble(&addresses.widened(*length)))
        .find(|program| program.len() <= most)
}

fn assemble(addresses: &AddressRanges) -> Option<Vec<Instruction>> {
    let mut assembler = Assembler::default();
    let [keep, leave_out, ipv6] = [(); 3].map(|()| assembler.label());
    // A load beyond the end of a packet would leave it out: its length is tested before.
    assembler.add(LOAD_LENGTH, 0);
    assembler.jump_unless(GREATER_OR_EQUAL, ETHERNET + IPV4.header_length + TCP_HEADER, keep);
    assembler.add(LOAD_HALF, 12);
    assembler.jump_if(EQUAL, 0x86dd, ipv6);
    assembler.jump_unless(EQUAL, 0x0800, keep);
    // Version 4, five words of header, no fragment.
    assembler.add(LOAD_BYTE, ETHERNET);
    assembler.jump_unless(EQUAL, 0x45, keep);
    assembler.add(LOAD_HALF, ETHERNET + 6);
    assembler.jump_if(ANY_BIT, 0x3fff, keep);
    network_layer(&mut assembler, &IPV4, &addresses.ipv4, keep, leave_out);
    assembler.place(ipv6);
    assembler.add(LOAD_LENGTH, 0);
    assembler.jump_unless(GREATER_OR_EQUAL, ETHERNET + IPV6.header_length + TCP_HEADER, keep);
    assembler.add(LOAD_BYTE, ETHERNET);
    assembler.add(AND, 0xf0);
    assembler.jump_unless(EQUAL, 0x60, keep);
    network_layer(&mut assembler, &IPV6, &addresses.ipv6, keep, leave_out);
    assembler.place(leave_out);
    assembler.add(RETURN, 0);
    assembler.place(keep);
    assembler.add(RETURN, MAX_SNAP_LENGTH);
    assembler.finish()
}

/// The part for one IP version, behind the tests of its own header. Extension headers are no
/// transport, so their packets are kept.
fn network_layer(assembler: &mut Assembler, ip: &IpLayout, listed: &[Range], keep: Label, leave_out: Label) {
    let transport = ETHERNET + ip.header_length;
    let [udp, source_is_server, short_header, addresses, destination] = [(); 5].map(|()| assembler.label());
    assembler.add(LOAD_BYTE, ETHERNET + ip.protocol);
    assembler.jump_if(EQUAL, UDP, udp);
    assembler.jump_unless(EQUAL, TCP, keep);

    assembler.add(LOAD_BYTE, transport + 13);
    assembler.jump_if(ANY_BIT, FIN_SYN_RST, keep);
    // The data offset is in words, in the upper four bits. It has to reach the packet's end.
    assembler.add(LOAD_BYTE, transport + 12);
    assembler.add(AND, 0xf0);
    assembler.add(SHIFT_RIGHT, 2);
    assembler.jump_unless(GREATER_OR_EQUAL, TCP_HEADER, keep);
    if ip.length_has_header {
        assembler.add(ADD, ip.header_length);
    }
    assembler.add(TO_INDEX, 0);
    assembler.add(LOAD_HALF, ETHERNET + ip.length);
    assembler.jump_unless(EQUAL_INDEX, 0, keep);
    assembler.jump(addresses);

    assembler.place(udp);
    assembler.add(LOAD_HALF, transport);
    assembler.jump_if(EQUAL, QUIC_PORT, source_is_server);
    assembler.jump_unless(GREATER_OR_EQUAL, LOWEST_CLIENT_PORT, keep);
    assembler.add(LOAD_HALF, transport + 2);
    assembler.jump_unless(EQUAL, QUIC_PORT, keep);
    assembler.jump(short_header);
    assembler.place(source_is_server);
    assembler.add(LOAD_HALF, transport + 2);
    assembler.jump_unless(GREATER_OR_EQUAL, LOWEST_CLIENT_PORT, keep);
    assembler.place(short_header);
    assembler.add(LOAD_BYTE, transport + 8);
    assembler.jump_if(ANY_BIT, LONG_HEADER, keep);

    assembler.place(addresses);
    assembler.add(LOAD_WORD, ETHERNET + ip.addresses[0]);
    find(assembler, listed, keep, destination);
    assembler.place(destination);
    assembler.add(LOAD_WORD, ETHERNET + ip.addresses[1]);
    find(assembler, listed, keep, leave_out);
}

/// Jumps to `found` if the accumulator is in one of the ranges, else to `absent`: a binary search.
fn find(assembler: &mut Assembler, ranges: &[Range], found: Label, absent: Label) {
    match ranges {
        [] => assembler.jump(absent),
        [range] if range.first == range.last => {
            assembler.jump_if(EQUAL, range.first, found);
            assembler.jump(absent);
        }
        [range] => {
            assembler.jump_unless(GREATER_OR_EQUAL, range.first, absent);
            assembler.jump_if(GREATER, range.last, absent);
            assembler.jump(found);
        }
        _ => {
            let (lower, upper) = ranges.split_at(ranges.len() / 2);
            let right = assembler.label();
            assembler.jump_if(GREATER_OR_EQUAL, upper.first().map_or(0, |range| range.first), right);
            find(assembler, lower, found, absent);
            assembler.place(right);
            find(assembler, upper, found, absent);
        }
    }
}
