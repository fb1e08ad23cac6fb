//! The frames in an Initial packet (RFC 9000 section 19; which may be there: section 12.4, table 3).

use super::packet::split_varint;

const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_WITH_ECN: u64 = 0x03;
const CRYPTO: u64 = 0x06;

/// A piece of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CryptoFrame<'a> {
    /// Where in the stream of handshake messages it stands.
    pub(super) offset: u64,
    pub(super) data: &'a [u8],
}

/// The CRYPTO frames in a decrypted payload, up to its end or to what no Initial packet of a client that goes on may hold.
pub(super) fn crypto_frames(payload: &[u8]) -> CryptoFrames<'_> {
    CryptoFrames { rest: payload }
}

/// Goes over a payload: see [`crypto_frames`].
#[derive(Debug, Clone)]
pub(super) struct CryptoFrames<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for CryptoFrames<'a> {
    type Item = CryptoFrame<'a>;

    fn next(&mut self) -> Option<CryptoFrame<'a>> {
        loop {
            let (kind, rest) = split_varint(std::mem::take(&mut self.rest))?;
            self.rest = match kind {
                // Mostly it fills the rest of the packet.
                PADDING => rest.iter().position(|&byte| byte != 0).and_then(|start| rest.get(start..))?,
                PING => rest,
                ACK => after_ack(rest)?,
                ACK_WITH_ECN => skip_varints(after_ack(rest)?, 3)?,
                CRYPTO => {
                    let (offset, rest) = split_varint(rest)?;
                    let (length, rest) = split_varint(rest)?;
                    let (data, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                    self.rest = rest;
                    return Some(CryptoFrame { offset, data });
                }
                _ => return None,
            };
        }
    }
}

/// Passes over the fields of an ACK frame: largest, delay, how many ranges, the first one, then two numbers for each.
fn after_ack(rest: &[u8]) -> Option<&[u8]> {
    let rest = skip_varints(rest, 2)?;
    let (ranges, rest) = split_varint(rest)?;
    skip_varints(rest, ranges.checked_mul(2)?.checked_add(1)?)
}

fn skip_varints(mut rest: &[u8], count: u64) -> Option<&[u8]> {
    for _ in 0..count {
        (_, rest) = split_varint(rest)?;
    }
    Some(rest)
}
