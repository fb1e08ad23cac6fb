//! Numbers, lists and lengths of time in words.

use std::collections::BTreeSet;

const WORDS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// `two`, `12`.
fn number(count: usize) -> String {
    WORDS.get(count).map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// `C2 server 192.0.2.1:443`, `two C2 servers`.
pub(super) fn one_or_count<T: Ord + ToString>(values: &BTreeSet<T>, noun: &str) -> String {
    match (values.first(), values.len()) {
        (Some(value), 1) => format!("{noun} {}", value.to_string()),
        (_, count) => format!("{} {noun}s", number(count)),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn and<T: ToString>(values: &BTreeSet<T>) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}

/// `once`, `twice`, `three times`.
pub(super) fn times(count: u64) -> String {
    match count {
        0 | 1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", usize::try_from(count).map_or_else(|_| count.to_string(), number)),
    }
}

/// `57 min`, `2 h 5 min`, `3 days 4 h`. Under a minute in seconds.
pub(super) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (1, ..) => format!("1 day {hours} h"),
        _ => format!("{days} days {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain() {
        let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(one_or_count(&set(&["a"]), "server"), "server a");
        assert_eq!(one_or_count(&set(&["a", "b"]), "server"), "two servers");
        assert_eq!([and(&set(&["a"])), and(&set(&["a", "b", "c"]))], ["a", "a, b and c"]);
        assert_eq!([0, 1, 2, 3, 12].map(times), ["once", "once", "twice", "three times", "12 times"]);
        assert_eq!(
            [59, 3450, 7200, 7500, 90_000, 190_000].map(duration),
            ["59 s", "57 min", "2 h", "2 h 5 min", "1 day 1 h", "2 days 4 h"]
        );
    }
}
