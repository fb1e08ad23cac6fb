//! QUIC's Initial packets (RFC 9000 section 17.2.2), enciphered as RFC 9001 section 5 and RFC 9369
//! say.
//!
//! The keys are derived by hand, from HMAC alone.

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hmac;

/// The differences between the versions.
pub struct Version {
    number: u32,
    /// The first byte of an Initial packet whose packet number has one byte.
    first: u8,
    salt: [u8; 20],
    /// The prefix of the labels `key`, `iv` and `hp`.
    label: &'static str,
}

/// Version 1.
pub const V1: Version = Version {
    number: 1,
    first: 0xc0,
    salt: *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
    label: "quic ",
};
/// Version 2.
pub const V2: Version = Version {
    number: 0x6b33_43cf,
    first: 0xd0,
    salt: *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
    label: "quicv2 ",
};

/// The sender of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// The least length of a datagram with a client's Initial packet (RFC 9000 section 14.1).
const LEAST: usize = 1200;
/// The length of the authentication tag.
const TAG: usize = 16;

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

/// Unwraps a result of the cipher: it refuses wrong lengths only, and those here are right.
fn done<T>(result: Result<T, Unspecified>) -> T {
    result.unwrap_or_else(|error| panic!("a length is wrong: {error}"))
}

/// HKDF-Expand-Label (RFC 8446 section 7.1) of up to 32 bytes: one round of HMAC.
fn expand(secret: &[u8], label: &str, length: usize) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let info = [&[0, length as u8, label.len() as u8][..], label.as_bytes(), &[0, 1]].concat();
    let mut key = hmac(secret, &info);
    key.truncate(length);
    key
}

/// A CRYPTO frame (RFC 9000 section 19.6).
pub fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    let number = |number: usize| (0x4000 | number as u16).to_be_bytes();
    [&[6][..], &number(offset), &number(data.len()), data].concat()
}

/// A datagram with one Initial packet. `first_id` is the destination connection ID of the client's
/// first packet.
pub fn initial(version: &Version, side: Side, first_id: &[u8], number: u8, frames: &[u8]) -> Vec<u8> {
    let initial = hmac(&version.salt, first_id);
    let secret = expand(&initial, if side == Side::Client { "client in" } else { "server in" }, 32);
    let key = |what: &str, length| expand(&secret, &format!("{}{what}", version.label), length);

    let mut header = vec![version.first];
    header.extend(version.number.to_be_bytes());
    // The client's own connection ID is empty, and neither side has a token.
    let (to, from): (&[u8], &[u8]) = if side == Side::Client { (first_id, &[]) } else { (&[], first_id) };
    for id in [to, from] {
        header.push(id.len() as u8);
        header.extend(id);
    }
    header.push(0);
    let mut payload = frames.to_vec();
    payload.resize(payload.len().max(LEAST - header.len() - 3 - TAG), 0);
    header.extend((0x4000 | (1 + payload.len() + TAG) as u16).to_be_bytes());
    let number_at = header.len();
    header.push(number);

    let mut nonce = [0; 12];
    nonce.copy_from_slice(&key("iv", 12));
    nonce[11] ^= number;
    let seal = LessSafeKey::new(done(UnboundKey::new(&AES_128_GCM, &key("key", 16))));
    done(seal.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&header), &mut payload));
    let mut packet = [header, payload].concat();
    let protection = done(HeaderProtectionKey::new(&AES_128, &key("hp", 16)));
    let mask = done(protection.new_mask(&packet[number_at + 4..][..16]));
    packet[0] ^= mask[0] & 0x0f;
    packet[number_at] ^= mask[1];
    packet
}
