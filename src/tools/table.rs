//! The tool table, and the functions that ask every row.

use memchr::memmem;

use super::tool::{Tool, ToolActivity, ToolMessage, ToolSignature};
use crate::protocol::http;

/// All tools. Their order is the order of their signatures in summaries and metrics.
pub static TOOLS: &[Tool] = &[super::netsupport::TOOL];

/// A tool: its index in [`TOOLS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolId(u8);

impl ToolId {
    /// The tool at this index of [`TOOLS`].
    pub(crate) const fn new(index: usize) -> Self {
        assert!(index < TOOLS.len());
        Self(index as u8)
    }

    /// The tool with this application name.
    pub fn find(application: &str) -> Option<Self> {
        TOOLS.iter().position(|tool| tool.application == application).map(Self::new)
    }

    /// The row of the table.
    pub const fn tool(self) -> &'static Tool {
        &TOOLS[self.0 as usize]
    }

    /// The published texts of one of its signatures. For a lookup of a tool that makes none, those
    /// of [`Tool::gateway`].
    pub const fn signature(self, activity: ToolActivity) -> &'static ToolSignature {
        let tool = self.tool();
        match (activity, &tool.lookup) {
            (ToolActivity::Session, _) => &tool.session,
            (ToolActivity::Lookup, Some(lookup)) => &lookup.signature,
            _ => &tool.gateway,
        }
    }
}

/// A message, and the tool that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognized {
    /// The tool.
    pub tool: ToolId,
    /// The message.
    pub message: ToolMessage,
}

/// The application names of all tools, in one phrase: `NetSupport`.
pub fn names() -> String {
    TOOLS.iter().map(|tool| tool.application).collect::<Vec<_>>().join(" or ")
}

/// Asks every tool for its message; the first one that recognizes one has it.
fn recognize(read: impl Fn(&'static Tool) -> Option<ToolMessage>) -> Option<Recognized> {
    let found = |(index, tool)| Some(Recognized { tool: ToolId::new(index), message: read(tool)? });
    TOOLS.iter().enumerate().find_map(found)
}

/// The message in a request's head, with the part of its body that is there.
pub fn recognize_request(request: &http::Request<'_>, body: &[u8]) -> Option<Recognized> {
    recognize(|tool| (tool.http.as_ref()?.request)(request, body))
}

/// The message in an answer's head, with the part of its body that is there.
pub fn recognize_answer(answer: &http::Response<'_>, body: &[u8]) -> Option<Recognized> {
    recognize(|tool| (tool.http.as_ref()?.answer)(answer, body))
}

/// The message that a segment begins with.
pub fn recognize_segment(segment: &[u8]) -> Option<Recognized> {
    recognize(|tool| {
        let recognizer = tool.segment.as_ref().filter(|recognizer| segment.starts_with(recognizer.prefix))?;
        (recognizer.read)(segment)
    })
}

/// Returns true if a segment begins with the prefix of any `SegmentRecognizer`.
pub fn may_begin_segment(segment: &[u8]) -> bool {
    TOOLS.iter().filter_map(|tool| tool.segment.as_ref()).any(|recognizer| segment.starts_with(recognizer.prefix))
}

/// Returns true if an answer contains the marker of any `HttpRecognizer`.
pub fn mentions_any(answer: &[u8]) -> bool {
    let mut markers = TOOLS.iter().filter_map(|tool| tool.http.as_ref()).map(|http| http.answer_marker);
    markers.any(|marker| memmem::find(answer, marker).is_some())
}

/// The first byte of the prefix of every `SegmentRecognizer`.
pub const fn segment_first_bytes() -> [bool; 256] {
    let mut first_bytes = [false; 256];
    let mut index = 0;
    while index < TOOLS.len() {
        if let Some(recognizer) = &TOOLS[index].segment
            && let [first, ..] = recognizer.prefix
        {
            first_bytes[*first as usize] = true;
        }
        index += 1;
    }
    first_bytes
}
