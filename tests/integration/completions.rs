//! The scripts that `rattap completions` prints, as the shells themselves use them.

use std::fs;
use std::process::Command;

use crate::needs::Need;
use crate::run::{has_program, run};

/// The words that a shell offers for each of these beginnings of a command line, whose last word is
/// to be completed.
///
/// `ask` is a script in the shell's language, which prints one offer a line. `$SCRIPT` names the
/// file of completions; its arguments are the words of the command line behind `rattap`.
fn offers(shell: &str, ask: &str, lines: &[&[&str]]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, run(["completions", shell]).out).unwrap();
    let mut all = Vec::new();
    for line in lines {
        let asked =
            Command::new(shell).args(["-c", ask, "rattap"]).args(*line).env("SCRIPT", &script).output().unwrap();
        let errors = String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.success() && errors.is_empty(), "{shell} {line:?}: {errors}");
        // A description may follow an offer.
        let word = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        all.push(String::from_utf8(asked.stdout).unwrap().lines().map(word).collect());
    }
    all
}

const LINES: [&[&str]; 6] = [
    &[""],
    &["rep"],
    &["replay", "--f"],
    &["indicators", ""],
    &["exclusions", "check", "--"],
    &["hunt", "--format", ""],
];

/// Checks what was offered for [`LINES`].
fn check(offered: &[Vec<String>]) {
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
    check(&offers("bash", ask, &LINES));
}

#[test]
fn fish_completes_commands_and_options() {
    let ask = r#"
        source $SCRIPT
        set -l line (string escape -- $argv[1..-2])
        complete --do-complete "$line "$argv[-1]
    "#;
    if has_program(Need::Fish, "fish") {
        check(&offers("fish", ask, &LINES));
    }
}

#[test]
fn zsh_completes_commands_and_options() {
    // zsh completes in its line editor alone, so a second zsh runs in a terminal of its own.
    // `compadd` is what hands it offers; with -O, -A or -D it only filters them.
    let ask = r#"
        zmodload zsh/zpty
        export OFFERS=$(mktemp) LINE="rattap $*"
        zpty shell zsh -f -i
        zpty -w shell 'autoload -U compinit; compinit -u -D; source $SCRIPT'
        zpty -w shell 'compadd() {
            local -a offers
            (( ${@[(I)-[OAD]]} )) || { builtin compadd -A offers "$@"; print -rl -- $offers >> $OFFERS; }
            builtin compadd "$@"
        }'
        zpty -w shell 'ask() { BUFFER=$LINE CURSOR=$#LINE; zle complete-word; exit }; zle -N ask; bindkey "^T" ask'
        zpty -w -n shell $'\C-t'
        while zpty -r shell >/dev/null; do :; done
        cat $OFFERS
        rm $OFFERS
    "#;
    if has_program(Need::Zsh, "zsh") {
        check(&offers("zsh", ask, &LINES));
    }
}
