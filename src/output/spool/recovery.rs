//! Recovery of the segments that an earlier run left.

use std::collections::VecDeque;
use std::io;

use super::folder::{EMPTY_SEGMENT, SegmentFile, SpoolFolder, read_record};
use super::state::Segment;
use crate::output::event::{Event, EventReporter};
use crate::units::ByteCount;

/// Returns the segments that hold undelivered records, and removes the others.
///
/// Only the last segment can end with an incomplete record, which is cut off. New records go to a
/// new segment.
pub fn recover(folder: &SpoolFolder, checkpoint: u64, reporter: &EventReporter) -> io::Result<VecDeque<Segment>> {
    let files = folder.segments()?;
    let mut segments = VecDeque::new();
    for (index, &SegmentFile { first, length }) in files.iter().enumerate() {
        let segment = match files.get(index + 1) {
            // Damage in an earlier segment shows when it is read.
            Some(next) => Segment { first, end: next.first, bytes: length },
            None => intact_part(folder, first, length)?,
        };
        if segment.bytes < length {
            reporter.report(Event::TornRecord {
                file: folder.segment_path(first),
                offset: ByteCount(segment.bytes),
                bytes: ByteCount(length - segment.bytes),
            });
            folder.truncate_segment(first, segment.bytes)?;
        }
        if segment.end <= checkpoint || segment.end == first {
            folder.remove_segment(first)?;
        } else {
            segments.push_back(segment);
        }
    }
    Ok(segments)
}

/// Returns the part of a segment file up to its last intact record.
fn intact_part(folder: &SpoolFolder, first: u64, length: u64) -> io::Result<Segment> {
    let file = folder.open_segment(first)?;
    let (mut number, mut offset) = (first, EMPTY_SEGMENT);
    loop {
        match read_record(&file, offset, length) {
            Ok(record) if record.number == number => {
                number += 1;
                offset += record.size();
            }
            Ok(_) => break,
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(Segment { first, end: number, bytes: offset.min(length) })
}
