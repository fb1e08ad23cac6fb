//! Names and texts of others on a terminal: nothing that the program prints can control it.
//!
//! Lists of indicators come from the network, and captures and lists may have any name. A control
//! character in one of them could clear the screen, set the title or fake a line of the log.

use std::fs;
use std::path::Path;

use rattap::sanitize::is_unprintable;

use crate::run::{Run, run, sample_text};

/// Clears the screen, sets the title, starts a line, and turns the reading direction: by C0, by C1,
/// and by Unicode.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}y";
/// The same as it is printed.
const SHOWN: &str = r"x\x1b[2J\x1b]0;owned\x07\xc2\x9b31m\xe2\x80\xaey";
/// A name that would fake a line of the log.
const TWO_LINES: &str = "a\u{1b}[8m\nrattap: error: faked";
const TWO_LINES_SHOWN: &str = r"a\x1b[8m\x0arattap: error: faked";

/// A ThreatFox CSV export with one usable indicator and one refused line. Every text field is
/// hostile.
fn list() -> String {
    format!(
        "\"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\"malware_alias\",\
         \"malware_printable\",\"last_seen_utc\",\"confidence_level\",\"is_compromised\",\"reference\",\"tags\",\
         \"anonymous\",\"reporter\"\n\
         \"2026-07-04 21:46:30\", \"{HOSTILE}\", \"203.0.113.70:443\", \"ip:port\", \"{HOSTILE}\", \"{HOSTILE}\", \
         \"{HOSTILE}\", \"{HOSTILE}\", \"\", \"75\", \"False\", \"{HOSTILE}\", \"{HOSTILE}\", \"0\", \"{HOSTILE}\"\n\
         \"2026-07-04 21:46:30\", \"2\", \"{HOSTILE}\", \"domain\", \"botnet_cc\", \"win.b\", \"None\", \"None\", \"\", \
         \"100\", \"False\", \"None\", \"None\", \"0\", \"{HOSTILE}\"\n"
    )
}

