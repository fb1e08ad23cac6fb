//! The committed sample captures are those that the generator makes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

#[path = "../../pcaps/generator/mod.rs"]
pub mod generator;

use rattap::alert::Signature;

use generator::sample::{Packing, Sample};

/// The folder of the samples.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps")
}

/// All samples.
pub fn samples() -> Vec<Sample> {
    generator::samples::groups().into_iter().flat_map(|group| group.samples).collect()
}

/// The path of a sample's golden lines: beside the sample, but never within a folder that is itself
/// a sample, which would include them.
pub fn golden(sample: &Sample) -> PathBuf {
    folder().join("golden").join(format!("{}.cef", sample.path.trim_end_matches('/')))
}

/// The samples of lawful use.
pub fn exclusions() -> Vec<Sample> {
    samples().into_iter().filter(|sample| sample.path.starts_with("exclusions/")).collect()
}

/// The path of the golden lines of a sample of lawful use, replayed with its rules.
pub fn with_rules(sample: &Sample) -> PathBuf {
    golden(sample).with_extension("excluded.cef")
}

/// The path of the lines that the rules suppress.
pub fn audit(sample: &Sample) -> PathBuf {
    golden(sample).with_extension("audit.cef")
}

/// The content of a compressed file, up to where it was cut. Two compressed files may differ and
/// hold the same, if another version of the encoder made them.
fn unpack(packing: Packing, packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match packing {
        Packing::Plain => bytes.extend(packed),
        Packing::Gzip | Packing::GzipTwice => {
            flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut bytes)?;
        }
        Packing::GzipCut => match flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => (),
            other => panic!("a cut file ended with {other:?}"),
        },
        Packing::Zstd => bytes = zstd::decode_all(packed)?,
    }
    Ok(bytes)
}

#[test]
fn committed_samples_are_what_the_generator_makes() {
    for sample in samples() {
        let Some(make) = sample.make else { continue };
        let path = folder().join(sample.path);
        let committed = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (held, made) = (unpack(sample.packing, &committed).unwrap(), make());
        let same = match sample.packing {
            Packing::GzipCut => !held.is_empty() && held.len() < made.len() && made.starts_with(&held),
            _ => held == made,
        };
        assert!(same, "{} differs from what is made: run `cargo run --example make-pcaps`", sample.path);
    }
}

#[test]
fn compressed_samples_hold_what_they_should() {
    for sample in samples().iter().filter(|sample| sample.packing != Packing::Plain) {
        let made = sample.make.unwrap()();
        let packed = sample.packing.pack(&made).unwrap();
        assert_ne!(packed, made, "{}", sample.path);
        assert!(made.starts_with(&unpack(sample.packing, &packed).unwrap()), "{}", sample.path);
    }
}

#[test]
fn the_readme_is_what_the_generator_writes() {
    let committed = fs::read_to_string(folder().join("README.md")).unwrap();
    assert_eq!(committed, generator::readme::text(&generator::samples::groups()));
}

#[test]
fn every_file_in_the_folder_belongs_to_a_sample() {
    let mut known: BTreeSet<PathBuf> = samples().iter().map(|sample| folder().join(sample.path)).collect();
    for golden in samples().iter().map(golden) {
        assert!(golden.is_file(), "{} is missing: see pcaps/README.md", golden.display());
        known.insert(golden);
    }
    known.extend(exclusions().iter().flat_map(|sample| [with_rules(sample), audit(sample)]));
    known.extend(crate::json::SAMPLES.map(crate::json::golden));
    known.extend(crate::report::goldens());
    known.insert(folder().join("README.md"));
    let mut folders = vec![folder()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("pcaps/generator") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                assert!(known.contains(&path), "{} belongs to no sample", path.display());
            }
        }
    }
}

#[test]
fn every_expected_finding_names_a_signature_and_addresses() {
    for sample in samples() {
        for found in &sample.found {
            let truth = format!("{}: {} {}", sample.path, found.client, found.server);
            assert!(Signature::ALL.iter().any(|signature| signature.id() == found.signature), "{truth}");
            assert!(found.client.parse::<IpAddr>().is_ok(), "{truth}");
            let server = found.server.parse::<SocketAddr>().is_ok() || found.server.parse::<IpAddr>().is_ok();
            assert!(server && found.sightings > 0, "{truth}");
        }
    }
}

#[test]
fn file_names_are_unique_without_their_folder() {
    let mut names = BTreeSet::new();
    for sample in samples().iter().filter(|sample| sample.make.is_some()) {
        let name = sample.path.rsplit('/').next().unwrap().to_owned();
        assert!(names.insert(name), "{}: another sample has this name, and alerts name the file alone", sample.path);
    }
}
