//! Writes ClientHellos for the tests of this and other modules.

use proptest::prelude::*;

/// The content of a ClientHello.
#[derive(Debug, Clone)]
pub(crate) struct MadeHello {
    pub(crate) session_id: Vec<u8>,
    pub(crate) cipher_suites: Vec<u16>,
    /// Type and data of each extension. `None` omits the extensions.
    pub(crate) extensions: Option<Vec<(u16, Vec<u8>)>>,
}

/// A reserved value without a meaning (RFC 8701).
pub(crate) const GREASE: u16 = 0x7a7a;

impl MadeHello {
    /// A hello like those of current browsers: GREASE first and last, a post-quantum key share of
    /// 1,216 bytes before the name.
    pub(crate) fn usual(name: &[u8]) -> Self {
        let key_share = [&[0x11, 0xec, 0x04, 0xc0][..], &[0x5a; 1216]].concat();
        Self {
            session_id: vec![0x33; 32],
            cipher_suites: vec![GREASE, 0x1301, 0x1302, 0x1303, 0xc02b],
            extensions: Some(vec![
                (GREASE, vec![]),
                (0x0033, [&(key_share.len() as u16).to_be_bytes()[..], &key_share].concat()),
                (0x0000, server_names(&[(0, name)])),
                (0x002b, vec![6, 0x7a, 0x7a, 3, 4, 3, 3]),
                (GREASE, vec![0]),
            ]),
        }
    }

    /// A small hello with these extensions.
    pub(crate) fn with(extensions: &[(u16, Vec<u8>)]) -> Self {
        Self { session_id: vec![], cipher_suites: vec![0x1301], extensions: Some(extensions.to_vec()) }
    }

    /// The handshake message.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([0x42; 32]);
        body.push(self.session_id.len() as u8);
        body.extend(&self.session_id);
        body.extend((2 * self.cipher_suites.len() as u16).to_be_bytes());
        self.cipher_suites.iter().for_each(|suite| body.extend(suite.to_be_bytes()));
        body.extend([1, 0]);
        if let Some(extensions) = &self.extensions {
            let data: Vec<u8> = extensions
                .iter()
                .flat_map(|(kind, data)| [&kind.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat())
                .collect();
            body.extend((data.len() as u16).to_be_bytes());
            body.extend(data);
        }
        let mut message = (body.len() as u32 | 1 << 24).to_be_bytes().to_vec();
        message.extend(body);
        message
    }

    /// The first host name, if it is valid.
    pub(crate) fn name(&self) -> Option<Vec<u8>> {
        let (_, data) = self.extensions.iter().flatten().find(|(kind, _)| *kind == 0)?;
        let mut list = data.get(2..)?;
        while let [kind, high, low, rest @ ..] = list {
            let (name, after) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            if *kind == 0 {
                return (1..=254).contains(&name.len()).then(|| name.to_vec());
            }
            list = after;
        }
        None
    }
}

/// The data of a `server_name` extension.
pub(crate) fn server_names(names: &[(u8, &[u8])]) -> Vec<u8> {
    let list: Vec<u8> = names
        .iter()
        .flat_map(|(kind, name)| [&[*kind][..], &(name.len() as u16).to_be_bytes(), name].concat())
        .collect();
    [&(list.len() as u16).to_be_bytes()[..], &list].concat()
}

/// Splits a message into records of these lengths. The rest is in one further record.
pub(crate) fn in_records(message: &[u8], lengths: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = message;
    for &length in lengths.iter().chain([&message.len()]) {
        let (fragment, after) = rest.split_at(length.min(rest.len()));
        if !fragment.is_empty() {
            bytes.extend([22, 3, 1]);
            bytes.extend((fragment.len() as u16).to_be_bytes());
            bytes.extend(fragment);
        }
        rest = after;
    }
    bytes
}

/// Generates any hello.
pub(crate) fn made_hello() -> impl Strategy<Value = MadeHello> {
    let bytes = |longest| prop::collection::vec(any::<u8>(), 0..longest);
    let name = prop_oneof![8 => "[a-z]{1,12}\\.[a-zA-Z]{2,3}".prop_map(String::into_bytes), 1 => bytes(300)];
    let names = prop::collection::vec((prop_oneof![4 => Just(0u8), 1 => 1u8..3], name), 0..3);
    let server_name = names.prop_map(|names| {
        let names: Vec<_> = names.iter().map(|(kind, name)| (*kind, &name[..])).collect();
        (0, server_names(&names))
    });
    let other = (1u16.., prop_oneof![4 => bytes(40), 1 => prop::collection::vec(any::<u8>(), 1200..1400)]);
    let extensions = prop::collection::vec(prop_oneof![1 => server_name, 2 => other], 0..6);
    (bytes(33), prop::collection::vec(any::<u16>(), 0..40), prop::option::weighted(0.95, extensions))
        .prop_map(|(session_id, cipher_suites, extensions)| MadeHello { session_id, cipher_suites, extensions })
}
