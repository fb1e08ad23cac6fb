//! The identifier of an alert.

use crate::alert::Alert;

/// The offset basis of FNV-1a with 64 bits.
const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// The prime of FNV-1a with 64 bits.
const PRIME: u64 = 0x0100_0000_01b3;

/// Hashes signature, indicator, ends, times and phase of an alert with FNV-1a
/// (<http://www.isthe.com/chongo/tech/comp/fnv/>). Unlike the hashes of hash tables it is the same
/// in every build.
pub(super) fn alert_id(alert: &Alert) -> u64 {
    // One packet may contain several DNS messages that differ only in these.
    let (name, query_type) = match &alert.dns {
        Some(dns) => (dns.name.as_slice(), dns.query_type.map_or(0, |query_type| query_type.0)),
        None => (&[][..], 0),
    };
    let text = format!(
        "{}|{}|{}|{}|{}|{}|{}|{}|{query_type}|",
        alert.signature.id(),
        alert.indicator.as_ref().map(|indicator| indicator.pattern.to_string()).unwrap_or_default(),
        alert.client,
        alert.server,
        alert.protocol.0,
        alert.seen.nanos(),
        alert.end.nanos(),
        alert.phase.token(),
    );
    text.bytes()
        .chain(name.iter().copied())
        .fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
