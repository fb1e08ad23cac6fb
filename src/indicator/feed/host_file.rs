//! Host files that keep names from being resolved: `127.0.0.1<TAB>name`, also with several names, and with `0.0.0.0`.

use std::net::IpAddr;

use super::reader::{Broken, Entry, Reader};
use super::{Format, Head, without_comment};

pub(super) const FORMAT: Format = Format { name: "host file", names_families: false, recognises, read };

/// What every host file gives names to by itself.
const OWN_NAMES: [&str; 12] = [
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

fn recognises(head: &Head<'_>) -> bool {
    head.data().next().is_some_and(|line| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(is_nowhere) && words.next().is_some_and(|name| !name.starts_with('#'))
    })
}

/// Whether an address is one to which names are sent that nobody shall reach.
fn is_nowhere(address: &str) -> bool {
    address.parse().is_ok_and(|address: IpAddr| address.is_loopback() || address.is_unspecified())
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        let mut words = without_comment(line, reader).split_whitespace();
        let Some(address) = words.next() else { continue };
        let mut names = words.filter(|name| !OWN_NAMES.contains(name)).peekable();
        if address.parse::<IpAddr>().is_err() {
            reader.refuse(line_number, format!("{}: no address in front of the name", super::value::quoted(address)));
        } else if !is_nowhere(address) {
            // `255.255.255.255 broadcasthost`, `ff02::1 ip6-allnodes`.
            if names.peek().is_some() {
                reader.refuse(line_number, format!("{address}: sends a name somewhere, instead of nowhere"));
            }
        } else {
            for value in names.filter(|name| name.parse::<IpAddr>().is_err()) {
                reader.entry(&Entry { line: line_number, value, ..Entry::default() })?;
            }
        }
    }
    Ok(())
}
