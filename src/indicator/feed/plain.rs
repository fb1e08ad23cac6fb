//! Plain lists: one indicator a line, defanged or not, with comments.
//!
//! ```text
//! # Seen on 2026-06-01
//! 203.0.113.7:443
//! hxxp-free[.]example   # defanged
//! 198.51.100.0/24
//! ```

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::{Feed, Format, Refusal};
use crate::domain_name::DomainName;
use crate::indicator::{Indicator, Pattern};

/// Takes every text.
pub(super) const FORMAT: Format = Format { name: "plain", recognises: |_| true, read };

/// Whoever writes a list of their own means it.
const CONFIDENCE: u8 = 100;

/// How much of a refused line a message repeats: enough to find it.
const QUOTED: usize = 60;

fn read(text: &str, source: &str) -> Feed {
    let (family, threat): (Arc<str>, Arc<str>) = ("unknown malware".into(), "botnet_cc".into());
    let source: Arc<str> = source.into();
    let mut feed = Feed::default();
    for (number, line) in text.lines().enumerate() {
        let value = without_comment(line);
        if value.is_empty() {
            continue;
        }
        match pattern(value) {
            Ok(pattern) => feed.indicators.push(Indicator {
                pattern,
                family: family.clone(),
                threat: threat.clone(),
                confidence: CONFIDENCE,
                first_seen: None,
                last_seen: None,
                source: source.clone(),
                reference: format!("{source} line {}", number + 1).into(),
                tags: Vec::new(),
                id: None,
            }),
            Err(reason) => feed.refusals.push(Refusal { line: number + 1, reason }),
        }
    }
    feed
}

/// A comment stands alone, or after a blank: `#` may be part of nothing that is listed.
fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with(['#', ';']) || line.starts_with("//") {
        return "";
    }
    let comment = line.match_indices('#').find(|(place, _)| line[..*place].ends_with(char::is_whitespace));
    comment.map_or(line, |(place, _)| line[..place].trim_end())
}

/// Reads one indicator in any of its spellings.
fn pattern(value: &str) -> Result<Pattern, String> {
    let value = refanged(value);
    if let Ok(address) = value.parse::<IpAddr>() {
        return Ok(Pattern::Address(address));
    }
    if let Ok(endpoint) = value.parse::<SocketAddr>() {
        return match endpoint.port() {
            0 => Err(format!("{}: port 0 is no port", quoted(&value))),
            port => Ok(Pattern::Endpoint(endpoint.ip(), port)),
        };
    }
    if let Ok(network) = value.parse::<IpNet>() {
        return Ok(match network.addr() {
            address if network.prefix_len() == network.max_prefix_len() => Pattern::Address(address),
            _ => Pattern::Network(network.trunc()),
        });
    }
    let name = value.strip_prefix("*.").unwrap_or(&value);
    let refused = |why: &str| Err(format!("{}: {why}", quoted(&value)));
    match DomainName::parse(name) {
        Ok(name) if name.label_count() < 2 => refused("a domain needs at least two labels"),
        // Nothing that looks like an address is meant as a name.
        Ok(name) if name.domains().next().is_some_and(|top| top.iter().all(u8::is_ascii_digit)) => {
            refused("no address, endpoint, range or domain")
        }
        Ok(name) => String::from_utf8(name.as_bytes().to_vec()).map(Pattern::Domain).or(refused("not UTF-8")),
        Err(error) => refused(&format!("no address, endpoint, range or domain ({error})")),
    }
}

/// Undoes the spellings that keep an indicator from being clicked.
fn refanged(value: &str) -> String {
    let mut text = value.to_ascii_lowercase();
    for (defanged, plain) in [("[.]", "."), ("(.)", "."), ("{.}", "."), ("[dot]", "."), ("(dot)", "."), ("[:]", ":")] {
        if text.contains(defanged) {
            text = text.replace(defanged, plain);
        }
    }
    text
}

fn quoted(value: &str) -> String {
    let mut text: String = value.chars().take(QUOTED).flat_map(char::escape_default).collect();
    if value.chars().count() > QUOTED {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::feed::parse;
    use proptest::prelude::*;

    fn values(text: &str) -> Vec<String> {
        parse(text, "list").indicators.iter().map(|indicator| indicator.pattern.to_string()).collect()
    }

    #[test]
    fn every_kind_in_every_spelling() {
        let text = "\u{feff}# list\r\n203.0.113.7:443\r\n203[.]0[.]113[.]8[:]444  # why\n[2001:db8::1]:443\n2001:db8::2\n\
                    198.51.100.0/24\n198.51.100.9/32\nGW.Evil[.]Example\nevil(dot)example.\n*.wild.example\n; no\n// no\n\n";
        assert_eq!(
            values(text),
            [
                "203.0.113.7:443",
                "203.0.113.8:444",
                "[2001:db8::1]:443",
                "2001:db8::2",
                "198.51.100.0/24",
                "198.51.100.9",
                "gw.evil.example",
                "evil.example",
                "wild.example",
            ]
        );
    }

    #[test]
    fn a_line_that_cannot_be_used_is_told_by_number_and_reason() {
        let feed = parse("a.example\nlocalhost\n300.1.2.3\n1.2.3.4:0\nhttp://x.example/\n1.2.3.4:99999\n", "list");
        assert_eq!(feed.indicators.len(), 1);
        let lines: Vec<_> = feed.refusals.iter().map(|refusal| refusal.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6]);
        assert_eq!(feed.refusals[0].to_string(), "line 2: localhost: a domain needs at least two labels");
    }

    #[test]
    fn an_indicator_says_where_it_stood() {
        let feed = parse("\n203.0.113.7:443\n", "mine.txt");
        assert_eq!(&*feed.indicators[0].reference, "mine.txt line 2");
    }

    proptest! {
        #[test]
        fn every_line_is_an_indicator_a_refusal_or_nothing(text in "(\\PC|\n){0,200}") {
            let feed = parse(&text, "list");
            prop_assert!(feed.indicators.len() + feed.refusals.len() <= text.lines().count());
        }

        #[test]
        fn what_is_printed_is_read_again(address in any::<IpAddr>(), port in 1u16.., length in 0u8..=32) {
            for pattern in [
                Pattern::Address(address),
                Pattern::Endpoint(address, port),
                Pattern::Network(IpNet::new_assert(address, length.min(31)).trunc()),
                Pattern::Domain("a-b.example".to_owned()),
            ] {
                prop_assert_eq!(super::pattern(&pattern.to_string()), Ok(pattern));
            }
        }
    }
}
