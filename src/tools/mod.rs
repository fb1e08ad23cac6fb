//! Remote-access tools: how the sensor recognizes their protocols, and what alerts say about them.
//!
//! A tool is one file in this folder and one line in the table [`TOOLS`]. The row says which
//! requests, answers and segments belong to it, and gives its name, its signatures and its
//! sentences. Everything else about a tool (reassembly, sessions, exclusions, repeats) is the same
//! for all of them and lives in `scan` and `track`.
//!
//! A tool by itself is lawful or not: the protocol only proves that it is in use.

mod netsupport;
mod table;
mod tool;

pub use table::{
    Recognized, TOOLS, ToolId, may_begin_segment, mentions_any, names, recognize_answer, recognize_request,
    recognize_segment, segment_first_bytes,
};
pub use tool::{
    HttpRecognizer, ListedServer, Lookup, MessageKind, SegmentRecognizer, Tool, ToolActivity, ToolMessage,
    ToolSignature, ToolUse,
};
