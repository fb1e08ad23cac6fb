//! Suricata's address reputation (<https://docs.suricata.io/en/latest/reputation/ipreputation/ip-reputation-format.html>):
//! `address,category,score`, where an address may be a range and a score is between 1 and 127.

use ipnet::IpNet;
use std::net::IpAddr;

use super::reader::{Broken, Entry, Reader};
use super::value::quoted;
use super::{Format, Head, LeftOut, without_comment};

pub(super) const FORMAT: Format = Format { name: "Suricata iprep", names_families: false, recognises, read };

/// The highest score.
const HIGHEST: u8 = 127;

fn recognises(head: &Head<'_>) -> bool {
    head.data().next().is_some_and(|line| fields(line).is_some())
}

/// Address, category and score.
fn fields(line: &str) -> Option<(&str, u8, u8)> {
    let mut fields = line.split(',').map(str::trim);
    let (address, category, score) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let is_address = address.parse::<IpAddr>().is_ok() || address.parse::<IpNet>().is_ok();
    (is_address && fields.next().is_none() && score <= HIGHEST).then_some((address, category, score))
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    for (number, line) in text.lines().enumerate() {
        let line = without_comment(line, reader);
        if line.is_empty() {
            continue;
        }
        match fields(line) {
            // No data, as the format has it.
            Some((_, _, 0)) => reader.leave_out(LeftOut::Context),
            Some((value, category, score)) => {
                let confidence = (u16::from(score) * 100 / u16::from(HIGHEST)) as u8;
                let tag = format!("category {category}");
                reader.entry(&Entry {
                    line: number + 1,
                    value,
                    confidence: Some(confidence),
                    tags: &[&tag],
                    ..Entry::default()
                })?;
            }
            None => reader.refuse(number + 1, format!("{}: no address,category,score", quoted(line))),
        }
    }
    Ok(())
}
