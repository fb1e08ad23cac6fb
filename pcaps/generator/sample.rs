//! A sample: a file, its content, and the findings that are expected in it.

use std::io::{self, Write};

/// One expected finding.
pub struct Found {
    /// The signature's identifier.
    pub signature: &'static str,
    /// The client's address.
    pub client: &'static str,
    /// The server, with its port if the protocol has ports.
    pub server: &'static str,
    /// The number of sightings: conversations or DNS messages.
    pub sightings: u32,
}

/// See [`Found`].
pub const fn found(signature: &'static str, client: &'static str, server: &'static str, sightings: u32) -> Found {
    Found { signature, client, server, sightings }
}

/// The compression of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// None.
    Plain,
    /// One gzip member.
    Gzip,
    /// Two gzip members in a row, as from `cat a.gz b.gz`; the first ends within a frame.
    GzipTwice,
    /// A gzip member without its second half.
    GzipCut,
    /// One Zstandard frame.
    Zstd,
}

impl Packing {
    /// Compresses.
    pub fn pack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let (start, end) = bytes.split_at(bytes.len() / 2);
        Ok(match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => gzip(bytes)?,
            Self::GzipTwice => [gzip(start)?, gzip(end)?].concat(),
            Self::GzipCut => {
                let mut packed = gzip(bytes)?;
                packed.truncate(packed.len() / 2);
                packed
            }
            Self::Zstd => zstd::encode_all(bytes, 19)?,
        })
    }
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// A sample: a file in `pcaps/`, or a folder of files that form one history.
pub struct Sample {
    /// The path below `pcaps/`.
    pub path: &'static str,
    /// The description.
    pub about: &'static str,
    /// The expected findings; empty if there are none.
    pub found: Vec<Found>,
    /// Makes the file's bytes before compression; `None` for a folder.
    pub make: Option<fn() -> Vec<u8>>,
    /// Its compression.
    pub packing: Packing,
    /// True if a reader must report damage (and exit with 1), whatever it finds.
    pub damaged: bool,
}

/// A sample without compression and damage.
pub fn sample(path: &'static str, about: &'static str, found: Vec<Found>, make: fn() -> Vec<u8>) -> Sample {
    Sample { path, about, found, make: Some(make), packing: Packing::Plain, damaged: false }
}

/// A folder whose samples form one history.
pub fn folder(path: &'static str, about: &'static str, found: Vec<Found>) -> Sample {
    Sample { path, about, found, make: None, packing: Packing::Plain, damaged: false }
}

impl Sample {
    /// With compression.
    pub fn packed(self, packing: Packing) -> Self {
        Self { packing, ..self }
    }

    /// With damage that must be reported.
    pub fn damaged(self) -> Self {
        Self { damaged: true, ..self }
    }
}
