//! ClientHellos of TLS 1.3 (RFC 8446 section 4.1.2), as browsers send them today.

use super::random::Random;
use super::speech;

/// A GREASE value (RFC 8701).
const GREASE: u16 = 0x6a6a;

/// A ClientHello.
#[derive(Clone, Copy)]
pub struct Hello<'a> {
    /// The server name.
    pub name: Option<&'a str>,
    /// GREASE values among the cipher suites, groups, versions and extensions.
    pub grease: bool,
    /// A post-quantum key share (X25519MLKEM768, 1,216 bytes) and a GREASE encrypted hello: about
    /// 1.7 kB in all.
    pub post_quantum: bool,
    /// Over QUIC: its transport parameters, and h3 in place of h2.
    pub quic: bool,
    /// The small extensions that a browser sends beside those that matter here.
    pub small_extensions: bool,
    /// True if the server's name comes before the key shares. Browsers shuffle their extensions.
    pub name_first: bool,
}

/// A plain hello for a server.
pub const fn hello(name: &str) -> Hello<'_> {
    Hello {
        name: Some(name),
        grease: false,
        post_quantum: false,
        quic: false,
        small_extensions: false,
        name_first: false,
    }
}

/// A list with its length in two bytes before it.
fn list(items: &[u8]) -> Vec<u8> {
    [&(items.len() as u16).to_be_bytes()[..], items].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

impl Hello<'_> {
    /// With [`Hello::grease`] and [`Hello::post_quantum`], as Chrome.
    pub fn like_chrome(self) -> Self {
        Self { grease: true, post_quantum: true, ..self }
    }

    /// The handshake message.
    pub fn message(&self, random: &mut Random) -> Vec<u8> {
        let grease: &[u16] = if self.grease { &[GREASE] } else { &[] };
        let mut body = vec![3, 3];
        body.extend(random.bytes(32));
        // QUIC has no session to resume by this (RFC 9001 section 8.4).
        let session = if self.quic { Vec::new() } else { random.bytes(32) };
        body.push(session.len() as u8);
        body.extend(session);
        body.extend(list(&words(&[grease, &[0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f]].concat())));
        body.extend([1, 0]);
        body.extend(list(&self.extensions(grease, random)));
        let mut message = (body.len() as u32 | 1 << 24).to_be_bytes().to_vec();
        message.extend(body);
        message
    }

    fn extensions(&self, grease: &[u16], random: &mut Random) -> Vec<u8> {
        let mut all = Vec::new();
        let mut add = |kind: u16, data: &[u8]| all.extend([&kind.to_be_bytes()[..], &list(data)].concat());
        if self.grease {
            add(GREASE, &[]);
        }
        let name = self.name.map(|name| list(&[&[0][..], &list(name.as_bytes())].concat()));
        let (before, behind) = if self.name_first { (name, None) } else { (None, name) };
        if let Some(name) = before {
            add(0, &name);
        }
        if self.small_extensions {
            // Extended master secret, renegotiation, point formats, session ticket, certificate
            // status and timestamps, how to resume, compressed certificates, application settings.
            add(23, &[]);
            add(0xff01, &[0]);
            add(11, &[1, 0]);
            add(35, &[]);
            add(5, &[1, 0, 0, 0, 0]);
            add(18, &[]);
            add(45, &[1, 1]);
            add(27, &[2, 0, 2]);
            add(0x44cd, &list(b"\x02h2"));
        }
        let hybrid: &[u16] = if self.post_quantum { &[0x11ec] } else { &[] };
        add(10, &list(&words(&[grease, hybrid, &[29, 23, 24]].concat())));
        let versions = words(&[grease, &[0x0304, 0x0303]].concat());
        add(43, &[&[versions.len() as u8][..], &versions].concat());
        let mut shares = Vec::new();
        if self.grease {
            shares.extend([&GREASE.to_be_bytes()[..], &list(&[0])].concat());
        }
        if self.post_quantum {
            shares.extend([&[0x11, 0xec][..], &list(&random.bytes(1216))].concat());
        }
        shares.extend([&[0, 29][..], &list(&random.bytes(32))].concat());
        add(51, &list(&shares));
        add(13, &list(&words(&[0x0403, 0x0804, 0x0401])));
        add(16, &list(if self.quic { b"\x02h3" } else { b"\x02h2" }));
        if let Some(name) = behind {
            add(0, &name);
        }
        if self.quic {
            // A maximum idle time of 30 s, and no identifier of the client's own (RFC 9000 section
            // 18.2).
            add(57, &[1, 4, 0x80, 0, 0x75, 0x30, 0x0f, 0]);
        }
        if self.post_quantum {
            add(0xfe0d, &random.bytes(186));
        }
        if self.grease {
            add(GREASE ^ 0x8080, &[0]);
        }
        all
    }

    /// The message in one record.
    pub fn record(&self, random: &mut Random) -> Vec<u8> {
        speech::tls_record(22, &self.message(random))
    }

    /// The message in records of at most this many bytes each.
    pub fn records(&self, length: usize, random: &mut Random) -> Vec<u8> {
        self.message(random).chunks(length).flat_map(|part| speech::tls_record(22, part)).collect()
    }
}
