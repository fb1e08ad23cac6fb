//! Reading the text of a list from a file, which may be compressed, within bounds.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::FeedError;

/// The maximum size of a list in bytes: twice the size of all of ThreatFox as JSON.
const MAX_SIZE: u64 = 1 << 30;

/// The maximum compression ratio. Lists compress to a tenth; a file that compresses to a hundredth
/// is a decompression bomb.
const MAX_RATIO: u64 = 100;

/// Decompressed sizes up to this are accepted at any ratio.
const UNCHECKED_SIZE: u64 = 16 << 20;

/// The files in the archive of ThreatFox's full dump.
const FULL_DUMP: [&str; 2] = ["full.csv", "full.json"];

/// The number of bytes that are searched for zeros, which no text contains.
const EXAMINED: usize = 8 << 10;

/// The text of a file. Bytes that are not UTF-8 become the replacement character, which makes only
/// their own line unusable.
pub(super) fn text(path: &Path) -> Result<String, FeedError> {
    let not_a_list = |reason: String| FeedError::NotAList { path: path.to_owned(), reason };
    let stored = read_stored(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FeedError::Absent { path: path.to_owned(), reason: "no such file" },
        _ => FeedError::Unreadable { path: path.to_owned(), error },
    })?;
    let bytes = decompress(stored).map_err(not_a_list)?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(not_a_list("it is UTF-16 text: save it as UTF-8".to_owned()));
    }
    if memchr::memchr(0, &bytes[..bytes.len().min(EXAMINED)]).is_some() {
        return Err(not_a_list("it is not text".to_owned()));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn read_stored(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn decompress(stored: Vec<u8>) -> Result<Vec<u8>, String> {
    let size = stored.len() as u64;
    let damaged = |error: &dyn std::fmt::Display| format!("it is compressed, and damaged: {error}");
    let limit = size.saturating_mul(MAX_RATIO).clamp(UNCHECKED_SIZE, MAX_SIZE);
    match stored.get(..4).unwrap_or(&stored) {
        [0x1f, 0x8b, ..] => read_bounded(MultiGzDecoder::new(&stored[..]), limit),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            read_bounded(zstd::stream::read::Decoder::new(&stored[..]).map_err(|error| damaged(&error))?, limit)
        }
        [b'P', b'K', 3, 4] => {
            let mut archive = ZipArchive::new(Cursor::new(&stored)).map_err(|error| damaged(&error))?;
            let names = archive.file_names().filter_map(Result::ok).filter(|name| !name.ends_with('/'));
            let names: Vec<String> = names.map(Cow::into_owned).collect();
            let full = names.iter().find(|name| FULL_DUMP.contains(&name.rsplit('/').next().unwrap_or_default()));
            let name = match &names[..] {
                [only] => only,
                _ => {
                    full.ok_or_else(|| format!("it is a zip archive of {} files; pack one list into it", names.len()))?
                }
            };
            read_bounded(archive.by_name(name).map_err(|error| damaged(&error))?, limit)
        }
        _ if size > MAX_SIZE => Err(format!("it is larger than {MAX_SIZE} bytes, the maximum for a list")),
        _ => Ok(stored),
    }
}

fn read_bounded(reader: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = reader.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("it is compressed, and damaged: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!(
            "it is compressed, and decompresses to more than {limit} bytes, which is too much for a list"
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn of(bytes: &[u8]) -> Result<String, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        text(file.path()).map_err(|error| error.to_string())
    }

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn compressed_lists_are_read_whatever_they_are_called() {
        let text = "203.0.113.7:443\n";
        assert_eq!(of(&gzip(text.as_bytes())).unwrap(), text);
        assert_eq!(of(&zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap(), text);
        assert_eq!(of(&zip(&[("a.csv", text.as_bytes())])).unwrap(), text);
        assert_eq!(of(&zip(&[("readme.txt", b"x"), ("full.csv", text.as_bytes())])).unwrap(), text);
        assert!(of(&zip(&[("a.csv", b"x"), ("b.csv", b"y")])).unwrap_err().contains("zip archive of 2 files"));
    }

    #[test]
    fn bombs_and_damage_are_told() {
        let zeros = vec![b'0'; UNCHECKED_SIZE as usize + 1];
        for bomb in [gzip(&zeros), zip(&[("full.csv", &zeros)]), zstd::encode_all(&zeros[..], 1).unwrap()] {
            assert!(of(&bomb).unwrap_err().contains("too much for a list"));
        }
        let whole = gzip(b"203.0.113.7:443\n");
        assert!(of(&whole[..whole.len() - 4]).unwrap_err().contains("damaged"));
        assert!(of(b"PK\x03\x04 and no more").unwrap_err().contains("damaged"));
    }

    #[test]
    fn binary_files_are_refused_and_an_invalid_byte_affects_only_its_line() {
        assert!(of(b"\xff\xfea\0").unwrap_err().contains("UTF-16"));
        assert!(of(b"\x7fELF\0").unwrap_err().contains("not text"));
        assert_eq!(of(b"a\xffb\nc").unwrap(), "a\u{fffd}b\nc");
        assert_eq!(of(b"").unwrap(), "");
    }

    #[test]
    fn absent_and_unreadable_are_different_errors() {
        let folder = tempfile::tempdir().unwrap();
        let absent = text(&folder.path().join("gone.csv")).unwrap_err();
        assert!(matches!(absent, FeedError::Absent { .. }), "{absent}");
        assert!(matches!(text(folder.path()).unwrap_err(), FeedError::Unreadable { .. }));
    }
}
