//! From a file to its text: out of archives, within bounds.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::FeedError;

/// A list larger than this is no list: all of ThreatFox, as JSON, has half of it.
const LARGEST: u64 = 1 << 30;

/// How much larger a compressed list may become. Texts of indicators shrink to a tenth; what shrinks to a hundredth is a bomb.
const LARGEST_RATIO: u64 = 100;

/// Up to here a ratio says nothing.
const SMALL: u64 = 16 << 20;

/// What the full dump's archive holds.
const FULL_DUMP: [&str; 2] = ["full.csv", "full.json"];

/// How much is searched for what no text holds.
const LOOKED_AT: usize = 8 << 10;

/// A file's text. Bytes that are no UTF-8 become the character that stands for such, and spoil the line that they are in alone.
pub(super) fn text(path: &Path) -> Result<String, FeedError> {
    let no_list = |reason: String| FeedError::NoList { path: path.to_owned(), reason };
    let stored = stored(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FeedError::Absent { path: path.to_owned(), reason: "no such file" },
        _ => FeedError::Unreadable { path: path.to_owned(), error },
    })?;
    let bytes = unpacked(stored).map_err(no_list)?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(no_list("it is UTF-16 text: save it as UTF-8".to_owned()));
    }
    if memchr::memchr(0, &bytes[..bytes.len().min(LOOKED_AT)]).is_some() {
        return Err(no_list("it is not text".to_owned()));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn stored(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unpacked(stored: Vec<u8>) -> Result<Vec<u8>, String> {
    let size = stored.len() as u64;
    let damaged = |error: &dyn std::fmt::Display| format!("it is compressed, and damaged: {error}");
    let limit = size.saturating_mul(LARGEST_RATIO).clamp(SMALL, LARGEST);
    match stored.get(..4).unwrap_or(&stored) {
        [0x1f, 0x8b, ..] => bounded(MultiGzDecoder::new(&stored[..]), limit),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            bounded(zstd::stream::read::Decoder::new(&stored[..]).map_err(|error| damaged(&error))?, limit)
        }
        [b'P', b'K', 3, 4] => {
            let mut archive = ZipArchive::new(Cursor::new(&stored)).map_err(|error| damaged(&error))?;
            let names = archive.file_names().filter_map(Result::ok).filter(|name| !name.ends_with('/'));
            let names: Vec<String> = names.map(Cow::into_owned).collect();
            let full = names.iter().find(|name| FULL_DUMP.contains(&name.rsplit('/').next().unwrap_or_default()));
            let name = match &names[..] {
                [only] => only,
                _ => {
                    full.ok_or_else(|| format!("it is a zip archive of {} files, where one is wanted", names.len()))?
                }
            };
            bounded(archive.by_name(name).map_err(|error| damaged(&error))?, limit)
        }
        _ if size > LARGEST => Err(format!("it has more than the {LARGEST} bytes that a list may have")),
        _ => Ok(stored),
    }
}

fn bounded(reader: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = reader.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("it is compressed, and damaged: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is compressed, and becomes more than {limit} bytes, which no list does"));
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
        assert!(of(&zip(&[("a.csv", b"x"), ("b.csv", b"y")])).unwrap_err().contains("2 files, where one is wanted"));
    }

    #[test]
    fn bombs_and_damage_are_told() {
        let zeros = vec![b'0'; SMALL as usize + 1];
        for bomb in [gzip(&zeros), zip(&[("full.csv", &zeros)]), zstd::encode_all(&zeros[..], 1).unwrap()] {
            assert!(of(&bomb).unwrap_err().contains("which no list does"));
        }
        let whole = gzip(b"203.0.113.7:443\n");
        assert!(of(&whole[..whole.len() - 4]).unwrap_err().contains("damaged"));
        assert!(of(b"PK\x03\x04 and no more").unwrap_err().contains("damaged"));
    }

    #[test]
    fn what_is_no_text_is_told_and_a_bad_byte_spoils_no_more_than_its_line() {
        assert!(of(b"\xff\xfea\0").unwrap_err().contains("UTF-16"));
        assert!(of(b"\x7fELF\0").unwrap_err().contains("not text"));
        assert_eq!(of(b"a\xffb\nc").unwrap(), "a\u{fffd}b\nc");
        assert_eq!(of(b"").unwrap(), "");
    }

    #[test]
    fn absent_and_unreadable_are_two_things() {
        let folder = tempfile::tempdir().unwrap();
        let absent = text(&folder.path().join("gone.csv")).unwrap_err();
        assert!(matches!(absent, FeedError::Absent { .. }), "{absent}");
        assert!(matches!(text(folder.path()).unwrap_err(), FeedError::Unreadable { .. }));
    }
}
