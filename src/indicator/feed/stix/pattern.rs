//! STIX patterns (STIX 2.1, section 9) of addresses, endpoints, domains and URLs.
//!
//! ```text
//! [network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.7' AND network-traffic:dst_port = 5678]
//! [ipv4-addr:value = '203.0.113.7'] OR [domain-name:value = 'evil.example']
//! ```
//!
//! A pattern becomes a list of alternatives, each a list of comparisons that must all hold. A
//! pattern with a restriction that a sensor cannot observe is refused, because an indicator without
//! that restriction would match too much.

use super::super::value::quoted;

/// The maximum length of a pattern in bytes. No list of addresses in a pattern is as long.
const MAX_LENGTH: usize = 64 << 10;

/// The maximum depth of brackets: the parser recurses for each.
const MAX_DEPTH: usize = 16;

/// The maximum number of alternatives of a pattern: nested alternatives multiply.
const MAX_ALTERNATIVES: usize = 4096;

/// A host that a pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedHost {
    pub(super) text: String,
    pub(super) is_url: bool,
}

/// The hosts that a pattern names, one for each alternative. Empty if the pattern is about files
/// and the like.
pub(super) fn read(pattern: &str) -> Result<Vec<NamedHost>, String> {
    if pattern.len() > MAX_LENGTH {
        return Err(format!("longer than {MAX_LENGTH} bytes"));
    }
    let mut parser = Parser { rest: pattern, depth: 0 };
    let alternatives = parser.observations()?;
    let mut all = Vec::new();
    for alternative in alternatives {
        if let Some(host) = host_of(&alternative)?
            && !all.contains(&host)
        {
            all.push(host);
        }
    }
    Ok(all)
}

/// `path = 'value'`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    path: String,
    value: String,
}

