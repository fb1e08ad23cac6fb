//! The list of all names that are seen.
//!
//! Each line has nine columns, separated by tabs: time, client, client's port, server, server's
//! port, protocol, match basis, name, and the port that was named with it. A missing value is `-`.
//! The name of the DNS root is `.`. Bytes that are not printable are escaped as in alerts, so that
//! a line always has nine columns.

use std::fmt::Write;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::progress::{Progress, Waiter};
use super::sink::{LogFile, STANDARD_OUTPUT, StandardOutput};
use super::{Mode, OutputError, Sink};
use crate::sanitize::sanitize;
use crate::track::NameSeen;

/// The size at which the buffer is written: the capacity of a pipe on Linux.
const BUFFER_SIZE: usize = 64 << 10;

/// Writes the list of names.
pub struct NameList {
    /// The list's name in errors.
    name: String,
    sink: Box<dyn Sink>,
    buffer: String,
}

impl NameList {
    /// Opens the list: `-` is standard output, anything else a file's path. Files are truncated or
    /// appended to as files of alerts are.
    pub fn open(target: &Path, mode: Mode) -> Result<Self, OutputError> {
        let waiter = Waiter::watched(Arc::new(Progress::new()));
        if target.as_os_str() != "-" {
            return Ok(Self::new(target.display().to_string(), Box::new(LogFile::open(target, mode, waiter)?)));
        }
        let file =
            StandardOutput::open(waiter).map_err(|error| OutputError::Create { path: target.to_owned(), error })?;
        Ok(Self::new(STANDARD_OUTPUT.to_owned(), Box::new(file)))
    }

    /// A list into `sink`. Errors call it `name`.
    pub fn new(name: String, sink: Box<dyn Sink>) -> Self {
        Self { name, sink, buffer: String::new() }
    }

    /// Writes one line for each name. After an error the lines of this call may be lost.
    pub fn write(&mut self, names: impl Iterator<Item = NameSeen>) -> Result<(), OutputError> {
        for seen in names {
            // Writing into a string cannot fail.
            let _ = write_line(&seen, &mut self.buffer);
            if self.buffer.len() >= BUFFER_SIZE {
                self.flush()?;
            }
        }
        self.flush()
    }

    /// Opens the file again by its name, if the list is a file. After an error the old file stays
    /// open.
    pub fn reopen(&mut self) -> Result<(), OutputError> {
        self.sink.reopen().map_err(|error| OutputError::Reopen { name: self.name.clone(), error })
    }

    /// Completes all writes. Called once, as the last method.
    pub fn close(mut self) -> Result<(), OutputError> {
        let synced = self.sink.sync();
        self.write_error(synced)
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        let written = self.sink.write_all(self.buffer.as_bytes());
        self.buffer.clear();
        self.write_error(written)
    }

    fn write_error(&self, result: io::Result<()>) -> Result<(), OutputError> {
        result.map_err(|error| OutputError::Write { name: self.name.clone(), error })
    }
}

fn write_line(seen: &NameSeen, out: &mut String) -> std::fmt::Result {
    let NameSeen { time, client, server, protocol, named } = seen;
    match jiff::Timestamp::from_nanosecond(time.nanos().into()) {
        Ok(time) => write!(out, "{time:.9}")?,
        // The time is outside the range that can be formatted.
        Err(_) => write!(out, "-")?,
    }
    for end in [client, server] {
        write!(out, "\t{}\t", end.address)?;
        write_port(end.port, out)?;
    }
    write!(out, "\t{protocol}\t{}\t", named.basis.token())?;
    if named.host.is_empty() {
        out.push('.');
    }
    write!(out, "{}\t", sanitize(&named.host))?;
    write_port(named.port, out)?;
    out.push('\n');
    Ok(())
}

fn write_port(port: Option<u16>, out: &mut String) -> std::fmt::Result {
    match port {
        Some(port) => write!(out, "{port}"),
        None => write!(out, "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::MatchBasis;
    use crate::flow::{Endpoint, Protocol};
    use crate::scan::Named;
    use crate::scan::{HTTP_HOST, SOCKS_REQUEST, TLS_SERVER_NAME};
    use crate::units::Timestamp;

    fn seen(basis: MatchBasis, host: &[u8], port: Option<u16>) -> NameSeen {
        let end = |address: &str, port| Endpoint { address: address.parse().unwrap(), port };
        NameSeen {
            time: Timestamp::from_parts(1_795_485_200, 10),
            client: end("10.20.30.40", Some(53124)),
            server: end("2001:db8::1", Some(443)),
            protocol: Protocol::TCP,
            named: Named { basis, host: host.to_vec(), port },
        }
    }

    fn written(seen: &NameSeen) -> String {
        let mut text = String::new();
        write_line(seen, &mut text).unwrap();
        text
    }

    #[test]
    fn a_line_has_nine_columns_whatever_was_on_the_wire() {
        let usual = written(&seen(MatchBasis::ServerName(&TLS_SERVER_NAME), b"gw.feersona.net", None));
        let expected = "2026-11-24T01:53:20.000000010Z\t10.20.30.40\t53124\t2001:db8::1\t443\tTCP\ttls-server-name\tgw.feersona.net\t-\n";
        assert_eq!(usual, expected);
        let hostile = written(&seen(MatchBasis::ServerName(&HTTP_HOST), b"a\tb\r\n\xff", Some(81)));
        assert!(hostile.ends_with("\thttp-host\ta\\x09b\\x0d\\x0a\\xff\t81\n"), "{hostile}");
        assert_eq!(hostile.matches('\t').count(), 8);
        assert!(written(&seen(MatchBasis::DnsQuery, b"", None)).ends_with("\tdns-query\t.\t-\n"));
        let never = NameSeen { time: Timestamp::MAX, ..seen(MatchBasis::ServerName(&SOCKS_REQUEST), b"x", None) };
        assert_eq!(written(&never).matches('\t').count(), 8);
    }
}
