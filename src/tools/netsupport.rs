//! NetSupport Manager's gateway protocol: a client posts to its gateway over HTTP, and the gateway
//! answers.
//!
//! A client's request is a POST to `/fakeurl.htm` with `User-Agent: NetSupport Manager/1.3`. An
//! answer has `Server: NetSupport Gateway/1.92 (Windows NT)`. Both end their lines with a bare LF,
//! and both have bodies of lines such as `CMD=POLL`. This was observed in real sessions; the vendor
//! has published no specification.
//!
//! A message counts as NetSupport if the name stands at the start of the field in which a program
//! names itself (`User-Agent` of a request, `Server` of an answer), or if a request goes to the
//! gateway's path with a body that starts with a command. Pages, links, searches and other programs
//! that only mention the name do not count. A scanner that imitates a client speaks the protocol,
//! and counts.

use std::net::IpAddr;

use super::tool::{HttpRecognizer, Lookup, MessageKind, SegmentRecognizer, Tool, ToolMessage, ToolSignature, ToolUse};
use crate::indicator::Indicator;
use crate::protocol::authority::{Authority, Host};
use crate::protocol::http;

/// The row of the tool table.
pub(super) const TOOL: Tool = Tool {
    application: "NetSupport",
    session: ToolSignature {
        id: "netsupport-session",
        activity: "NetSupport session with a C2 endpoint",
        severity: 10,
    },
    gateway: ToolSignature { id: "netsupport-gateway", activity: "NetSupport gateway traffic", severity: 6 },
    lookup: Some(Lookup {
        signature: ToolSignature {
            id: "netsupport-geolocation",
            activity: "NetSupport geolocation lookup",
            severity: 2,
        },
        sentence: |client: IpAddr| format!("A NetSupport client starts on {client}: it asks where it is"),
    }),
    request_basis: "netsupport-request",
    answer_basis: "netsupport-answer",
    http: Some(HttpRecognizer { answer_marker: b"NetSupport", request, answer }),
    segment: Some(SegmentRecognizer { prefix: COMMAND, read: body }),
    sentence,
};

/// The name of every client.
const CLIENT: &[u8] = b"NetSupport Manager";
/// The name of every gateway.
const GATEWAY: &[u8] = b"NetSupport Gateway";
/// The path that every client posts to.
const GATEWAY_PATH: &[u8] = b"/fakeurl.htm";
/// The start of a body's first line.
const COMMAND: &[u8] = b"CMD=";
/// The commands seen so far: a client's first message, enciphered data, an older gateway's answer,
/// and a message that keeps the connection open.
const KNOWN_COMMANDS: [&str; 4] = ["POLL", "ENCD", "ACK", "HEARTBEAT"];
/// The host that a client asks for its country each time it starts, and the path of that request.
const GEOLOCATION_HOST: &[u8] = b"geo.netsupportsoftware.com";
const GEOLOCATION_PATH: &[u8] = b"/location/loca.asp";
/// The longest command: the longest one seen has 9 letters (`HEARTBEAT`).
const LONGEST_COMMAND: usize = 16;
/// The longest version: the longest one seen has 4 bytes (`1.92`).
const LONGEST_VERSION: usize = 16;

/// The command in a body's first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Command<'a> {
    /// 2 to 16 capital letters.
    token: &'a str,
    is_known: bool,
}

impl<'a> Command<'a> {
    fn of(token: &'a [u8]) -> Option<Self> {
        if !(2..=LONGEST_COMMAND).contains(&token.len()) || !token.iter().all(u8::is_ascii_uppercase) {
            return None;
        }
        let token = str::from_utf8(token).ok()?;
        Some(Self { token, is_known: KNOWN_COMMANDS.contains(&token) })
    }
}

fn message(kind: MessageKind, command: Option<Command<'_>>, version: Option<&str>) -> ToolMessage {
    let command = command.map(|command| command.token.to_owned());
    ToolMessage { kind, command, version: version.map(str::to_owned) }
}

