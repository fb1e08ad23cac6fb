//! Remote-access tools: how the sensor recognizes their protocols, and what alerts say about them.
//!
//! A tool is one file in this folder and one line in the table [`TOOLS`]. Its row says which
//! requests, answers and segments belong to it, and gives its name, its signatures and its
//! sentences. Everything else about a tool (reassembly, sessions, exclusions, repeats) is the same
//! for all of them and lives in `scan` and `track`.
//!
//! A tool by itself is lawful or not: the protocol only proves that it is in use.

mod netsupport;
mod tool;

pub use tool::{
    HttpRecognizer, ListedServer, Lookup, MessageKind, Recognized, SegmentRecognizer, Tool, ToolActivity, ToolId,
    ToolMessage, ToolSignature, ToolUse, may_begin_segment, mentions_any, names, recognize_answer, recognize_request,
    recognize_segment, segment_first_bytes,
};

/// All tools. Their order is the order of their signatures in summaries and metrics.
pub static TOOLS: [Tool; 1] = [netsupport::TOOL];
