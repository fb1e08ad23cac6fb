//! The hosts that HTTP requests name, and the messages of remote-access tools in requests and
//! answers.

use std::net::IpAddr;

use arrayvec::ArrayVec;
use memchr::memmem;

use super::first_bytes::byte_range;
use super::names::NamedHost;
use super::protocol::{AppLayer, AppProtocol, HeadSink, Recognition, Stream, StreamParse, StreamReader};
use crate::protocol::http::{self, BodyLength, PipelinedRequest, Request, Response};
use crate::protocol::parse_result::ParseResult;
use crate::scan::{FindingKind, HttpFacts, NameBasis, ToolSighting};
use crate::tools::{self, Recognized};

/// The row of the protocol table. Methods and versions begin with a capital letter.
pub(super) const PROTOCOL: AppProtocol<StreamReader> = AppProtocol {
    recognition: Recognition::FirstBytes { first: &byte_range(b'A', b'Z'), may_begin },
    reader: StreamReader { read, read_so_far: Some(read_so_far) },
};

/// The `Host` of a request.
pub static HOST: NameBasis = NameBasis { token: "http-host", application: "HTTP", phrase: "in HTTP" };

/// The absolute target of a request to a proxy.
pub static TARGET: NameBasis = NameBasis { token: "http-target", application: "HTTP", phrase: "in HTTP" };

/// The target of a `CONNECT` request.
pub static CONNECT: NameBasis = NameBasis { token: "http-connect", application: "HTTP", phrase: "as an HTTP proxy" };

/// The longest rest of a body that is skipped to reach the head behind it. The bodies of a tool
/// have some hundred bytes. A client that sends a longer one waits for the answer before its next
/// request, which then begins in a segment of its own.
const LONGEST_BODY: u64 = 16 << 10;

fn may_begin(bytes: &[u8]) -> bool {
    http::may_be_request(bytes) || http::may_be_response(bytes)
}

fn read(app_layer: &mut AppLayer<'_>, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
    if !http::may_be_response(stream.bytes) {
        return read_requests(app_layer, stream, sink);
    }
    if is_of_no_tool(stream.bytes) {
        return StreamParse::Whole;
    }
    match http::parse_response(stream.bytes) {
        ParseResult::Mismatch => read_requests(app_layer, stream, sink),
        _ => read_answers(stream.bytes, sink),
    }
}

fn read_so_far(app_layer: &mut AppLayer<'_>, stream: Stream<'_>, report: &mut dyn FnMut(FindingKind)) {
    if http::may_be_response(stream.bytes) {
        if let Some(answer) = http::parse_response_so_far(stream.bytes)
            && let Some(recognized) = tools::recognize_answer(&answer, &[])
        {
            report(answer_finding(&answer, recognized));
        }
    } else if let Some(request) = http::parse_request_so_far(stream.bytes) {
        read_request(app_layer, &request, &[], stream.destination(), report);
    }
}

/// Returns true if a segment that begins with an answer contains all of its head and the marker of
/// no tool. Nearly all answers do, and need no parsing.
fn is_of_no_tool(segment: &[u8]) -> bool {
    let contains = |text: &[u8]| memmem::find(segment, text).is_some();
    !tools::mentions_any(segment) && (contains(b"\n\r\n") || contains(b"\n\n"))
}

/// Reads requests, each behind the body of the one before it.
fn read_requests(app_layer: &mut AppLayer<'_>, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
    let length = stream.bytes.len();
    let mut requests = http::requests(stream.bytes);
    let mut result = StreamParse::Other;
    while let Some(part) = requests.next() {
        match part {
            PipelinedRequest::Complete { request, body } => {
                let end = length - requests.rest().len() - body.len();
                let mut report = |kind| sink.report(end, kind);
                read_request(app_layer, &request, body, stream.destination(), &mut report);
                result = StreamParse::Whole;
            }
            PipelinedRequest::Incomplete(rest) => return StreamParse::Partial(length - rest.len()),
        }
    }
    behind_body(length, requests.missing_body()).unwrap_or(result)
}

fn read_request(
    app_layer: &mut AppLayer<'_>,
    request: &Request<'_>,
    body: &[u8],
    destination: IpAddr,
    report: &mut dyn FnMut(FindingKind),
) {
    let names = &mut app_layer.names;
    let target_basis = if request.is_connect() { &CONNECT } else { &TARGET };
    if names.all_names {
        names.report_all(&named_hosts(request, target_basis), report);
    }
    let target = request.target_authority().map(|authority| (authority, target_basis));
    let host = request.host().map(|authority| (authority, &HOST));
    let mut reported = None;
    for (authority, basis) in target.into_iter().chain(host) {
        // Target and `Host` mostly name the same.
        if reported != Some(authority) {
            names.report_listed(&authority, basis, destination, Some(request), report);
        }
        reported = Some(authority);
    }
    if let Some(recognized) = tools::recognize_request(request, body) {
        let http = Some(HttpFacts::of_request(request));
        report(FindingKind::Tool(Box::new(ToolSighting { recognized, http })));
    }
}

fn named_hosts<'a>(request: &Request<'a>, target_basis: &'static NameBasis) -> ArrayVec<NamedHost<'a>, 2> {
    let target = request.target_authority();
    let target = target.map(|target| NamedHost { basis: target_basis, authority: Some(target), text: &[] });
    let host = request.raw_host.map(<[u8]>::trim_ascii).filter(|text| !text.is_empty());
    let host = host.map(|text| NamedHost { basis: &HOST, authority: request.host(), text });
    target.into_iter().chain(host).collect()
}

/// Reads the answers of a tool's server, each behind the body of the one before it.
fn read_answers(bytes: &[u8], sink: &mut HeadSink<'_>) -> StreamParse {
    let mut start = 0;
    let mut result = StreamParse::Other;
    while let Some(rest) = bytes.get(start..).filter(|rest| http::may_be_response(rest)) {
        let (answer, head_length) = match http::parse_response(rest) {
            ParseResult::Complete(answer, length) => (answer, length),
            ParseResult::Incomplete => return StreamParse::Partial(start),
            ParseResult::Mismatch => return result,
        };
        result = StreamParse::Whole;
        let body = rest.get(head_length..).unwrap_or_default();
        let Some(recognized) = tools::recognize_answer(&answer, body) else { return result };
        sink.report(start + head_length, answer_finding(&answer, recognized));
        let BodyLength::Known(body_length) = answer.body_length() else { return result };
        match body_length.checked_sub(body.len() as u64) {
            Some(missing @ 1..) => return behind_body(bytes.len(), missing).unwrap_or(result),
            _ => {
                let head_end = start + head_length;
                start = head_end.saturating_add(usize::try_from(body_length).unwrap_or(usize::MAX));
            }
        }
    }
    result
}

fn answer_finding(answer: &Response<'_>, recognized: Recognized) -> FindingKind {
    let agent = answer.server.unwrap_or_default().to_vec();
    let http = Some(HttpFacts { agent, ..HttpFacts::default() });
    FindingKind::Tool(Box::new(ToolSighting { recognized, http }))
}

/// The head behind a body of which so many bytes are missing after so many others; `None` if
/// nothing is missing, or too much to wait for.
fn behind_body(length: usize, missing: u64) -> Option<StreamParse> {
    (1..=LONGEST_BODY).contains(&missing).then_some(StreamParse::Partial(length + missing as usize))
}
