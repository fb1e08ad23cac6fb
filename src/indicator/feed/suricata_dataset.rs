//! Suricata's datasets of type `string` (<https://docs.suricata.io/en/latest/rules/datasets.html>): base64, one a line, in data of
//! reputation with `,score` behind it. Datasets of addresses are plain lists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reader::{Broken, Entry, Reader};
use super::value::{self, quoted};
use super::{Format, Head};

pub(super) const FORMAT: Format = Format { name: "Suricata dataset", names_families: false, recognises, read };

/// How many lines must be of this kind before the list is.
const LOOKED_AT: usize = 16;

fn recognises(head: &Head<'_>) -> bool {
    let mut lines = head.data().take(LOOKED_AT).peekable();
    lines.peek().is_some() && lines.all(|line| decoded(line).is_some_and(|text| value::read(&text).is_ok()))
}

/// One published sample decodes with a line end.
fn decoded(line: &str) -> Option<String> {
    let text = line.split(',').next()?.trim();
    let bytes = STANDARD.decode(text).ok()?;
    Some(String::from_utf8(bytes).ok()?.trim().to_owned())
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            reader.comment(line);
            continue;
        }
        match decoded(line) {
            Some(value) => reader.entry(&Entry { line: number + 1, value: &value, ..Entry::default() })?,
            None => reader.refuse(number + 1, format!("{}: no base64 of a text", quoted(line))),
        }
    }
    Ok(())
}
