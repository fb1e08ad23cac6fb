//! Lists of indicators in files.
//!
//! A format is one file in this folder and one line in the table `FORMATS`. A file's format is told by its content, never
//! by its name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Indicator;

mod plain;

/// A format that can be read.
struct Format {
    name: &'static str,
    /// Whether a text is of this format.
    recognises: fn(&str) -> bool,
    /// Reads all that can be read. `source` is what the indicators give as their source.
    read: fn(text: &str, source: &str) -> Feed,
}

/// All formats. The first that recognises a text reads it; a plain list takes any text, so it stands last.
const FORMATS: [Format; 1] = [plain::FORMAT];

/// A list larger than this is no list: the largest public one, of all malware, is a tenth of it.
const LARGEST: u64 = 1 << 30;

/// What a file held.
#[derive(Debug, Default)]
pub struct Feed {
    /// What can be used.
    pub indicators: Vec<Indicator>,
    /// What cannot.
    pub refusals: Vec<Refusal>,
    /// The format's name.
    pub format: &'static str,
}

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct Refusal {
    /// Counted from one.
    pub line: usize,
    /// Why, and what stood there.
    pub reason: String,
}

/// Why a list cannot be used at all.
#[derive(Debug, Error)]
pub enum FeedError {
    /// The file cannot be read.
    #[error("{}: cannot read the list of indicators: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// The file is no text.
    #[error("{}: not a list of indicators: it is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file is too large.
    #[error("{}: not a list of indicators: {size} bytes are more than the {LARGEST} that one may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it is.
        size: u64,
    },
    /// Not one indicator in it.
    #[error(
        "{}: no indicator in this file{}", path.display(),
        first_refusal.as_ref().map(|refusal| format!("; {refusal}")).unwrap_or_default()
    )]
    Empty {
        /// The file.
        path: PathBuf,
        /// What stood there instead, if anything.
        first_refusal: Option<Refusal>,
    },
}

/// Reads a list from a file.
pub fn read(path: &Path) -> Result<Feed, FeedError> {
    let unreadable = |error| FeedError::Unreadable { path: path.to_owned(), error };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(FeedError::TooLarge { path: path.to_owned(), size });
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| FeedError::NotText { path: path.to_owned() })?;
    let source = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let feed = parse(text, &source);
    if feed.indicators.is_empty() {
        return Err(FeedError::Empty { path: path.to_owned(), first_refusal: feed.refusals.into_iter().next() });
    }
    Ok(feed)
}

/// Reads a list from a text; `source` is what its indicators give as their source.
pub fn parse(text: &str, source: &str) -> Feed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let format = FORMATS.iter().find(|format| (format.recognises)(text)).unwrap_or(&plain::FORMAT);
    Feed { format: format.name, ..(format.read)(text, source) }
}