/// The message in a request that a NetSupport client sends. `body` is the part of the body that is
/// there.
fn request(request: &http::Request<'_>, body: &[u8]) -> Option<ToolMessage> {
    // This request does not go to a gateway, whatever the client calls itself in it.
    if is_geolocation(request) {
        return Some(message(MessageKind::Lookup, None, None));
    }
    let command = first_command(body);
    let is_client = request.user_agent.is_some_and(|text| names_itself(text, CLIENT));
    let is_recognized = is_client || (command.is_some() && is_for_gateway(request));
    is_recognized.then(|| message(MessageKind::Request, command, None))
}

/// The message in an answer that a NetSupport gateway sends. `body` is the part of the body that is
/// there.
fn answer(answer: &http::Response<'_>, body: &[u8]) -> Option<ToolMessage> {
    let server = answer.server.filter(|text| names_itself(text, GATEWAY))?;
    let version = version(server.get(GATEWAY.len()..).unwrap_or_default());
    Some(message(MessageKind::Answer, first_command(body), version))
}

/// Returns true for a POST to the path of every gateway. That alone is not enough to recognize
/// NetSupport.
fn is_for_gateway(request: &http::Request<'_>) -> bool {
    request.method == b"POST"
        && request.path().is_some_and(|path| {
            let start = path.len().saturating_sub(GATEWAY_PATH.len());
            path.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(GATEWAY_PATH))
        })
}

/// The message in a segment that starts with a body: a known command, the whole of its line, and
/// nothing but `NAME=` at the start of the next line.
fn body(segment: &[u8]) -> Option<ToolMessage> {
    let CommandLine { command, rest } = command_line(segment)?;
    let next = rest.filter(|_| command.is_known)?;
    let name = next.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let continues = next.is_empty() || (name > 0 && next.get(name).is_none_or(|&byte| byte == b'='));
    continues.then(|| message(MessageKind::Body, Some(command), None))
}

/// Returns true if a client asks for the country that it is in.
fn is_geolocation(request: &http::Request<'_>) -> bool {
    let Some(path) = request.path() else { return false };
    let path = path.split(|&byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    path.eq_ignore_ascii_case(GEOLOCATION_PATH)
        && matches!(request.authority(), Some(Authority { host: Host::Name(name), .. }) if name.eq_ignore_ascii_case(GEOLOCATION_HOST))
}

/// Returns true if the text starts with the name as a whole word.
fn names_itself(text: &[u8], name: &[u8]) -> bool {
    text.strip_prefix(name).is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
}

fn version(after_name: &[u8]) -> Option<&str> {
    let text = after_name.strip_prefix(b"/")?;
    let length = text.iter().take_while(|&&byte| byte.is_ascii_digit() || byte == b'.').count();
    let version = text.get(..length).filter(|version| (1..=LONGEST_VERSION).contains(&version.len()))?;
    str::from_utf8(version).ok()
}

/// The command that a body starts with. A known command may be the last thing there; any other
/// could be cut.
fn first_command(body: &[u8]) -> Option<Command<'_>> {
    let CommandLine { command, rest } = command_line(body)?;
    (rest.is_some() || command.is_known).then_some(command)
}

/// A body's first line.
struct CommandLine<'a> {
    command: Command<'a>,
    /// The bytes after the line, if the line is whole.
    rest: Option<&'a [u8]>,
}

fn command_line(body: &[u8]) -> Option<CommandLine<'_>> {
    let text = body.strip_prefix(COMMAND)?;
    let length = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let (token, rest) = text.split_at_checked(length)?;
    let command = Command::of(token)?;
    let rest = match rest {
        [] | [b'\r'] => None,
        [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] => Some(after),
        _ => return None,
    };
    Some(CommandLine { command, rest })
}

fn sentence(usage: &ToolUse<'_>) -> String {
    let mut text = format!("{} speaks NetSupport with {}", usage.client, usage.server);
    match usage.listed {
        Some(listed) if listed.is_named => {
            text += &format!(", where it named a C2 server ({})", listed.indicator.pattern);
        }
        Some(listed) => text += &format!(", a C2 server ({})", listed.indicator.pattern),
        None => text += ", a gateway that is not listed",
    }
    text += usage.listed.map(|listed| listed.indicator).map_or("", Indicator::remark);
    if let Some(command) = usage.command {
        text += &format!("; command {command}");
    }
    if let Some(version) = usage.version {
        text += &format!("; gateway version {version}");
    }
    text
}

#[cfg(test)]
mod tests;
