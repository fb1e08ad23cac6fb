//! Requests (RFC 9112 section 3).

use super::fields::{self, BodyLength, Extent, Fields, Framing, is_blank, is_text, minor_version};
use crate::protocol::authority::Authority;
use crate::protocol::parse_result::ParseResult;

/// The longest method: the longest registered one has 17 bytes (`UPDATEREDIRECTREF`), the rest is for private ones.
const LONGEST_METHOD: usize = 32;

/// Methods by which the start of a segment is taken for a request: of RFC 9110, WebDAV and its kin, and some that are
/// common without a specification.
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
/// Every one of [`METHODS`] starts with this many capitals, which random bytes do once in a thousand times.
const CAPITALS: usize = 3;

/// Judges by its first bytes whether a segment may start with a request: a known method and a blank, or the start of one
/// where fewer bytes are there. False for no bytes.
#[inline]
pub fn may_be_request(segment: &[u8]) -> bool {
    // Nearly all requests are one of two.
    if segment.starts_with(b"GET ") || segment.starts_with(b"POST ") {
        return true;
    }
    let start = fields::after_breaks(segment);
    if start.is_empty() || !start.iter().take(CAPITALS).all(u8::is_ascii_uppercase) {
        return false;
    }
    METHODS.iter().filter(|method| method.first() == start.first()).any(|method| match start.strip_prefix(*method) {
        Some(rest) => rest.first().is_none_or(|&byte| is_blank(byte)),
        None => method.starts_with(start),
    })
}

/// The head of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, in the case it came in.
    pub method: &'a [u8],
    /// The target as it came: see [`Request::target`].
    pub raw_target: &'a [u8],
    /// The version's second number: 1 for `HTTP/1.1`. None where the line names no version.
    pub minor_version: Option<u8>,
    /// The first `Host` field: see [`Request::host`].
    pub raw_host: Option<&'a [u8]>,
    /// The first `User-Agent` field.
    pub user_agent: Option<&'a [u8]>,
    /// The first `Content-Type` field.
    pub content_type: Option<&'a [u8]>,
    framing: Framing,
    fields: Fields<'a>,
}

/// What a request is for, in the forms of RFC 9112 section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A path and perhaps a query: the usual form. The bytes start with `/`.
    Origin(&'a [u8]),
    /// A whole address, as proxies get it, and NetSupport's gateways.
    Absolute {
        /// `http` and so on, in the case it came in.
        scheme: &'a [u8],
        /// Host and port.
        authority: &'a [u8],
        /// Path and query, perhaps empty.
        path: &'a [u8],
    },
    /// Host and port, of CONNECT.
    Authority(&'a [u8]),
    /// `*`: the server itself.
    Asterisk,
    /// None of these.
    Other(&'a [u8]),
}

/// Reads the request that `bytes` start with.
#[inline]
pub fn request(bytes: &[u8]) -> ParseResult<Request<'_>> {
    match read(bytes) {
        Extent::Whole(line, fields, length) => ParseResult::Whole(Request::new(line, fields), length),
        Extent::InFields(..) | Extent::InFirstLine => ParseResult::Partial,
        Extent::TooLong(..) | Extent::Other => ParseResult::Other,
    }
}

/// Reads as much of a request as is there: for a head of which no more will come, because the capture cut the packet, a
/// segment was lost, or it is longer than [`LONGEST_HEAD`](super::LONGEST_HEAD).
///
/// None where not even the first line is whole. A field that may be cut is left out, so what is there is as in the whole head.
pub fn request_so_far(bytes: &[u8]) -> Option<Request<'_>> {
    match read(bytes) {
        Extent::Whole(line, fields, _) | Extent::InFields(line, fields) | Extent::TooLong(line, fields) => {
            Some(Request::new(line, fields))
        }
        Extent::InFirstLine | Extent::Other => None,
    }
}

#[inline]
fn read(bytes: &[u8]) -> Extent<'_, Line<'_>> {
    fields::read(bytes, Line::parse, Line::may_start)
}

