//! What the shells offer with the scripts that `rattap completions` prints: asked of the shells themselves.

use std::fs;
use std::io::{self, Write};
use std::process::Command;

use crate::run::run;

/// What a shell offers for each of these beginnings of a command line, whose last word is to be completed; nothing where the shell is
/// not there. `ask` is the shell's own way to find out with the script that `$SCRIPT` names and the words that are its arguments: it prints
/// one offer a line.
fn offers(shell: &str, ask: &str, lines: &[&[&str]]) -> Option<Vec<Vec<String>>> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, run(["completions", shell]).out).unwrap();
    let mut all = Vec::new();
    for line in lines {
        let asked = Command::new(shell).args(["-c", ask, "rattap"]).args(*line).env("SCRIPT", &script).output();
        let Ok(asked) = asked else {
            // Not `eprintln`: the test harness would keep that to itself.
            let _ = writeln!(io::stderr(), "SKIPPED: {shell} is not installed (apt install {shell})");
            return None;
        };
        let errors = String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.success() && errors.is_empty(), "{shell} {line:?}: {errors}");
        // A description may stand behind an offer.
        let word = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        all.push(String::from_utf8(asked.stdout).unwrap().lines().map(word).collect());
    }
    Some(all)
}

const LINES: [&[&str]; 6] = [
    &[""],
    &["rep"],
    &["replay", "--f"],
    &["indicators", ""],
    &["exclusions", "check", "--"],
    &["hunt", "--format", ""],
];

/// Whether these are among what was offered, line by line.
fn hold(offered: &[Vec<String>]) {
    let expected: [&[&str]; 6] = [
        &["replay", "live", "indicators", "hunt", "exclusions", "interfaces", "config", "man", "completions"],
        &["replay"],
        &["--follow", "--from", "--filter"],
        &["list", "check"],
        &["--verbose", "--quiet"],
        &["kql", "yaml", "watchlist"],
    ];
    for ((line, offered), expected) in LINES.iter().zip(offered).zip(expected) {
        for word in expected {
            assert!(offered.iter().any(|offer| offer == word), "{line:?}: {word} not among {offered:?}");
        }
    }
    assert!(!offered[1].contains(&"live".to_owned()), "{:?}", offered[1]);
}

#[test]
fn bash_completes_commands_and_options() {
    let ask = r#"
        source "$SCRIPT"
        COMP_WORDS=("$0" "$@") COMP_CWORD=$# COMPREPLY=()
        # As bash itself calls it: by the name that the script gave.
        completer=$(complete -p rattap | sed 's/.*-F \([^ ]*\) rattap$/\1/')
        "$completer" rattap "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    if let Some(offered) = offers("bash", ask, &LINES) {
        hold(&offered);
    }
}

#[test]
fn fish_completes_commands_and_options() {
    let ask = r#"
        source $SCRIPT
        set -l line (string escape -- $argv[1..-2])
        complete --do-complete "$line "$argv[-1]
    "#;
    if let Some(offered) = offers("fish", ask, &LINES) {
        hold(&offered);
    }
}
