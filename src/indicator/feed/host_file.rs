//! Hosts files that block names: `127.0.0.1<TAB>name`, also with `0.0.0.0` and with several names
//! in a line.

use std::net::IpAddr;

use super::collector::{EntryCollector, FeedEntry, FormatError};
use super::format::{FeedStart, Format};

pub(super) const FORMAT: Format = Format { name: "host file", names_families: false, recognizes, read };

/// Names that a hosts file defines for the machine itself.
const LOCAL_NAMES: [&str; 12] = [
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "localhost4",
    "localhost6",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
];

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.data_lines().next().is_some_and(|line| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(is_blocking) && words.next().is_some_and(|name| !name.starts_with('#'))
    })
}

/// Returns true if an address blocks the names it is given to.
fn is_blocking(address: &str) -> bool {
    address.parse().is_ok_and(|address: IpAddr| address.is_loopback() || address.is_unspecified())
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        let mut words = collector.without_comment(line).split_whitespace();
        let Some(address) = words.next() else { continue };
        let mut names = words.filter(|name| !LOCAL_NAMES.contains(name)).peekable();
        if address.parse::<IpAddr>().is_err() {
            collector.refuse(
                line_number,
                format!("{}: not an address, which must precede the name", super::value::quoted(address)),
            );
        } else if !is_blocking(address) {
            // `255.255.255.255 broadcasthost`, `ff02::1 ip6-allnodes`.
            if names.peek().is_some() {
                collector.refuse(
                    line_number,
                    format!("{address}: does not block the name; only 0.0.0.0, :: and loopback addresses do"),
                );
            }
        } else {
            for value in names.filter(|name| name.parse::<IpAddr>().is_err()) {
                collector.add(&FeedEntry { line: line_number, value, ..FeedEntry::default() })?;
            }
        }
    }
    Ok(())
}
