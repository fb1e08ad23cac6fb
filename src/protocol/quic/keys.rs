//! The keys of a client's Initial packets, and decryption with them (RFC 9001 section 5).

use ring::aead::quic::{self, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::packet::{InitialPacket, OriginalConnectionId, QuicVersion};

/// The length of an AES-128 key in bytes.
const KEY_LENGTH: usize = 16;
/// The length of a secret in bytes: that of a SHA-256 hash.
const SECRET_LENGTH: usize = 32;
/// The start of the sample for header protection, in bytes after the start of the packet number
/// (RFC 9001 section 5.4.2).
const SAMPLE_OFFSET: usize = 4;
/// The length of that sample in bytes.
const SAMPLE_LENGTH: usize = 16;

impl QuicVersion {
    /// The salt of the initial secret (RFC 9001 section 5.2, RFC 9369 section 3.3.1,
    /// draft-ietf-quic-tls-29 section 5.2).
    fn salt(self) -> &'static [u8; 20] {
        match self {
            Self::V1 => b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
            Self::V2 => b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
            Self::Draft29 => b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
        }
    }

    /// The labels of the key, the IV and the header protection key (RFC 9001 section 5.1, RFC 9369
    /// section 3.3.2).
    fn labels(self) -> [&'static [u8]; 3] {
        match self {
            Self::V1 | Self::Draft29 => [b"quic key", b"quic iv", b"quic hp"],
            Self::V2 => [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"],
        }
    }
}

/// The keys of a client's Initial packets.
pub(super) struct ClientKeys {
    payload: LessSafeKey,
    iv: [u8; NONCE_LEN],
    header: HeaderProtectionKey,
}

impl ClientKeys {
    /// Derives the keys. It returns `None` only for wrong lengths, which the constants rule out.
    pub(super) fn derive(origin: &OriginalConnectionId) -> Option<Self> {
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

    /// Decrypts a packet in `buffer` and returns its frames. Returns `None` if the packet was not
    /// encrypted with these keys, or is damaged.
    pub(super) fn decrypt<'b>(&self, packet: &InitialPacket<'_>, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]> {
        let sample = packet.bytes.get(packet.number_offset + SAMPLE_OFFSET..)?.get(..SAMPLE_LENGTH)?;
        let [first_mask, number_mask @ ..] = self.header.new_mask(sample).ok()?;
        buffer.clear();
        buffer.extend_from_slice(packet.bytes);
        let first = buffer.first_mut()?;
        // Header protection leaves out the form, the fixed bit and the type of a long header.
        *first ^= first_mask & 0x0f;
        let number_length = usize::from(*first & 3) + 1;
        let (header, payload) = buffer.split_at_mut_checked(packet.number_offset + number_length)?;
        let mut nonce = self.iv;
        let (_, number) = header.split_at_mut_checked(packet.number_offset)?;
        for (byte, mask) in number.iter_mut().zip(number_mask) {
            *byte ^= mask;
        }
        // The first packets of a client have small packet numbers, so the header has all their
        // digits.
        for (byte, digit) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= digit;
        }
        let frames =
            self.payload.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(&*header), payload).ok()?;
        Some(frames)
    }

    /// Encrypts a packet.
    #[cfg(test)]
    pub(super) fn encrypt(&self, header: &[u8], number_length: usize, payload: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        let number_offset = header.len() - number_length;
        nonce.iter_mut().rev().zip(header[number_offset..].iter().rev()).for_each(|(byte, digit)| *byte ^= digit);
        let mut ciphertext = payload.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.payload.seal_in_place_separate_tag(nonce, Aad::from(header), &mut ciphertext).unwrap();
        let mut packet = [header, &ciphertext, tag.as_ref()].concat();
        let mask = self.header.new_mask(&packet[number_offset + SAMPLE_OFFSET..][..SAMPLE_LENGTH]).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        packet[number_offset..header.len()].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
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

/// The number of bytes to derive.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