impl<'a> Request<'a> {
    fn new(line: Line<'a>, fields: Fields<'a>) -> Self {
        let mut request = Self {
            method: line.method,
            raw_target: line.target,
            minor_version: line.minor_version,
            raw_host: None,
            user_agent: None,
            content_type: None,
            framing: Framing::default(),
            fields,
        };
        for field in fields {
            if field.is("Host") {
                request.raw_host = request.raw_host.or(Some(field.value));
            } else if field.is("User-Agent") {
                request.user_agent = request.user_agent.or(Some(field.value));
            } else if field.is("Content-Type") {
                request.content_type = request.content_type.or(Some(field.value));
            } else {
                request.framing.note(&field);
            }
        }
        request
    }

    /// All fields.
    pub fn fields(&self) -> Fields<'a> {
        self.fields
    }

    /// The target by its form.
    pub fn target(&self) -> Target<'a> {
        let raw = self.raw_target;
        match raw {
            b"*" => Target::Asterisk,
            _ if self.is_connect() => Target::Authority(raw),
            [b'/', ..] => Target::Origin(raw),
            _ => absolute(raw).unwrap_or(Target::Other(raw)),
        }
    }

    /// Path and query, where the target has them.
    pub fn path(&self) -> Option<&'a [u8]> {
        match self.target() {
            Target::Origin(path) | Target::Absolute { path, .. } => Some(path),
            Target::Authority(_) | Target::Asterisk | Target::Other(_) => None,
        }
    }

    /// Whom the target names: of CONNECT, and of an absolute target.
    pub fn target_authority(&self) -> Option<Authority<'a>> {
        match self.target() {
            Target::Absolute { authority, .. } | Target::Authority(authority) => Authority::parse(authority),
            Target::Origin(_) | Target::Asterisk | Target::Other(_) => None,
        }
    }

    /// Whom the first `Host` field names.
    pub fn host(&self) -> Option<Authority<'a>> {
        Authority::parse(self.raw_host?)
    }

    /// Whom the request is for: what the target names goes before `Host` (RFC 9112 section 3.2.2).
    pub fn authority(&self) -> Option<Authority<'a>> {
        self.target_authority().or_else(|| self.host())
    }

    /// Asks a proxy for a connection to somewhere?
    pub fn is_connect(&self) -> bool {
        self.method.eq_ignore_ascii_case(b"CONNECT")
    }

    /// The `Content-Length`.
    pub fn content_length(&self) -> Option<u64> {
        self.framing.content_length
    }

    /// Does the body come in chunks?
    pub fn is_chunked(&self) -> bool {
        self.framing.chunked
    }

    /// The length of the body. After CONNECT come bytes of any protocol, so there it is unknown.
    pub fn body_length(&self) -> BodyLength {
        if self.is_connect() {
            return BodyLength::Unknown;
        }
        self.framing.body_length().unwrap_or(BodyLength::Known(0))
    }
}

/// A request line.
struct Line<'a> {
    method: &'a [u8],
    target: &'a [u8],
    minor_version: Option<u8>,
}

impl<'a> Line<'a> {
    /// Reads it. Between its parts any number of blanks and tabs may stand, and a target may hold some, as servers have it.
    ///
    /// Some programs leave the version out and send fields all the same, and servers answer them. So that counts too where
    /// the method is known and the target cannot be any other word.
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
            let valid = METHODS.contains(&method) && (rest.starts_with(b"/") || absolute(rest).is_some());
            return valid.then_some(Self { method, target: rest, minor_version: None });
        };
        let (target, version) = rest.split_at_checked(blank + 1)?;
        let minor_version = Some(minor_version(version)?);
        Some(Self { method, target: target.trim_ascii_end(), minor_version })
    }

    /// May a request line start like this?
    #[inline]
    fn may_start(start: &[u8]) -> bool {
        match start.iter().position(|&byte| is_blank(byte)) {
            Some(end) => start.get(..end).is_some_and(is_method) && is_text(start),
            None => start.is_empty() || is_method(start),
        }
    }
}

/// A token (RFC 9110 section 5.6.2) that is short enough.
#[inline]
fn is_method(text: &[u8]) -> bool {
    (1..=LONGEST_METHOD).contains(&text.len())
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn absolute(target: &[u8]) -> Option<Target<'_>> {
    let (scheme, rest) = target.split_at_checked(target.iter().position(|&byte| byte == b':')?)?;
    let rest = rest.strip_prefix(b"://")?;
    let valid = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    valid.then_some(Target::Absolute { scheme, authority, path })
}
