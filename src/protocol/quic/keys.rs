//! The keys of a client's Initial packets, and what they open (RFC 9001 section 5).

use ring::aead::quic::{self, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::packet::{InitialPacket, Origin, Version};

/// The bytes of a key of AES-128.
const KEY_LENGTH: usize = 16;
/// The bytes of a secret: a hash of SHA-256.
const SECRET_LENGTH: usize = 32;
/// Where the sample for header protection starts, counted from the packet number (RFC 9001 section 5.4.2).
const SAMPLE_AFTER: usize = 4;
/// Its length.
const SAMPLE_LENGTH: usize = 16;

impl Version {
    /// RFC 9001 section 5.2, RFC 9369 section 3.3.1, draft-ietf-quic-tls-29 section 5.2.
    fn salt(self) -> &'static [u8; 20] {
        match self {
            Self::V1 => b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
            Self::V2 => b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
            Self::Draft29 => b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
        }
    }

    /// The labels of key, nonce and header protection (RFC 9001 section 5.1, RFC 9369 section 3.3.2).
    fn labels(self) -> [&'static [u8]; 3] {
        match self {
            Self::V1 | Self::Draft29 => [b"quic key", b"quic iv", b"quic hp"],
            Self::V2 => [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"],
        }
    }
}

/// The keys.
pub(super) struct ClientKeys {
    payload: LessSafeKey,
    iv: [u8; NONCE_LEN],
    header: HeaderProtectionKey,
}

impl ClientKeys {
    /// Derives them. None never comes: the lengths are right.
    pub(super) fn of(origin: &Origin) -> Option<Self> {
        let version = origin.version();
        let initial = Salt::new(HKDF_SHA256, version.salt()).extract(origin.id());
        let client: [u8; SECRET_LENGTH] = expand(&initial, b"client in")?;
        let client = Prk::new_less_safe(HKDF_SHA256, &client);
        let [key, iv, header] = version.labels();
        let key: [u8; KEY_LENGTH] = expand(&client, key)?;
        let header: [u8; KEY_LENGTH] = expand(&client, header)?;
        Some(Self {
            payload: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?),
            iv: expand(&client, iv)?,
            header: HeaderProtectionKey::new(&quic::AES_128, &header).ok()?,
        })
    }

    /// Decrypts a packet in `buffer`: its frames. None where the packet was not sealed with these keys, or was damaged.
    pub(super) fn open<'b>(&self, packet: &InitialPacket<'_>, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]> {
        let sample = packet.bytes.get(packet.number_at + SAMPLE_AFTER..)?.get(..SAMPLE_LENGTH)?;
        let [first_mask, number_mask @ ..] = self.header.new_mask(sample).ok()?;
        buffer.clear();
        buffer.extend_from_slice(packet.bytes);
        let first = buffer.first_mut()?;
        // The form, the fixed bit and the type of a long header are not protected.
        *first ^= first_mask & 0x0f;
        let number_length = usize::from(*first & 3) + 1;
        let (header, payload) = buffer.split_at_mut_checked(packet.number_at + number_length)?;
        let mut nonce = self.iv;
        let (_, number) = header.split_at_mut_checked(packet.number_at)?;
        for (byte, mask) in number.iter_mut().zip(number_mask) {
            *byte ^= mask;
        }
        // A client's first packets have small numbers, which are there whole.
        for (byte, digit) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= digit;
        }
        let frames =
            self.payload.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(&*header), payload).ok()?;
        Some(frames)
    }

    #[cfg(test)]
    pub(super) fn seal(&self, header: &[u8], number_length: usize, payload: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        let number_at = header.len() - number_length;
        nonce.iter_mut().rev().zip(header[number_at..].iter().rev()).for_each(|(byte, digit)| *byte ^= digit);
        let mut sealed = payload.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.payload.seal_in_place_separate_tag(nonce, Aad::from(header), &mut sealed).unwrap();
        let mut packet = [header, &sealed, tag.as_ref()].concat();
        let mask = self.header.new_mask(&packet[number_at + SAMPLE_AFTER..][..SAMPLE_LENGTH]).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at..header.len()].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        packet
    }
}

/// HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1), without a context.
fn expand<const N: usize>(secret: &Prk, label: &[u8]) -> Option<[u8; N]> {
    const PREFIX: &[u8] = b"tls13 ";
    let [length_high, length_low] = u16::try_from(N).ok()?.to_be_bytes();
    let label_length = u8::try_from(PREFIX.len() + label.len()).ok()?;
    let info = [&[length_high, length_low, label_length][..], PREFIX, label, &[0]];
    let mut out = [0; N];
    secret.expand(&info, Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// How many bytes to derive.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