type Alternatives = Vec<Vec<Comparison>>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    OpenObservation,
    CloseObservation,
    /// A path, a number, an operator or a keyword.
    Word(&'a str),
    Text(String),
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// The next token and the text after it.
    fn peek(&self) -> Result<Option<(Token<'a>, &'a str)>, String> {
        let rest = self.rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let token = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            '[' => (Token::OpenObservation, &rest[1..]),
            ']' => (Token::CloseObservation, &rest[1..]),
            '\'' => text(&rest[1..])?,
            '=' | '!' | '<' | '>' => {
                let end = rest.find(|c| !matches!(c, '=' | '!' | '<' | '>')).unwrap_or(rest.len());
                (Token::Word(&rest[..end]), &rest[end..])
            }
            _ => {
                let end = word_end(rest);
                if end == 0 {
                    return Err(format!("{} is not expected", quoted(&first.to_string())));
                }
                (Token::Word(&rest[..end]), &rest[end..])
            }
        };
        Ok(Some(token))
    }

    fn next(&mut self) -> Result<Option<Token<'a>>, String> {
        let Some((token, rest)) = self.peek()? else { return Ok(None) };
        self.rest = rest;
        Ok(Some(token))
    }

    /// Consumes a keyword if it is the next token.
    fn accept_keyword(&mut self, word: &str) -> Result<bool, String> {
        match self.peek()? {
            Some((Token::Word(found), rest)) if found.eq_ignore_ascii_case(word) => {
                self.rest = rest;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn expect(&mut self, token: &Token<'_>, name: &str) -> Result<(), String> {
        match self.next()? {
            Some(found) if found == *token => Ok(()),
            _ => Err(format!("{name} is missing")),
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("brackets more than {MAX_DEPTH} deep"));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Observations, joined by OR.
    fn observations(&mut self) -> Result<Alternatives, String> {
        let all = self.observation_list()?;
        match self.next()? {
            None => Ok(all),
            Some(token) => Err(unexpected(&token)),
        }
    }

    fn observation_list(&mut self) -> Result<Alternatives, String> {
        let mut all = self.observation()?;
        while self.accept_keyword("OR")? {
            all.extend(self.observation()?);
            check_count(&all)?;
        }
        Ok(all)
    }

    fn observation(&mut self) -> Result<Alternatives, String> {
        match self.next()? {
            Some(Token::OpenObservation) => {
                let all = self.comparisons_or()?;
                self.expect(&Token::CloseObservation, "]")?;
                Ok(all)
            }
            Some(Token::Open) => {
                let all = self.nested(Self::observation_list)?;
                self.expect(&Token::Close, ")")?;
                Ok(all)
            }
            Some(token) => Err(unexpected(&token)),
            None => Err("no pattern".to_owned()),
        }
    }

    /// Comparisons, joined by OR.
    fn comparisons_or(&mut self) -> Result<Alternatives, String> {
        let mut all = self.comparisons_and()?;
        while self.accept_keyword("OR")? {
            all.extend(self.comparisons_and()?);
            check_count(&all)?;
        }
        Ok(all)
    }

    /// Comparisons, joined by AND, which has precedence over OR.
    fn comparisons_and(&mut self) -> Result<Alternatives, String> {
        let mut all = self.comparison()?;
        while self.accept_keyword("AND")? {
            let more = self.comparison()?;
            if all.len().saturating_mul(more.len()) > MAX_ALTERNATIVES {
                return Err(format!("more than {MAX_ALTERNATIVES} alternatives"));
            }
            all = all.iter().flat_map(|left| more.iter().map(|right| [&left[..], &right[..]].concat())).collect();
        }
        Ok(all)
    }

    fn comparison(&mut self) -> Result<Alternatives, String> {
        let path = match self.next()? {
            Some(Token::Open) => {
                let all = self.nested(Self::comparisons_or)?;
                self.expect(&Token::Close, ")")?;
                return Ok(all);
            }
            Some(Token::Word(path)) if path.contains(':') => path.to_owned(),
            Some(token) => return Err(unexpected(&token)),
            None => return Err("a comparison is missing".to_owned()),
        };
        match self.next()? {
            Some(Token::Word("=")) => {}
            Some(Token::Word(operator)) => return Err(format!("the operator {} is not supported", quoted(operator))),
            _ => return Err("an operator is missing".to_owned()),
        }
        match self.next()? {
            Some(Token::Text(value)) => Ok(vec![vec![Comparison { path, value }]]),
            Some(Token::Word(value)) => Ok(vec![vec![Comparison { path, value: value.to_owned() }]]),
            _ => Err(format!("{} has no value", quoted(&path))),
        }
    }
}

fn check_count(all: &Alternatives) -> Result<(), String> {
    if all.len() > MAX_ALTERNATIVES { Err(format!("more than {MAX_ALTERNATIVES} alternatives")) } else { Ok(()) }
}

fn unexpected(token: &Token<'_>) -> String {
    match token {
        Token::Word(word) if !word.contains(':') => format!("the operator {} is not supported", quoted(word)),
        _ => "not a pattern".to_owned(),
    }
}

/// The offset of the end of a word. `network-traffic:protocols[*]` is one word, with its brackets.
fn word_end(text: &str) -> usize {
    let (mut in_index, mut in_quotes, mut in_path) = (false, false, false);
    for (index, c) in text.char_indices() {
        in_path |= c == ':';
        match c {
            '\'' if in_path => in_quotes = !in_quotes,
            _ if in_quotes => {}
            '[' if index > 0 => in_index = true,
            ']' if in_index => in_index = false,
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | ':' | '*' => {}
            _ => return index,
        }
    }
    text.len()
}

/// A quoted text, in which a backslash escapes the next character.
fn text(rest: &str) -> Result<(Token<'static>, &str), String> {
    let mut value = String::new();
    let mut chars = rest.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '\'' => return Ok((Token::Text(value), &rest[index + 1..])),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    Err("a quote is not closed".to_owned())
}

/// The host that an alternative names. `None` if it is about something that is not visible on a
/// network.
fn host_of(alternative: &[Comparison]) -> Result<Option<NamedHost>, String> {
    let (mut host, mut port, mut is_url) = (None::<&str>, None::<&str>, false);
    for Comparison { path, value } in alternative {
        let index = match path.as_str() {
            "ipv4-addr:value" | "ipv6-addr:value" | "domain-name:value" => &mut host,
            "network-traffic:dst_ref.value" | "network-traffic:src_ref.value" => &mut host,
            "network-traffic:dst_port" | "network-traffic:src_port" => &mut port,
            "url:value" => {
                is_url = true;
                &mut host
            }
            // The value itself shows the type of an address, and any protocol is accepted.
            "network-traffic:dst_ref.type" | "network-traffic:src_ref.type" => continue,
            path if path.starts_with("network-traffic:protocols[") => continue,
            path if is_of_network(path) => return Err(format!("{} is not supported", quoted(path))),
            _ => return Ok(None),
        };
        if index.replace(value).is_some_and(|known| known != value) {
            return Err(format!("two values for {} in one packet", quoted(path)));
        }
    }
    match (host, port) {
        (None, _) => Err("it names no host".to_owned()),
        (Some(host), None) => Ok(Some(NamedHost { text: host.to_owned(), is_url })),
        (Some(host), Some(port)) if host.contains(':') => {
            Ok(Some(NamedHost { text: format!("[{host}]:{port}"), is_url }))
        }
        (Some(host), Some(port)) => Ok(Some(NamedHost { text: format!("{host}:{port}"), is_url })),
    }
}

fn is_of_network(path: &str) -> bool {
    ["network-traffic:", "ipv4-addr:", "ipv6-addr:", "domain-name:", "url:"].iter().any(|kind| path.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(pattern: &str) -> Vec<String> {
        read(pattern).unwrap().into_iter().map(|host| host.text).collect()
    }

    #[test]
    fn hosts_endpoints_and_urls() {
        for (pattern, expected) in [
            ("[ipv4-addr:value = '203.0.113.7']", &["203.0.113.7"][..]),
            ("[ipv4-addr:value = '198.51.100.0/24']", &["198.51.100.0/24"]),
            ("[ ( ipv6-addr:value='2001:db8::1' ) ]", &["2001:db8::1"]),
            ("[domain-name:value = 'evil.example']", &["evil.example"]),
            (
                "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.7' AND \
                 network-traffic:dst_port = 5678]",
                &["203.0.113.7:5678"],
            ),
            (
                "([network-traffic:dst_port = '5678' AND (network-traffic:dst_ref.value = '2001:db8::7' \
                 AND network-traffic:protocols[*] = 'tcp')])",
                &["[2001:db8::7]:5678"],
            ),
            (
                "[ipv4-addr:value = '203.0.113.7' OR domain-name:value = 'a.example'] OR [domain-name:value = 'b.example']",
                &["203.0.113.7", "a.example", "b.example"],
            ),
            (
                "[(ipv4-addr:value = '203.0.113.7' OR ipv4-addr:value = '203.0.113.8') AND network-traffic:dst_port = 1]",
                &["203.0.113.7:1", "203.0.113.8:1"],
            ),
            ("[file:hashes.'SHA-256' = 'aa']", &[]),
            ("[domain-name:value = 'it\\'s']", &["it's"]),
        ] {
            assert_eq!(texts(pattern), expected, "{pattern}");
        }
        assert!(read("[url:value = 'http://evil.example/x']").unwrap()[0].is_url);
    }

    #[test]
    fn unsupported_patterns_are_named() {
        for (pattern, why) in [
            ("[ipv4-addr:value IN ('203.0.113.7')]", "the operator IN"),
            ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", "the operator ISSUBSET"),
            ("[domain-name:value LIKE '%.example']", "the operator LIKE"),
            ("[domain-name:value MATCHES 'x']", "the operator MATCHES"),
            ("[domain-name:value != 'evil.example']", "the operator !="),
            ("[NOT domain-name:value = 'evil.example']", "the operator NOT"),
            ("[domain-name:value = 'a.example'] AND [domain-name:value = 'b.example']", "the operator AND"),
            (
                "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
                "the operator FOLLOWEDBY",
            ),
            ("[domain-name:value = 'a.example'] WITHIN 5 SECONDS", "the operator WITHIN"),
            ("[domain-name:value = 'a.example' AND domain-name:value = 'b.example']", "two values"),
            ("[network-traffic:dst_port = 443]", "no host"),
            (
                "[network-traffic:dst_ref.value = '203.0.113.7' AND network-traffic:dst_byte_count = 5]",
                "dst_byte_count",
            ),
            ("[domain-name:value = 'a.example'", "] is missing"),
            ("[domain-name:value = 'a.example]", "not closed"),
            ("", "no pattern"),
        ] {
            let error = read(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = format!("[{}ipv4-addr:value = '203.0.113.7'{}]", "(".repeat(10_000), ")".repeat(10_000));
        assert!(read(&deep).unwrap_err().contains("deep"));
        let deep = format!("{}[ipv4-addr:value = '203.0.113.7']", "(".repeat(10_000));
        assert!(read(&deep).unwrap_err().contains("deep"));
        let wide = vec!["(domain-name:value = 'a' OR domain-name:value = 'b')"; 30].join(" AND ");
        assert!(read(&format!("[{wide}]")).unwrap_err().contains("alternatives"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\[|\\]|\\(|\\)|'|=|OR|AND| |domain-name:value|\\PC){0,40}") {
            let _ = read(&text);
        }
    }
}
