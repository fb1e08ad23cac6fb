//! The frames of an Initial packet (RFC 9000 section 19; the allowed types: section 12.4, table 3).

use super::packet::split_varint;

const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_WITH_ECN: u64 = 0x03;
const CRYPTO: u64 = 0x06;

/// A CRYPTO frame: a part of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CryptoFrame<'a> {
    /// The offset of the data in the stream of handshake messages.
    pub(super) offset: u64,
    pub(super) data: &'a [u8],
}

/// Iterates over the CRYPTO frames in a decrypted payload. It ends at a frame that a client which
/// continues the handshake does not send in an Initial packet.
pub(super) fn crypto_frames(payload: &[u8]) -> CryptoFrames<'_> {
    CryptoFrames { rest: payload }
}

/// The iterator that [`crypto_frames`] returns.
#[derive(Debug, Clone)]
pub(super) struct CryptoFrames<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for CryptoFrames<'a> {
    type Item = CryptoFrame<'a>;

    fn next(&mut self) -> Option<CryptoFrame<'a>> {
        loop {
            let (frame_type, rest) = split_varint(std::mem::take(&mut self.rest))?;
            self.rest = match frame_type {
                // Padding usually fills the rest of the packet.
                PADDING => rest.iter().position(|&byte| byte != 0).and_then(|start| rest.get(start..))?,
                PING => rest,
                ACK => skip_ack(rest)?,
                ACK_WITH_ECN => skip_varints(skip_ack(rest)?, 3)?,
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

/// Skips the fields of an ACK frame: largest, delay, number of ranges, first range, then two
/// numbers per range.
fn skip_ack(rest: &[u8]) -> Option<&[u8]> {
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
