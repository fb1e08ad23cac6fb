//! A parser of CEF lines for tests. It shares no code with the writer.

use std::collections::HashMap;

/// Parses a line into keys and values. The keys of the header's fields are `0` to `6`.
pub fn parse(line: &str) -> Result<HashMap<String, String>, String> {
    let line = line.strip_suffix('\n').ok_or("no line feed at the end")?;
    let parts: Vec<&str> = line.splitn(8, '|').collect();
    let [header @ .., extension] = &parts[..] else { return Err("no parts".to_owned()) };
    let mut values: HashMap<String, String> =
        header.iter().enumerate().map(|(place, text)| (place.to_string(), (*text).to_owned())).collect();
    // Each unescaped `=` ends a key. The key starts after the last blank before it.
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut text = String::new();
    let mut characters = extension.chars();
    while let Some(character) = characters.next() {
        match character {
            '=' => {
                let (value, key) = text.rsplit_once(' ').unwrap_or(("", &text));
                if let Some(last) = fields.last_mut() {
                    last.1 = value.to_owned();
                }
                fields.push((key.to_owned(), String::new()));
                text.clear();
            }
            '\\' => match characters.next() {
                Some('\\') => text.push('\\'),
                Some('=') => text.push('='),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                other => return Err(format!("an escape that is none: {other:?}")),
            },
            _ => text.push(character),
        }
    }
    fields.last_mut().ok_or("no fields")?.1 = text;
    for (key, value) in fields {
        if value.is_empty() || values.insert(key.clone(), value).is_some() {
            return Err(format!("{key} is empty or comes twice"));
        }
    }
    Ok(values)
}
