//! The command line that repeats a replay, for its reports.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use rattap::report::model::Moment;
use rattap::sanitize::sanitize;

use crate::command::args::{FeedArgs, IndicatorArgs, ReplayArgs, RunArgs};

/// The command line that gives the same findings for the same captures. Options that do not change
/// the findings are omitted; a test names them all.
pub(super) fn command_line(args: &ReplayArgs) -> String {
    let ReplayArgs { paths, from, to, run, .. } = args;
    let RunArgs { filter, indicators, exclusions, explain_exclusions, repeat_window, home, .. } = run;
    let IndicatorArgs { indicators: lists, no_builtin, rules } = indicators;
    let FeedArgs { family, max_age: _, indicator_max_age, allow_broad } = rules;
    let mut words = vec!["rattap".to_owned(), "replay".to_owned()];
    let mut option = |name: &str, value: &OsStr| words.extend([name.to_owned(), quoted(value)]);
    let seconds = |time: &Duration| format!("{}s", time.as_secs());
    from.iter().for_each(|from| option("--from", Moment(*from).to_string().as_ref()));
    to.iter().for_each(|to| option("--to", Moment(*to).to_string().as_ref()));
    filter.iter().for_each(|filter| option("--filter", filter.as_ref()));
    lists.iter().for_each(|list| option("--indicators", list.as_os_str()));
    family.iter().for_each(|family| option("--family", family.as_ref()));
    indicator_max_age.iter().for_each(|age| option("--indicator-max-age", seconds(age).as_ref()));
    exclusions.exclusions.iter().for_each(|file| option("--exclusions", file.as_os_str()));
    option("--repeat-window", seconds(repeat_window).as_ref());
    home.iter().for_each(|network| option("--home", network.to_string().as_ref()));
    for (is_on, switch) in
        [(no_builtin, "--no-builtin"), (allow_broad, "--allow-broad"), (explain_exclusions, "--explain-exclusions")]
    {
        words.extend(is_on.then(|| switch.to_owned()));
    }
    if paths.iter().any(|path| path.as_os_str().as_encoded_bytes().starts_with(b"-") && path.as_os_str() != "-") {
        words.push("--".to_owned());
    }
    words.extend(paths.iter().map(|path| quoted(path.as_os_str())));
    words.join(" ")
}

/// Quotes a word for a shell. Characters that could control a terminal are escaped in the shells'
/// form `$'…'` (POSIX.1-2024).
fn quoted(word: &OsStr) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-+=:,./@%".contains(character);
    let bytes = word.as_bytes();
    match word.to_str().filter(|word| *word == sanitize(bytes).to_string()) {
        Some(word) if !word.is_empty() && word.chars().all(is_plain) => word.to_owned(),
        Some(word) => format!("'{}'", word.replace('\'', r"'\''")),
        None => {
            let mut escaped = Vec::with_capacity(bytes.len());
            for byte in bytes {
                escaped.extend(matches!(byte, b'\\' | b'\'').then_some(b'\\'));
                escaped.push(*byte);
            }
            format!("$'{}'", sanitize(&escaped))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Args, Command, FromArgMatches};

    use super::*;

    /// Options that do not change the findings.
    const OMITTED: [&str; 21] = [
        "audit",
        "carve",
        "case",
        "color",
        "config",
        "exit_code",
        "follow",
        "format",
        "json",
        "max_age",
        "names",
        "no_report_hashes",
        "output",
        "report",
        "sensor_host",
        "sensor_id",
        "spool",
        "spool_limit",
        "state",
        "summary",
        "workers",
    ];

    fn parsed(words: &[&str]) -> String {
        let matches = ReplayArgs::augment_args(Command::new("replay")).get_matches_from([&["replay"], words].concat());
        command_line(&ReplayArgs::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn options_that_change_the_findings_are_included() {
        let all = [
            "--from",
            "2026-06-01 12:00",
            "--to",
            "2026-06-02T00:00:00.5+02:00",
            "--filter",
            "not port 22",
            "--indicators",
            "a b.txt",
            "--no-builtin",
            "--family",
            "x",
            "--indicator-max-age",
            "1d",
            "--allow-broad",
            "--exclusions",
            "it's.toml",
            "--explain-exclusions",
            "--repeat-window",
            "5m",
            "--home",
            "10.0.0.0/8",
            "-w",
            "3",
            "-o",
            "out.cef",
            "--report",
            "r.html",
            "--sensor-id",
            "7",
            "one.pcap",
            "-",
        ];
        assert_eq!(
            parsed(&all),
            r"rattap replay --from 2026-06-01T12:00:00Z --to 2026-06-01T22:00:00.5Z --filter 'not port 22' --indicators 'a b.txt' --family x --indicator-max-age 86400s --exclusions 'it'\''s.toml' --repeat-window 300s --home 10.0.0.0/8 --no-builtin --allow-broad --explain-exclusions one.pcap -"
        );
        assert_eq!(parsed(&["--", "-odd.pcap"]), "rattap replay --repeat-window 600s -- -odd.pcap");
    }

    #[test]
    fn control_characters_are_escaped_for_the_shell() {
        let names: [(&[u8], &str); 4] = [
            (b"a\x1b[31m.pcap", r"$'a\x1b[31m.pcap'"),
            ("\u{202e}fdp.pcap".as_bytes(), r"$'\xe2\x80\xaefdp.pcap'"),
            (b"\xff\\x0a'.pcap", r"$'\xff\\x0a\'.pcap'"),
            (br"plain\x0a.pcap", r"'plain\x0a.pcap'"),
        ];
        for (name, expected) in names {
            assert_eq!(quoted(OsStr::from_bytes(name)), expected);
        }
    }

    #[test]
    fn every_option_is_included_or_omitted_on_purpose() {
        let included = [
            "allow_broad",
            "exclusions",
            "explain_exclusions",
            "family",
            "filter",
            "from",
            "home",
            "indicator_max_age",
            "indicators",
            "no_builtin",
            "paths",
            "read",
            "repeat_window",
            "to",
        ];
        let known: BTreeSet<_> = included.iter().chain(&OMITTED).copied().map(str::to_owned).collect();
        let command = ReplayArgs::augment_args(Command::new("replay"));
        let defined: BTreeSet<_> = command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
        assert_eq!(defined, known, "an option was added or removed: see `command_line`");
    }
}
