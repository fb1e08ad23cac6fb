//! Opens inputs: detects the format, and starts a decompressor if the input is compressed.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use flate2::bufread::MultiGzDecoder;

use crate::capture::error::{CaptureError, CaptureOffset};
use crate::capture::file::decompress::Decompressed;
use crate::capture::file::progress::ProgressReader;
use crate::capture::file::reader::{ByteStream, CaptureReader};
use crate::capture::format::{FileFormat, MAGIC_LENGTH, Parser};
use crate::capture::inputs::Input;

/// The read size for compressed files. With this size the calls cost nothing compared to the
/// decompression.
pub(super) const COMPRESSED_READ_SIZE: usize = 256 << 10;

/// The read size if only the beginning is needed.
const BEGINNING_READ_SIZE: usize = 8 << 10;

/// Opens the input with this number in the list of inputs.
pub(in crate::capture) fn open_input(
    input: &Input,
    number: usize,
    progress: &Arc<AtomicU64>,
) -> Result<CaptureReader, CaptureError> {
    let path = match input {
        Input::Stdin => PathBuf::from("-"),
        Input::File(path) => path.clone(),
    };
    let opened = match input {
        // The descriptor itself: the standard library's handle has a buffer of its own.
        Input::Stdin => io::stdin().as_fd().try_clone_to_owned().map(File::from),
        Input::File(path) => File::open(path),
    };
    match opened.and_then(|file| file.metadata().map(|metadata| (file, metadata))) {
        Ok((file, metadata)) => {
            let length = if metadata.is_file() { metadata.len() } else { 0 };
            let file = ProgressReader::new(file, length, Arc::clone(progress));
            let reader = open_stream(path, file, !metadata.is_file())?;
            Ok(reader.with_input_number(u32::try_from(number).unwrap_or(u32::MAX)))
        }
        Err(error) => Err(CaptureError::Open { path, error }),
    }
}

/// Opens a stream of bytes. It is decompressed ahead, on a thread of its own. `is_streamed` stands
/// for a pipe or a connection: each frame is handed on as soon as it is complete.
pub(super) fn open_stream(
    path: PathBuf,
    mut stream: impl Read + Send + 'static,
    is_streamed: bool,
) -> Result<CaptureReader, CaptureError> {
    let failed = |error| CaptureError::Read { path: path.clone(), offset: CaptureOffset::default(), error };
    let head = read_head(&mut stream).map_err(failed)?;
    let format = FileFormat::detect(&head);
    if !matches!(format, FileFormat::Gzip | FileFormat::Zstd) {
        return uncompressed(
            &path,
            ByteStream { bytes: Box::new(stream), is_streamed, is_decompressed: false },
            head,
            format,
        );
    }
    let decoder = decoder(&format, Cursor::new(head).chain(stream), COMPRESSED_READ_SIZE);
    let decompressed = decoder.and_then(|decoder| Decompressed::new(decoder, is_streamed));
    let mut stream = decompressed.map_err(failed)?;
    let head = read_head(&mut stream).map_err(failed)?;
    let format = FileFormat::detect(&head);
    uncompressed(&path, ByteStream { bytes: Box::new(stream), is_streamed, is_decompressed: true }, head, format)
}

/// Opens a file of which only the beginning is needed. It is decompressed as it is read, without a
/// thread.
pub(in crate::capture) fn open_beginning(path: &Path, mut file: File) -> Result<CaptureReader, CaptureError> {
    let failed = |error| CaptureError::Read { path: path.to_owned(), offset: CaptureOffset::default(), error };
    let head = read_head(&mut file).map_err(failed)?;
    let format = FileFormat::detect(&head);
    if !matches!(format, FileFormat::Gzip | FileFormat::Zstd) {
        return uncompressed(
            path,
            ByteStream { bytes: Box::new(file), is_streamed: false, is_decompressed: false },
            head,
            format,
        );
    }
    let mut bytes = decoder(&format, Cursor::new(head).chain(file), BEGINNING_READ_SIZE).map_err(failed)?;
    let head = read_head(&mut bytes).map_err(failed)?;
    let format = FileFormat::detect(&head);
    uncompressed(path, ByteStream { bytes, is_streamed: false, is_decompressed: true }, head, format)
}

/// Makes a reader for a stream of which the head was already read.
fn uncompressed(
    path: &Path,
    stream: ByteStream,
    head: Vec<u8>,
    format: FileFormat,
) -> Result<CaptureReader, CaptureError> {
    let path = path.to_owned();
    let (parser, carry) = match (format, head.first_chunk()) {
        (FileFormat::Pcap, Some(header)) => match Parser::pcap(header) {
            Ok(parser) => (parser, Vec::new()),
            Err(reason) => return Err(CaptureError::Unsupported { path, reason }),
        },
        (FileFormat::Pcap, None) => {
            let reason = "a pcap file cut short within its file header".to_owned();
            return Err(CaptureError::NotCapture { path, reason });
        }
        (FileFormat::Pcapng, _) => (Parser::pcapng(), head),
        (FileFormat::Gzip | FileFormat::Zstd, _) => {
            let reason = "it is compressed twice: decompress it once first".to_owned();
            return Err(CaptureError::NotCapture { path, reason });
        }
        (FileFormat::Other(description), _) => {
            let reason = if stream.is_decompressed { format!("decompressed, {description}") } else { description };
            return Err(CaptureError::NotCapture { path, reason });
        }
    };
    let start = if carry.is_empty() { MAGIC_LENGTH as u64 } else { 0 };
    Ok(CaptureReader::new(path, stream, parser, carry, start))
}

/// A decompressor that reads so many bytes at a time.
fn decoder(
    format: &FileFormat,
    compressed: impl Read + Send + 'static,
    read_size: usize,
) -> io::Result<Box<dyn Read + Send>> {
    let compressed = BufReader::with_capacity(read_size, compressed);
    Ok(match format {
        FileFormat::Gzip => Box::new(MultiGzDecoder::new(compressed)),
        _ => Box::new(zstd::Decoder::with_buffer(compressed)?),
    })
}

/// Reads the first [`MAGIC_LENGTH`] bytes of a stream, or all bytes of a shorter one.
fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(MAGIC_LENGTH);
    stream.take(MAGIC_LENGTH as u64).read_to_end(&mut head)?;
    Ok(head)
}