fn put(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// Runs the program and checks that all it prints is printable.
fn printed(arguments: &[&str]) -> Run {
    let run = run(arguments);
    for text in [&run.out, &run.err] {
        let bad = text.chars().find(|character| *character != '\n' && is_unprintable(*character));
        assert_eq!(bad, None, "{arguments:?}: {text:?}");
    }
    run
}

#[test]
fn indicators_are_listed_without_control_characters() {
    let folder = tempfile::tempdir().unwrap();
    let list = put(folder.path(), TWO_LINES, &list());
    let table = printed(&["indicators", "list", "--no-builtin", "--indicators", &list]);
    let rows: Vec<_> = table.out.lines().collect();
    assert_eq!((table.code, rows.len()), (0, 2), "{}", table.out);
    assert!(rows[1].matches(SHOWN).count() == 3, "{}", table.out);
    assert!(table.err.lines().all(|line| line.starts_with("rattap: warn")), "{}", table.err);
    assert!(table.err.contains(TWO_LINES_SHOWN), "{}", table.err);
    // A program that reads the JSON gets the list's own text.
    let json = printed(&["indicators", "list", "--json", "--no-builtin", "--indicators", &list]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json.out).unwrap();
    for field in ["malware_family", "threat_type", "reference", "id"] {
        assert_eq!(rows[0][field], HOSTILE, "{field}");
    }
    assert_eq!((&rows[0]["tags"][0], &rows[0]["source"]), (&HOSTILE.into(), &TWO_LINES.into()));
}

#[test]
fn lists_are_checked_without_control_characters() {
    let folder = tempfile::tempdir().unwrap();
    let list = put(folder.path(), TWO_LINES, &list());
    let checked = printed(&["indicators", "check", &list]);
    assert!(checked.out.lines().all(|line| line.contains(TWO_LINES_SHOWN)), "{}", checked.out);
    assert!(checked.out.contains("1 used, 1 refused"), "{}", checked.out);
    let other = printed(&["indicators", "check", "--family", "other", &list]);
    assert!(other.out.contains(r"begin with x\u{1b}[2J"), "{}", other.out);
    // An unusable list ends the start, with one line for each list, whatever its name.
    let gone = folder.path().join("gone").join(TWO_LINES).into_os_string().into_string().unwrap();
    let lists = ["--indicators", &gone, "--indicators", "gone-2"];
    let failed = printed(&[&["indicators", "list"], &lists[..]].concat());
    assert_eq!((failed.code, failed.err.lines().count()), (2, 2), "{}", failed.err);
    assert!(failed.err.contains(TWO_LINES_SHOWN), "{}", failed.err);
}

#[test]
fn a_replay_prints_nothing_that_drives_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let list = put(folder.path(), TWO_LINES, &list());
    let bad = put(folder.path(), &format!("{TWO_LINES}.pcap"), "no capture");
    let good = folder.path().join(HOSTILE).into_os_string().into_string().unwrap();
    fs::copy(sample_text("resolved/through-cname-to-indicator.pcap"), &good).unwrap();
    for form in ["-o", "--json"] {
        let told = printed(&["-v", "replay", "--summary", form, "-", "--indicators", &list, &good, &bad]);
        assert_eq!(told.code, 1, "{}", told.err);
        assert!(told.out.contains("203.0.113.70"), "{}", told.out);
        assert!(told.err.contains(&format!("{TWO_LINES_SHOWN}.pcap: not a capture")), "{}", told.err);
        assert!(!told.err.lines().any(|line| line.starts_with("rattap: error: faked")), "{}", told.err);
    }
    // A shell that expands `*` turns names into arguments.
    let option = printed(&["replay", &format!("--{TWO_LINES}")]);
    assert!(option.code == 2 && option.err.contains(r"--a\x1b[8m"), "{}", option.err);
    let gone = printed(&["replay", &good, "--names", &format!("{}/gone/{HOSTILE}", folder.path().display())]);
    assert!(gone.code == 2 && gone.err.contains(SHOWN), "{}", gone.err);
}

#[test]
fn rules_and_settings_are_told_without_control_characters() {
    let folder = tempfile::tempdir().unwrap();
    let rules = put(
        folder.path(),
        TWO_LINES,
        "[[rule]]\nname = 'help-desk'\nscenario = 'remote-support'\nowner = 'A\u{202e}B'\nreason = 'r'\n\
         expires = 2099-01-01\n[rule.match]\nsource = '192.0.2.0/24'\ndestination = '198.51.100.1'\n",
    );
    let told = printed(&["exclusions", "check", &rules]);
    assert!(told.code == 0 && told.out.contains(r"owner        A\xe2\x80\xaeB"), "{}{}", told.out, told.err);
    let broken = put(folder.path(), "b\u{1b}[8m\nrattap: error: faked", "[[rule]]\nname = 1\n");
    let refused = printed(&["exclusions", "check", &broken]);
    // The missing keys, and the wrong name.
    assert_eq!((refused.code, refused.err.lines().count()), (1, 2), "{}", refused.err);
    let refused = printed(&["replay", "--exclusions", &broken, "--exclusions", "gone", "-"]);
    assert_eq!((refused.code, refused.err.lines().count()), (2, 3), "{}", refused.err);
    let settings = put(folder.path(), "c\u{1b}[8m\nd.toml", "[\"\\u001b[2J\\n\"]\n");
    let refused = printed(&["config", "check", &settings]);
    assert_eq!((refused.code, refused.err.lines().count()), (2, 1), "{}", refused.err);
    let settings = put(folder.path(), "s.toml", "[sensor]\nid = \"a\\u009bb\"\n[capture]\ninterfaces = [\"lo\"]\n");
    let told = printed(&["config", "check", &settings]);
    assert!(told.code == 0 && told.out.contains(r#""a\u009bb""#), "{}{}", told.out, told.err);
}
