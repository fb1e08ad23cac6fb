//! Segments that begin with a message of a remote-access tool, but with no head of another
//! protocol.

use super::protocol::{AppLayer, AppProtocol, HeadSink, Recognition, Stream, StreamParse, StreamReader};
use crate::scan::{FindingKind, ToolSighting};
use crate::tools;

/// The row of the protocol table, for all tools.
pub(super) const PROTOCOL: AppProtocol<StreamReader> = AppProtocol {
    recognition: Recognition::FirstBytes { first: &tools::segment_first_bytes(), may_begin: tools::may_begin_segment },
    reader: StreamReader { read, read_so_far: None },
};

fn read(_: &mut AppLayer<'_>, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
    if let Some(recognized) = tools::recognize_segment(stream.bytes) {
        let sighting = ToolSighting { recognized, http: None };
        sink.report(stream.bytes.len(), FindingKind::Tool(Box::new(sighting)));
    }
    StreamParse::Other
}
