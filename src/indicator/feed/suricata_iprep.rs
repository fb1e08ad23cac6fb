//! Suricata IP reputation files
//! (<https://docs.suricata.io/en/latest/reputation/ipreputation/ip-reputation-format.html>):
//! `address,category,score`. The address may be a network, the score is from 1 to 127.

use ipnet::IpNet;
use std::net::IpAddr;

use super::SkipReason;
use super::collector::{EntryCollector, FeedEntry, FormatError};
use super::format::{FeedStart, Format};
use super::value::quoted;

pub(super) const FORMAT: Format = Format { name: "Suricata iprep", names_families: false, recognizes, read };

/// The highest score.
const MAX_SCORE: u8 = 127;

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.data_lines().next().is_some_and(|line| fields(line).is_some())
}

/// Address, category and score.
fn fields(line: &str) -> Option<(&str, u8, u8)> {
    let mut fields = line.split(',').map(str::trim);
    let (address, category, score) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let is_address = address.parse::<IpAddr>().is_ok() || address.parse::<IpNet>().is_ok();
    (is_address && fields.next().is_none() && score <= MAX_SCORE).then_some((address, category, score))
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    for (number, line) in text.lines().enumerate() {
        let line = collector.without_comment(line);
        if line.is_empty() {
            continue;
        }
        match fields(line) {
            // The format defines a score of 0 as no data.
            Some((_, _, 0)) => collector.skip(SkipReason::Context),
            Some((value, category, score)) => {
                let confidence = (u16::from(score) * 100 / u16::from(MAX_SCORE)) as u8;
                let tag = format!("category {category}");
                collector.add(&FeedEntry {
                    line: number + 1,
                    value,
                    confidence: Some(confidence),
                    tags: &[&tag],
                    ..FeedEntry::default()
                })?;
            }
            None => collector.refuse(number + 1, format!("{}: not of the form address,category,score", quoted(line))),
        }
    }
    Ok(())
}
