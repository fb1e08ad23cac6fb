//! NetSupport Manager's gateway protocol: HTTP by which a client posts to its gateway, and that gateway's answers.
//!
//! The client's requests are a POST to `/fakeurl.htm` with `User-Agent: NetSupport Manager/1.3`, the answers bear
//! `Server: NetSupport Gateway/1.92 (Windows NT)`, the lines of both end in a bare LF, and the bodies are lines such as
//! `CMD=POLL`. Bytes of real sessions say so; the vendor has published no specification.
//!
//! What is enough to call it NetSupport: the name at the start of the one field in which a program names itself
//! (`User-Agent` of a request, `Server` of a response); or the gateway's path with a body that starts with a command. Pages,
//! links, searches and other programs that only mention the name are none of these. A scanner that poses as a client speaks
//! the protocol, and counts.
//!
//! It means remote control by this product, lawful or not.

use super::authority::{Authority, Host};
use super::http;

/// How every client calls itself.
const CLIENT: &[u8] = b"NetSupport Manager";
/// How every gateway calls itself.
const GATEWAY: &[u8] = b"NetSupport Gateway";
/// What every client posts to.
const GATEWAY_PATH: &[u8] = b"/fakeurl.htm";
/// Where a client asks, each time it starts, in which country it is.
const GEOLOCATION_HOST: &[u8] = b"geo.netsupportsoftware.com";
const GEOLOCATION_PATH: &[u8] = b"/location/loca.asp";
/// The longest command: the longest one seen has 9 letters (`HEARTBEAT`).
const LONGEST_COMMAND: usize = 16;
/// The longest version: the longest one seen has 4 bytes (`1.92`).
const LONGEST_VERSION: usize = 16;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The computer that is controlled: it opens the connection.
    Client,
    /// The gateway, behind which those who control it sit.
    Gateway,
}

/// What a body's first line says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// `POLL`: a client's first word.
    Poll,
    /// `ENCD`: enciphered data follow.
    Encd,
    /// `ACK`: an older gateway's answer.
    Ack,
    /// `HEARTBEAT`: the connection is kept.
    Heartbeat,
    /// One not seen so far: 2 to 16 capital letters.
    Other(&'a str),
}

impl<'a> Command<'a> {
    /// The word on the wire.
    pub fn token(&self) -> &'a str {
        match *self {
            Self::Poll => "POLL",
            Self::Encd => "ENCD",
            Self::Ack => "ACK",
            Self::Heartbeat => "HEARTBEAT",
            Self::Other(token) => token,
        }
    }

    fn of(token: &'a [u8]) -> Option<Self> {
        if !(2..=LONGEST_COMMAND).contains(&token.len()) || !token.iter().all(u8::is_ascii_uppercase) {
            return None;
        }
        let token = str::from_utf8(token).ok()?;
        let known = [Self::Poll, Self::Encd, Self::Ack, Self::Heartbeat];
        Some(known.into_iter().find(|known| known.token() == token).unwrap_or(Self::Other(token)))
    }
}

/// What a message of the protocol says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who speaks.
    pub side: Side,
    /// The body's command; none where the body is empty, not in these bytes, or starts with something else.
    pub command: Option<Command<'a>>,
    /// How the client calls itself, in full, where it does.
    pub user_agent: Option<&'a [u8]>,
    /// The gateway's version (`1.92`), in its answers.
    pub gateway_version: Option<&'a str>,
    /// How the client calls its gateway: by the target, else by `Host`. Mostly without the port, whichever it is.
    pub gateway: Option<Authority<'a>>,
}

/// What a request says, if a NetSupport client posts it to its gateway. `body` is what is there of the body.
#[inline]
pub fn request<'a>(request: &http::Request<'a>, body: &'a [u8]) -> Option<Message<'a>> {
    let user_agent = request.user_agent.filter(|text| names_itself(text, CLIENT));
    let command = first_command(body);
    let says_so = user_agent.is_some() || (command.is_some() && is_for_gateway(request));
    // The client's question where it is does not go to a gateway, whatever it calls itself there.
    if !says_so || is_geolocation(request) {
        return None;
    }
    Some(Message {
        side: Side::Client,
        command,
        user_agent: user_agent.or(request.user_agent),
        gateway_version: None,
        gateway: request.authority(),
    })
}

/// What a response says, if a NetSupport gateway gives it. `body` is what is there of the body.
#[inline]
pub fn response<'a>(response: &http::Response<'a>, body: &'a [u8]) -> Option<Message<'a>> {
    let server = response.server.filter(|text| names_itself(text, GATEWAY))?;
    Some(Message {
        side: Side::Gateway,
        command: first_command(body),
        user_agent: None,
        gateway_version: version(server.get(GATEWAY.len()..).unwrap_or_default()),
        gateway: None,
    })
}

/// Is it a POST to the path of every gateway? Alone that is not enough; but the command may follow in the next segment
/// ([`body`]).
pub fn is_for_gateway(request: &http::Request<'_>) -> bool {
    request.method == b"POST"
        && request.path().is_some_and(|path| {
            let start = path.len().saturating_sub(GATEWAY_PATH.len());
            path.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(GATEWAY_PATH))
        })
}

/// The command of a segment that starts with a body: known, its line whole, and nothing but `NAME=` at the start of the next line.
///
/// This is weaker than a head, since any program could write such lines: it is good for a conversation that has shown one,
/// or a request that [`is_for_gateway`].
#[inline]
pub fn body(segment: &[u8]) -> Option<Command<'_>> {
    let (command, rest) = command_line(segment)?;
    if matches!(command, Command::Other(_)) {
        return None;
    }
    let next = rest?;
    let name = next.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let goes_on = next.is_empty() || (name > 0 && next.get(name).is_none_or(|&byte| byte == b'='));
    goes_on.then_some(command)
}

/// Does the client ask in which country it is? It does so each time it starts.
pub fn is_geolocation(request: &http::Request<'_>) -> bool {
    let Some(path) = request.path() else {
        return false;
    };
    let path = path.split(|&byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    path.eq_ignore_ascii_case(GEOLOCATION_PATH)
        && matches!(request.authority(), Some(Authority { host: Host::Name(name), .. }) if name.eq_ignore_ascii_case(GEOLOCATION_HOST))
}

/// Does the text start with the name as a whole word?
#[inline]
fn names_itself(text: &[u8], name: &[u8]) -> bool {
    text.strip_prefix(name).is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
}

fn version(after_name: &[u8]) -> Option<&str> {
    let text = after_name.strip_prefix(b"/")?;
    let length = text.iter().take_while(|&&byte| byte.is_ascii_digit() || byte == b'.').count();
    let version = text.get(..length).filter(|version| (1..=LONGEST_VERSION).contains(&version.len()))?;
    str::from_utf8(version).ok()
}

/// The command that a body starts with. A known one may be the last thing there, another one could be cut.
fn first_command(body: &[u8]) -> Option<Command<'_>> {
    let (command, rest) = command_line(body)?;
    (rest.is_some() || !matches!(command, Command::Other(_))).then_some(command)
}

/// The command, and what comes after its line if that is whole.
fn command_line(body: &[u8]) -> Option<(Command<'_>, Option<&[u8]>)> {
    let text = body.strip_prefix(b"CMD=")?;
    let length = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let (token, rest) = text.split_at_checked(length)?;
    let command = Command::of(token)?;
    let after = match rest {
        [] | [b'\r'] => None,
        [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] => Some(after),
        _ => return None,
    };
    Some((command, after))
}

#[cfg(test)]
mod tests;
