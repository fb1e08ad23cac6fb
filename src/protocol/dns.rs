//! DNS: the names that IANA gives to numbers.

use std::fmt;

/// A query type's name (<https://www.iana.org/assignments/dns-parameters>), else `TYPE` and the number (RFC 3597).
pub fn type_name(number: u16) -> impl fmt::Display {
    Named(
        match number {
            1 => Some("A"),
            5 => Some("CNAME"),
            28 => Some("AAAA"),
            65 => Some("HTTPS"),
            _ => None,
        },
        "TYPE",
        number,
    )
}

/// A response code's name (RFC 6895 section 2.3), else `RCODE` and the number.
pub fn response_code_name(number: u8) -> impl fmt::Display {
    Named(
        match number {
            0 => Some("NOERROR"),
            1 => Some("FORMERR"),
            2 => Some("SERVFAIL"),
            3 => Some("NXDOMAIN"),
            4 => Some("NOTIMP"),
            5 => Some("REFUSED"),
            _ => None,
        },
        "RCODE",
        u16::from(number),
    )
}

struct Named(Option<&'static str>, &'static str, u16);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => f.write_str(name),
            None => write!(f, "{}{}", self.1, self.2),
        }
    }
}
