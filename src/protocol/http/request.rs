//! Requests (RFC 9112 section 3).

use super::fields::Fields;
use super::framing::{BodyLength, Framing};
use super::head::{HeadExtent, find_extent};
use super::line::{is_blank, is_supported_version, is_text, skip_leading_breaks};
use crate::protocol::authority::Authority;
use crate::protocol::parse_result::ParseResult;

/// The longest method in bytes. The longest registered one has 17 (`UPDATEREDIRECTREF`); the rest
/// allows for private ones.
const LONGEST_METHOD: usize = 32;

/// The methods by which [`may_be_request`] recognizes a request: those of RFC 9110, of WebDAV and
/// its extensions, and some common ones without a specification.
const METHODS: [&[u8]; 39] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"CONNECT",
    b"PUT",
    b"OPTIONS",
    b"DELETE",
    b"PATCH",
    b"TRACE",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"ACL",
    b"BASELINE-CONTROL",
    b"BCOPY",
    b"BDELETE",
    b"BIND",
    b"BMOVE",
    b"BPROPFIND",
    b"BPROPPATCH",
    b"CHECKIN",
    b"CHECKOUT",
    b"LABEL",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKWORKSPACE",
    b"NOTIFY",
    b"PURGE",
    b"REPORT",
    b"RPC_IN_DATA",
    b"RPC_OUT_DATA",
    b"SEARCH",
    b"SUBSCRIBE",
    b"VERSION-CONTROL",
];
/// The number of capital letters that every one of [`METHODS`] starts with. About one in a thousand
/// random segments does so too.
const CAPITALS: usize = 3;

/// Returns true if a segment may start with a request, judged by its first bytes: a known method
/// and a blank, or the start of one if there are fewer bytes. False for an empty segment.
#[inline]
pub fn may_be_request(segment: &[u8]) -> bool {
    // Nearly all requests have one of these two methods.
    if segment.starts_with(b"GET ") || segment.starts_with(b"POST ") {
        return true;
    }
    let start = skip_leading_breaks(segment);
    if start.is_empty() || !start.iter().take(CAPITALS).all(u8::is_ascii_uppercase) {
        return false;
    }
    METHODS.iter().filter(|method| method.first() == start.first()).any(|method| match start.strip_prefix(*method) {
        Some(rest) => rest.first().is_none_or(|&byte| is_blank(byte)),
        None => method.starts_with(start),
    })
}

/// The head of a request: the request line and the header fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, in the case that the client wrote.
    pub method: &'a [u8],
    /// The request target as written. [`Request::target`] parses it.
    pub raw_target: &'a [u8],
    /// The first `Host` field as written. [`Request::host`] parses it.
    pub raw_host: Option<&'a [u8]>,
    /// The first `User-Agent` field.
    pub user_agent: Option<&'a [u8]>,
    framing: Framing,
}

/// A request target, by its form (RFC 9112 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The origin form, the usual one: a path and perhaps a query. It starts with `/`.
    Origin(&'a [u8]),
    /// The absolute form: a complete URI. Clients send it to proxies and to NetSupport gateways.
    Absolute {
        /// The scheme, such as `http`, in the case that the client wrote.
        scheme: &'a [u8],
        /// The host and the port.
        authority: &'a [u8],
        /// The path and the query. May be empty.
        path: &'a [u8],
    },
    /// The authority form of CONNECT: host and port.
    Authority(&'a [u8]),
    /// The asterisk form `*`: the server itself.
    Asterisk,
    /// None of these forms.
    Other(&'a [u8]),
}

/// Parses the head of the request at the start of `bytes`.
#[inline]
pub fn parse_request(bytes: &[u8]) -> ParseResult<Request<'_>> {
    match extent(bytes) {
        HeadExtent::Complete(line, fields, length) => ParseResult::Complete(Request::new(line, fields), length),
        HeadExtent::InFields(..) | HeadExtent::InStartLine => ParseResult::Incomplete,
        HeadExtent::TooLong(..) | HeadExtent::Other => ParseResult::Mismatch,
    }
}

/// Parses the available part of a head that will stay incomplete, because the capture truncated the
/// packet, a segment was lost, or the head is longer than [`LONGEST_HEAD`](super::LONGEST_HEAD).
///
/// Returns `None` if the request line is incomplete. A field that may be truncated is left out, so
/// all returned parts equal those of the complete head.
pub fn parse_request_so_far(bytes: &[u8]) -> Option<Request<'_>> {
    match extent(bytes) {
        HeadExtent::Complete(line, fields, _)
        | HeadExtent::InFields(line, fields)
        | HeadExtent::TooLong(line, fields) => Some(Request::new(line, fields)),
        HeadExtent::InStartLine | HeadExtent::Other => None,
    }
}

