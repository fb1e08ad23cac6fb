//! All names that are seen, a line for each: time, client, its port, server, its port, protocol, how it was named, the name, and the
//! port named with it, separated by tabs.
//!
//! What a column has nothing for is `-`. The name of the DNS root is `.`. Bytes that do not print are told as in alerts, so a line is
//! always one line of nine columns.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::Path;

use super::file::LogFile;
use super::{Mode, OutputError, Sink};
use crate::alert::sanitize;
use crate::track::NameSeen;

/// How many bytes of lines are kept before they are written: the capacity of a pipe on Linux.
const BUFFER: usize = 64 << 10;

/// Writes the list of names.
pub struct NameList {
    /// What errors call it.
    name: String,
    sink: Box<dyn Sink>,
    buffer: String,
}

impl NameList {
    /// Opens the list that a target names: `-` for standard output, else a file's path, which is treated as those of alerts are.
    pub fn open(target: &Path, mode: Mode) -> Result<Self, OutputError> {
        if target.as_os_str() != "-" {
            return Ok(Self::new(target.display().to_string(), Box::new(LogFile::open(target, mode)?)));
        }
        let opened = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let file = opened.map_err(|error| OutputError::Create { path: target.to_owned(), error })?;
        Ok(Self::new("standard output".to_owned(), Box::new(file)))
    }

    /// A list into `sink`, which errors call `name`.
    pub fn new(name: String, sink: Box<dyn Sink>) -> Self {
        Self { name, sink, buffer: String::new() }
    }

    /// Writes a line for each. After an error those of this call may be lost.
    pub fn write(&mut self, names: impl Iterator<Item = NameSeen>) -> Result<(), OutputError> {
        for seen in names {
            // Writing into a string cannot fail.
            let _ = line(&seen, &mut self.buffer);
            if self.buffer.len() >= BUFFER {
                self.flush()?;
            }
        }
        self.flush()
    }

    /// Goes on in a new file of the same name, where it is a file. After an error it goes on where it was.
    pub fn reopen(&mut self) -> Result<(), OutputError> {
        self.sink.reopen().map_err(|error| OutputError::Reopen { name: self.name.clone(), error })
    }

    /// Makes sure that all is written; called once, last.
    pub fn close(mut self) -> Result<(), OutputError> {
        let settled = self.sink.settle();
        self.named(settled)
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        let written = self.sink.write_all(self.buffer.as_bytes());
        self.buffer.clear();
        self.named(written)
    }

    fn named(&self, result: io::Result<()>) -> Result<(), OutputError> {
        result.map_err(|error| OutputError::Write { name: self.name.clone(), error })
    }
}

fn line(seen: &NameSeen, out: &mut String) -> std::fmt::Result {
    let NameSeen { time, client, server, protocol, named } = seen;
    match jiff::Timestamp::from_nanosecond(time.nanos().into()) {
        Ok(time) => write!(out, "{time:.9}")?,
        // Beyond the years that have a name.
        Err(_) => write!(out, "-")?,
    }
    for end in [client, server] {
        write!(out, "\t{}\t", end.address)?;
        number(end.port, out)?;
    }
    write!(out, "\t{protocol}\t{}\t", named.basis.token())?;
    if named.host.is_empty() {
        out.push('.');
    }
    write!(out, "{}\t", sanitize(&named.host))?;
    number(named.port, out)?;
    out.push('\n');
    Ok(())
}

fn number(number: Option<u16>, out: &mut String) -> std::fmt::Result {
    match number {
        Some(number) => write!(out, "{number}"),
        None => write!(out, "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::MatchBasis;
    use crate::flow::{End, Protocol};
    use crate::scan::{HTTP_HOST, Named, SOCKS_REQUEST, TLS_SERVER_NAME};
    use crate::units::Timestamp;

    fn seen(basis: MatchBasis, host: &[u8], port: Option<u16>) -> NameSeen {
        let end = |address: &str, port| End { address: address.parse().unwrap(), port };
        NameSeen {
            time: Timestamp::from_parts(1_795_485_200, 10),
            client: end("10.20.30.40", Some(53124)),
            server: end("2001:db8::1", Some(443)),
            protocol: Protocol::TCP,
            named: Named { basis, host: host.to_vec(), port },
        }
    }

    fn told(seen: &NameSeen) -> String {
        let mut text = String::new();
        line(seen, &mut text).unwrap();
        text
    }

    #[test]
    fn a_line_has_nine_columns_whatever_was_on_the_wire() {
        let usual = told(&seen(MatchBasis::ServerName(&TLS_SERVER_NAME), b"gw.feersona.net", None));
        let expected = "2026-11-24T01:53:20.000000010Z\t10.20.30.40\t53124\t2001:db8::1\t443\tTCP\ttls-server-name\tgw.feersona.net\t-\n";
        assert_eq!(usual, expected);
        let hostile = told(&seen(MatchBasis::ServerName(&HTTP_HOST), b"a\tb\r\n\xff", Some(81)));
        assert!(hostile.ends_with("\thttp-host\ta\\x09b\\x0d\\x0a\\xff\t81\n"), "{hostile}");
        assert_eq!(hostile.matches('\t').count(), 8);
        assert!(told(&seen(MatchBasis::DnsQuery, b"", None)).ends_with("\tdns-query\t.\t-\n"));
        let never = NameSeen { time: Timestamp::MAX, ..seen(MatchBasis::ServerName(&SOCKS_REQUEST), b"x", None) };
        assert_eq!(told(&never).matches('\t').count(), 8);
    }
}
