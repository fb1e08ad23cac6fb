//! A line while it is written: the header, then keys and values within the line's maximum length.

use std::fmt;
use std::net::IpAddr;

use super::value::{ValueWriter, print};
use crate::alert::{Alert, Verdict};

/// The maximum length of a line with its line feed. Receivers of syslog must accept 2,048 bytes
/// (RFC 5424 section 6.1), and some cut longer messages there.
pub const LONGEST_LINE: usize = 2047;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The other maximum lengths assume that the version is short.
const _: () = assert!(VERSION.len() <= 16);

/// A key of the extension.
#[derive(Debug, Clone, Copy)]
pub enum CefKey {
    /// A key whose meaning the standard defines.
    Plain(&'static str),
    /// A custom key, and the label that states its meaning.
    Labelled(&'static str, &'static str),
}

/// Writes the keys and values of one line.
pub struct LineWriter<'a> {
    out: &'a mut String,
    /// The greatest length of `out` at the end of the line, without the line feed.
    end: usize,
}

impl<'a> LineWriter<'a> {
    /// Writes the header.
    pub fn start(alert: &Alert, out: &'a mut String) -> Self {
        let end = out.len() + LONGEST_LINE - 1;
        let signature = alert.signature;
        print(
            out,
            format_args!(
                "CEF:0|Rattap|Sensor|{VERSION}|{}|{}|{}|",
                signature.id(),
                signature.activity(),
                alert.severity.min(10)
            ),
        );
        Self { out, end }
    }

    /// Keeps `bytes` at the end of the line free.
    pub fn reserve(&mut self, bytes: usize) {
        self.end -= bytes;
    }

    /// Ends a reservation.
    pub fn release(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// Ends the line.
    pub fn finish(self) {
        self.out.push('\n');
    }

    /// Writes a key with as much of the value as fits into `longest` bytes.
    pub fn put(&mut self, key: CefKey, longest: usize, value: impl fmt::Display) {
        self.put_with(key, |line, percent_encode| {
            let end = line.end.min(line.out.len() + longest);
            print(&mut ValueWriter::new(line.out, percent_encode, 0, end), format_args!("{value}"));
        });
    }

    /// The same for an optional value. An absent value is omitted with its key.
    pub fn put_some(&mut self, key: CefKey, longest: usize, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.put(key, longest, value);
        }
    }

    /// The same, but keeps the end of a value that is too long. The end of a domain name is the
    /// registered domain, which hunts search for. A long label before it must not push it out of
    /// the line.
    pub fn put_end_of(&mut self, key: CefKey, longest: usize, value: impl fmt::Display) {
        self.put_with(key, |line, percent_encode| {
            let start = line.out.len();
            let mut whole = ValueWriter::new(line.out, percent_encode, 0, usize::MAX);
            print(&mut whole, format_args!("{value}"));
            let longest = longest.min(line.end.saturating_sub(start));
            let skip = (line.out.len() - start).saturating_sub(longest);
            if skip > 0 {
                line.out.truncate(start);
                let mut rest = ValueWriter::new(line.out, percent_encode, skip, usize::MAX);
                print(&mut rest, format_args!("{value}"));
            }
        });
    }

    /// Writes as many complete addresses as fit into `longest` bytes, separated by commas. Leaves
    /// at least `after` bytes of the line free.
    pub fn put_addresses(&mut self, key: CefKey, longest: usize, addresses: &[IpAddr], after: usize) {
        self.put_with(key, |line, _| {
            let end = line.end.saturating_sub(after).min(line.out.len() + longest);
            for (index, address) in addresses.iter().enumerate() {
                let before = line.out.len();
                let comma = if index == 0 { "" } else { "," };
                print(line.out, format_args!("{comma}{address}"));
                if line.out.len() > end {
                    line.out.truncate(before);
                    return;
                }
            }
        });
    }

    /// Writes the message, followed by the sentence of an exclusion. If both do not fit, the
    /// message is cut first, but keeps at least half of the room.
    pub fn put_message(&mut self, message: &str, exclusion: Option<&Verdict>) {
        let addition = exclusion.map(ToString::to_string).unwrap_or_default();
        self.put_with(CefKey::Plain("msg"), |line, percent_encode| {
            let room = line.end.saturating_sub(line.out.len());
            let message_end = line.end - room.saturating_sub(room.saturating_sub(addition.len()).max(room / 2));
            for (text, end) in [(message, message_end), (&addition, line.end)] {
                print(&mut ValueWriter::new(line.out, percent_encode, 0, end), format_args!("{text}"));
            }
        });
    }

    /// Writes a key, and its value by calling `write` with the characters that must be
    /// percent-encoded. Removes the key if the value is empty or does not fit.
    fn put_with(&mut self, key: CefKey, write: impl FnOnce(&mut Self, &'static [char])) {
        let before = self.out.len();
        if !self.out.ends_with('|') {
            self.out.push(' ');
        }
        let percent_encode: &[char] = match key {
            CefKey::Plain(key) => {
                print(self.out, format_args!("{key}="));
                &['|']
            }
            CefKey::Labelled(key, label) => {
                print(self.out, format_args!("{key}Label={label} {key}="));
                &['|', ';']
            }
        };
        let start = self.out.len();
        write(self, percent_encode);
        if self.out.len() == start || self.out.len() > self.end {
            self.out.truncate(before);
        }
    }
}