#[inline]
fn extent(bytes: &[u8]) -> HeadExtent<'_, RequestLine<'_>> {
    find_extent(bytes, RequestLine::parse, RequestLine::may_start)
}

impl<'a> Request<'a> {
    fn new(line: RequestLine<'a>, fields: Fields<'a>) -> Self {
        let mut request = Self {
            method: line.method,
            raw_target: line.target,
            raw_host: None,
            user_agent: None,
            framing: Framing::default(),
        };
        for field in fields {
            if field.is("Host") {
                request.raw_host = request.raw_host.or(Some(field.value));
            } else if field.is("User-Agent") {
                request.user_agent = request.user_agent.or(Some(field.value));
            } else {
                request.framing.add(&field);
            }
        }
        request
    }

    /// The parsed request target.
    pub fn target(&self) -> Target<'a> {
        let raw = self.raw_target;
        match raw {
            b"*" => Target::Asterisk,
            _ if self.is_connect() => Target::Authority(raw),
            [b'/', ..] => Target::Origin(raw),
            _ => parse_absolute(raw).unwrap_or(Target::Other(raw)),
        }
    }

    /// The path and the query of the target, if it has them.
    pub fn path(&self) -> Option<&'a [u8]> {
        match self.target() {
            Target::Origin(path) | Target::Absolute { path, .. } => Some(path),
            Target::Authority(_) | Target::Asterisk | Target::Other(_) => None,
        }
    }

    /// The authority in the target: of CONNECT, and of the absolute form.
    pub fn target_authority(&self) -> Option<Authority<'a>> {
        match self.target() {
            Target::Absolute { authority, .. } | Target::Authority(authority) => Authority::parse(authority),
            Target::Origin(_) | Target::Asterisk | Target::Other(_) => None,
        }
    }

    /// The authority in the first `Host` field.
    pub fn host(&self) -> Option<Authority<'a>> {
        Authority::parse(self.raw_host?)
    }

    /// The authority that the request is for. That of the target has precedence over `Host` (RFC
    /// 9112 section 3.2.2).
    pub fn authority(&self) -> Option<Authority<'a>> {
        self.target_authority().or_else(|| self.host())
    }

    /// Returns true for CONNECT, which asks a proxy for a connection to the target.
    pub fn is_connect(&self) -> bool {
        self.method.eq_ignore_ascii_case(b"CONNECT")
    }

    /// The length of the body. It is unknown for CONNECT, after which any protocol may follow.
    pub fn body_length(&self) -> BodyLength {
        if self.is_connect() {
            return BodyLength::Unknown;
        }
        self.framing.body_length().unwrap_or(BodyLength::Known(0))
    }
}

/// A parsed request line.
struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
}

impl<'a> RequestLine<'a> {
    /// Parses a request line. As servers do, it accepts any number of blanks and tabs between the
    /// parts, and also within the target.
    ///
    /// Some programs omit the version but send fields, and servers answer them. So a line without a
    /// version is accepted if the method is known and the target is unmistakable.
    #[inline]
    fn parse(line: &'a [u8]) -> Option<Self> {
        if !is_text(line) {
            return None;
        }
        let line = line.trim_ascii_end();
        let (method, rest) = line.split_at_checked(line.iter().position(|&byte| is_blank(byte))?)?;
        if !is_method(method) {
            return None;
        }
        let rest = rest.trim_ascii_start();
        let Some(blank) = rest.iter().rposition(|&byte| is_blank(byte)) else {
            let valid = METHODS.contains(&method) && (rest.starts_with(b"/") || parse_absolute(rest).is_some());
            return valid.then_some(Self { method, target: rest });
        };
        let (target, version) = rest.split_at_checked(blank + 1)?;
        is_supported_version(version).then(|| Self { method, target: target.trim_ascii_end() })
    }

    /// Returns true if a request line may start like this.
    #[inline]
    fn may_start(start: &[u8]) -> bool {
        match start.iter().position(|&byte| is_blank(byte)) {
            Some(end) => start.get(..end).is_some_and(is_method) && is_text(start),
            None => start.is_empty() || is_method(start),
        }
    }
}

/// Returns true for a token (RFC 9110 section 5.6.2) that is not too long.
#[inline]
fn is_method(text: &[u8]) -> bool {
    (1..=LONGEST_METHOD).contains(&text.len())
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Parses a target in absolute form.
fn parse_absolute(target: &[u8]) -> Option<Target<'_>> {
    let (scheme, rest) = target.split_at_checked(target.iter().position(|&byte| byte == b':')?)?;
    let rest = rest.strip_prefix(b"://")?;
    let valid = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    valid.then_some(Target::Absolute { scheme, authority, path })
}
