//! Intel files of Zeek (<https://docs.zeek.org/en/master/frameworks/intel.html>): columns between tabs, named by `#fields`.
//!
//! ```text
//! #fields<TAB>indicator<TAB>indicator_type<TAB>meta.source<TAB>meta.desc
//! 203.0.113.7<TAB>Intel::ADDR<TAB>somebody<TAB>why
//! ```

use super::reader::{Broken, Entry, Reader};
use super::{Format, Head, LeftOut};

pub(super) const FORMAT: Format = Format { name: "Zeek intel", names_families: false, recognises, read };

fn recognises(head: &Head<'_>) -> bool {
    head.lines().any(|line| line.starts_with("#fields\t") && line.contains("\tindicator_type"))
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let mut columns: Vec<&str> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if let Some(names) = line.strip_prefix("#fields\t") {
            columns = names.split('\t').collect();
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            reader.comment(line);
            continue;
        }
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let of = |name: &str| {
            let place = columns.iter().position(|column| *column == name);
            let text = place.and_then(|place| fields.get(place)).copied().unwrap_or_default();
            // Zeek's words for nothing.
            if text == "-" || text == "(empty)" { "" } else { text }
        };
        let is_url = match of("indicator_type") {
            "Intel::ADDR" | "Intel::SUBNET" | "Intel::DOMAIN" => false,
            "Intel::URL" => true,
            "" => {
                reader.refuse(number + 1, "no type of indicator: is the line broken by blanks instead of tabs?");
                continue;
            }
            _ => {
                reader.leave_out(LeftOut::OtherKind);
                continue;
            }
        };
        let reference = ["meta.url", "meta.desc", "meta.source"].into_iter().map(of).find(|text| !text.is_empty());
        reader.entry(&Entry {
            line: number + 1,
            value: of("indicator"),
            is_from_url: is_url,
            reference: reference.unwrap_or_default(),
            ..Entry::default()
        })?;
    }
    Ok(())
}
