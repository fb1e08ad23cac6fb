//! What a file is, by its first bytes; never by its name.

use super::pcap::PcapWalker;
use super::pcapng::SECTION_HEADER;

/// How many first bytes are looked at: a classic pcap file's header, which is also enough for every magic number below.
pub(super) const HEAD: usize = super::pcap::FILE_HEADER;

/// What a file's first bytes say it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Pcap,
    Pcapng,
    Gzip,
    Zstd,
    /// No capture that can be read: what it looks like, and what to do.
    Other(String),
}

const UNPACK: &str = "decompress it first";
const CONVERT: &str = "convert it first (editcap -F pcap)";
const EXTRACT: &str = "extract the captures in it first";

/// Magic numbers of what cannot be read here, so that the message can help.
const FOREIGN: [(&[u8], &str, &str); 20] = [
    (b"\x04\x22\x4d\x18", "an lz4 file", UNPACK),
    (b"\xfd7zXZ\0", "an xz file", UNPACK),
    (b"BZh", "a bzip2 file", UNPACK),
    (b"\x1f\x9d", "a compress (.Z) file", UNPACK),
    (b"PK\x03\x04", "a zip archive", EXTRACT),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", EXTRACT),
    (b"snoop\0\0\0", "a snoop capture", CONVERT),
    (b"iptrace ", "an iptrace capture", CONVERT),
    (b"RTSS", "a Network Monitor 1 capture", CONVERT),
    (b"GMBU", "a Network Monitor 2 capture", CONVERT),
    (b"XCP\0", "a NetXray capture", CONVERT),
    (b"TRSNIFF data", "a Sniffer capture", CONVERT),
    (b"\x7fver", "an EtherPeek capture", CONVERT),
    (b"\x1c\x00\x01\xac", "an Ixia capture", CONVERT),
    (b"\x1c\x00\x01\xab", "an Ixia capture", CONVERT),
    (b"\xac\x01\x00\x1c", "an Ixia capture", CONVERT),
    (b"\xab\x01\x00\x1c", "an Ixia capture", CONVERT),
    // Reserved for other modified formats, which no released libpcap reads.
    (b"\xcd\x34\xb2\xa1", "a modified pcap of a kind that libpcap does not read either", CONVERT),
    (b"\x4d\x3c\x2b\xa1", "a Navtel pcap, which libpcap does not read either", CONVERT),
    (b"\xcb\xc3\xb2\xa1", "a saved BPF program", "give the captures themselves"),
];

/// Tells what a file is by its first bytes, of which fewer than [`HEAD`] mean that it has no more.
pub(super) fn content(head: &[u8]) -> Content {
    let Some(&[b0, b1, b2, b3]) = head.first_chunk() else {
        return Content::Other(match head {
            [] => "it is empty".to_owned(),
            _ => format!("it has only {} bytes", head.len()),
        });
    };
    if PcapWalker::knows([b0, b1, b2, b3]) {
        return Content::Pcap;
    }
    match u32::from_le_bytes([b0, b1, b2, b3]) {
        SECTION_HEADER => return Content::Pcapng,
        // zstd, and its skippable frames, with which some compressors begin.
        0xfd2f_b528 | 0x184d_2a50..=0x184d_2a5f => return Content::Zstd,
        _ => {}
    }
    if head.starts_with(b"\x1f\x8b") {
        return Content::Gzip;
    }
    if let Some((_, what, advice)) = FOREIGN.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Content::Other(format!("it looks like {what}: {advice}"));
    }
    if head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        return Content::Other(
            "it looks like text: give captures, and lists of indicators with --indicators".to_owned(),
        );
    }
    let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Content::Other(format!("it begins with the bytes {}, and is neither pcap nor pcapng", bytes.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_and_every_resolution_of_pcap_are_told() {
        for number in [0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34] {
            assert_eq!(content(&number.to_le_bytes()), Content::Pcap);
            assert_eq!(content(&number.to_be_bytes()), Content::Pcap);
        }
        assert_eq!(content(b"\x0a\x0d\x0d\x0a\x1c\0\0\0"), Content::Pcapng);
    }

    #[test]
    fn compression_is_told_by_its_magic() {
        assert_eq!(content(b"\x1f\x8b\x08\0"), Content::Gzip);
        assert_eq!(content(b"\x28\xb5\x2f\xfd"), Content::Zstd);
        assert_eq!(content(b"\x50\x2a\x4d\x18"), Content::Zstd);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let says = |head: &[u8], part: &str| match content(head) {
            Content::Other(looks) => assert!(looks.contains(part), "{looks}"),
            other => panic!("{other:?}"),
        };
        says(b"", "empty");
        says(b"\xd4\xc3", "only 2 bytes");
        says(b"\x04\x22\x4d\x18....", "lz4 file: decompress");
        says(b"\xfd7zXZ\0....", "xz");
        says(b"snoop\0\0\0....", "snoop capture: convert");
        says(b"# Read me first", "text");
        says(b"\x7fELF\x02\x01\x01\0\0\0", "7f 45 4c 46");
    }
}
