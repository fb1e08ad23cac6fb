//! What a sample is: a file, what is in it, and what a sensor must find there.

use std::io::{self, Write};

/// One thing that must be found.
pub struct Found {
    /// The signature's identifier.
    pub signature: &'static str,
    /// The client's address.
    pub client: &'static str,
    /// The server, with its port where there are ports.
    pub server: &'static str,
    /// How many sightings: conversations, DNS messages.
    pub sightings: u32,
}

/// See [`Found`].
pub const fn found(signature: &'static str, client: &'static str, server: &'static str, sightings: u32) -> Found {
    Found { signature, client, server, sightings }
}

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// One gzip member.
    Gzip,
    /// Two gzip members after each other, as from `cat a.gz b.gz`; the first ends in the middle of a frame.
    GzipTwice,
    /// A gzip member that lost its second half.
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

/// A sample: a file of `pcaps/`, or a folder of them that makes one history.
pub struct Sample {
    /// The file, from `pcaps/` on.
    pub path: &'static str,
    /// What is in it.
    pub about: &'static str,
    /// What must be found; empty: nothing.
    pub found: Vec<Found>,
    /// Makes the file's bytes, before compression. None: a folder.
    pub make: Option<fn() -> Vec<u8>>,
    /// How it is compressed.
    pub packing: Packing,
    /// Whether a reader has to report damage (and exit with 1), whatever it finds.
    pub damaged: bool,
}

/// A sample that is not compressed and not damaged.
pub fn sample(path: &'static str, about: &'static str, found: Vec<Found>, make: fn() -> Vec<u8>) -> Sample {
    Sample { path, about, found, make: Some(make), packing: Packing::Plain, damaged: false }
}

/// A folder whose samples make one history.
pub fn folder(path: &'static str, about: &'static str, found: Vec<Found>) -> Sample {
    Sample { path, about, found, make: None, packing: Packing::Plain, damaged: false }
}

impl Sample {
    /// Compressed.
    pub fn packed(self, packing: Packing) -> Self {
        Self { packing, ..self }
    }

    /// With damage that has to be reported.
    pub fn damaged(self) -> Self {
        Self { damaged: true, ..self }
    }
}
