//! The row of the tool table, and the functions that ask every row.

use std::net::IpAddr;

use memchr::memmem;

use super::TOOLS;
use crate::flow::End;
use crate::indicator::Indicator;
use crate::protocol::http;

/// A remote-access tool whose protocol the sensor recognizes.
#[derive(Debug)]
pub struct Tool {
    /// The name of the application in alerts.
    pub application: &'static str,
    /// Traffic with a server that an indicator lists, or in a connection that named one.
    pub session: ToolSignature,
    /// Traffic with a server about which nothing is listed.
    pub gateway: ToolSignature,
    /// A lookup by which the tool's client gives itself away, if it makes one.
    pub lookup: Option<Lookup>,
    /// The match basis of a request, as published in alerts.
    pub request_basis: &'static str,
    /// The match basis of an answer without a request, as published in alerts.
    pub answer_basis: &'static str,
    /// Recognizes the tool in HTTP heads.
    pub http: Option<HttpRecognizer>,
    /// Recognizes the tool by the first bytes of a segment that begins with no head of another
    /// protocol.
    pub segment: Option<SegmentRecognizer>,
    /// Writes the sentence of an alert for traffic of this tool.
    pub sentence: fn(&ToolUse<'_>) -> String,
}

/// The published texts of one signature.
#[derive(Debug)]
pub struct ToolSignature {
    /// The identifier: the CEF header's fifth field.
    pub id: &'static str,
    /// The name: the CEF header's sixth field.
    pub activity: &'static str,
    /// The severity, 0 to 10. It does not depend on an indicator's confidence.
    pub severity: u8,
}

/// A lookup of a tool's client.
#[derive(Debug)]
pub struct Lookup {
    /// Its signature.
    pub signature: ToolSignature,
    /// Writes the sentence of an alert for a lookup by this client.
    pub sentence: fn(IpAddr) -> String,
}

/// Recognizes a tool in HTTP heads.
#[derive(Debug)]
pub struct HttpRecognizer {
    /// Bytes that every answer's head contains. Answers without them are not parsed.
    pub answer_marker: &'static [u8],
    /// Reads a request's head, with the part of its body that is there.
    pub request: fn(&http::Request<'_>, &[u8]) -> Option<ToolMessage>,
    /// Reads an answer's head, with the part of its body that is there.
    pub answer: fn(&http::Response<'_>, &[u8]) -> Option<ToolMessage>,
}

/// Recognizes a tool by the first bytes of a segment.
#[derive(Debug)]
pub struct SegmentRecognizer {
    /// The bytes that such a segment begins with.
    pub prefix: &'static [u8],
    /// Reads a segment that begins with the prefix.
    pub read: fn(&[u8]) -> Option<ToolMessage>,
}

/// The kind of a tool's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A request of the client, the computer that is controlled.
    Request,
    /// An answer of the server.
    Answer,
    /// A body without its head. Any program could write the same bytes, so it counts only in a
    /// connection that already showed a request or an answer.
    Body,
    /// A lookup: see [`Tool::lookup`].
    Lookup,
}

/// A message of a tool's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolMessage {
    /// Its kind.
    pub kind: MessageKind,
    /// The command in it.
    pub command: Option<String>,
    /// The version of the server, in its answers.
    pub version: Option<String>,
}

/// A message, and the tool that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognized {
    /// The tool.
    pub tool: ToolId,
    /// The message.
    pub message: ToolMessage,
}

/// The use of a tool that an alert is about.
#[derive(Debug, Clone, Copy)]
pub struct ToolUse<'a> {
    /// The computer that is controlled.
    pub client: IpAddr,
    /// The server. It may be a proxy.
    pub server: End,
    /// The indicator of the connection, if there is one.
    pub listed: Option<ListedServer<'a>>,
    /// The latest command.
    pub command: Option<&'a str>,
    /// The version of the server.
    pub version: Option<&'a str>,
}

/// What is listed about a tool's connection.
#[derive(Debug, Clone, Copy)]
pub struct ListedServer<'a> {
    /// The indicator.
    pub indicator: &'a Indicator,
    /// True if the connection named the listed server, and its own server is another one (a proxy).
    pub is_named: bool,
}

/// The kinds of signatures that a tool has, in the order of [`crate::alert::Signature::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ToolActivity {
    /// See [`Tool::session`].
    Session,
    /// See [`Tool::gateway`].
    Gateway,
    /// See [`Tool::lookup`].
    Lookup,
}

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

    /// The published texts of one of its signatures. For a lookup of a tool that makes none, those of
    /// [`Tool::gateway`].
    pub const fn signature(self, activity: ToolActivity) -> &'static ToolSignature {
        let tool = self.tool();
        match (activity, &tool.lookup) {
            (ToolActivity::Session, _) => &tool.session,
            (ToolActivity::Lookup, Some(lookup)) => &lookup.signature,
            _ => &tool.gateway,
        }
    }
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

/// Returns true if a segment begins with the prefix of any [`SegmentRecognizer`].
pub fn may_begin_segment(segment: &[u8]) -> bool {
    TOOLS.iter().filter_map(|tool| tool.segment.as_ref()).any(|recognizer| segment.starts_with(recognizer.prefix))
}

/// Returns true if an answer contains the marker of any [`HttpRecognizer`].
pub fn mentions_any(answer: &[u8]) -> bool {
    let mut markers = TOOLS.iter().filter_map(|tool| tool.http.as_ref()).map(|http| http.answer_marker);
    markers.any(|marker| memmem::find(answer, marker).is_some())
}

/// The first byte of the prefix of every [`SegmentRecognizer`].
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
