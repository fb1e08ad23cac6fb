//! The row of the tool table.

use std::net::IpAddr;

use crate::flow::Endpoint;
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

/// The use of a tool that an alert is about.
#[derive(Debug, Clone, Copy)]
pub struct ToolUse<'a> {
    /// The computer that is controlled.
    pub client: IpAddr,
    /// The server. It may be a proxy.
    pub server: Endpoint,
    /// The indicator of the connection, if there is one.
    pub listed: Option<ListedServer<'a>>,
    /// The latest command.
    pub command: Option<&'a str>,
    /// The version of the server.
    pub version: Option<&'a str>,
}

/// The listed facts about a tool's connection.
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
