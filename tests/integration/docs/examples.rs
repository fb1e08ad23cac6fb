//! The examples of the pages do what the pages say.
//!
//! A code block says after its language what it is:
//!
//! - `console [exit=N] [needs=PROGRAM]`: commands, each after `$ `, and what they print. They are
//!   run with bash in a folder that holds the sample captures. `…` stands for any text in a line;
//!   alone in a line it stands for any number of lines. The last command ends with the exit code N
//!   (0 if there is none).
//! - `sh not-run=REASON`: commands that cannot run in a test, for one of the reasons in
//!   [`NOT_RUN`]. Their options are checked.
//! - `toml exclusions|settings|wrong-settings`: a file for `rattap exclusions check` or
//!   `rattap config check`.
//! - `json`: it parses. `kusto` is not run. `rsyslog`: see `delivery/forms.rs` and
//!   `hunts/forwarder.rs`. `text`: anything else.
//!
//! With `file=NAME` a block is also a file of that name in the folder in which the commands run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::page::{Block, Page, other_pages, pages, root};
use crate::needs::{self, Need};
use crate::samples;

/// Why commands are not run here.
const NOT_RUN: [(&str, &str); 4] = [
    ("build", "builds or installs; it would run this test within itself"),
    ("root", "needs root, and changes the machine"),
    ("network", "needs a receiver; tests/integration/delivery has them"),
    ("forever", "runs until it is stopped; tests/integration/follow.rs runs it"),
];

/// The names that pages give to the captures of their readers, and the samples that stand for them.
const CAPTURES: [(&str, &str); 5] = [
    ("week.pcap", "story.pcap"),
    ("week.pcap.gz", "format/gzip.pcap.gz"),
    ("incident.pcapng", "format/little-endian.pcapng"),
    ("captures/2026-06-01/part-1.pcap", "rotated/part-1.pcap"),
    ("captures/2026-06-01/part-2.pcap", "rotated/part-2.pcap"),
];

/// Copies a folder with all below it.
fn copy(from: &Path, to: &Path, without: &[&str]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if without.iter().any(|without| name == *without) {
            continue;
        }
        let to = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to, &[]);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A folder as readers of the pages have one.
fn readers_folder(files: &BTreeMap<&str, &str>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&samples::folder(), folder.path(), &["generator", "golden", "README.md"]);
    for (name, sample) in CAPTURES {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(samples::folder().join(sample), path).unwrap();
    }
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Returns true if a program is installed; otherwise reports that its commands are skipped.
fn is_here(program: &str, place: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_here = found.is_ok_and(|status| status.success());
    if !is_here {
        needs::skip(Need::Tools, format_args!("{program} is not installed, so the commands of {place} did not run"));
    }
    is_here
}

/// Runs a command as a reader does, who sees both outputs in one terminal. Returns what it printed,
/// and its exit code.
fn run_in(folder: &Path, line: &str) -> (String, i32) {
    let program = Path::new(env!("CARGO_BIN_EXE_rattap")).parent().unwrap();
    let mut path = program.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-c", &format!("set -o pipefail\nexec 2>&1\n{line}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text, output.status.code().unwrap_or(-1))
}

/// True if a line is what a page shows, where `…` stands for any text.
fn is_line(shown: &str, line: &str) -> bool {
    match shown.split_once('…') {
        None => shown == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            let cuts = line.char_indices().map(|(index, _)| index).chain([line.len()]);
            cuts.into_iter().any(|cut| is_line(rest, &line[cut..]))
        }),
    }
}

/// True if lines are what a page shows, where a line `…` stands for any number of lines.
fn are_lines(shown: &[&str], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((elided, rest)) if elided.trim() == "…" => {
            (0..=lines.len()).any(|skipped| are_lines(rest, &lines[skipped..]))
        }
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| is_line(first, line) && are_lines(rest, lines))
        }
    }
}

#[test]
fn what_is_elided_is_matched_and_nothing_else() {
    assert!(is_line("a…c", "abc") && is_line("a…c", "ac") && is_line("…", "") && is_line("a … b…", "a x b"));
    assert!(!is_line("a…c", "abcd") && !is_line("a…c", "xac") && !is_line("a", "ab"));
    assert!(are_lines(&["a", "…", "c"], &["a", "b", "b", "c"]) && are_lines(&["…"], &[]));
    assert!(!are_lines(&["a", "c"], &["a", "b", "c"]) && !are_lines(&["a"], &[]) && !are_lines(&[], &["a"]));
}

/// Runs the commands of a block, and says what went otherwise than the page has it.
fn wrong_in_console(block: &Block<'_>, folder: &Path) -> String {
    let mut wrong = String::new();
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, Vec::new())),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("{}: output before any command", block.place),
        }
    }
    assert!(!commands.is_empty(), "{}: no command", block.place);
    let code: i32 = block.value("exit").map_or(0, |code| code.parse().unwrap());
    for (command, shown) in &commands {
        let (text, ended) = run_in(folder, command);
        let lines: Vec<&str> = text.lines().collect();
        if !are_lines(shown, &lines) || ended != code {
            let shown = shown.join("\n");
            let text: String =
                lines.iter().map(|line| line.chars().take(160).chain(['\n']).collect::<String>()).collect();
            let _ = writeln!(wrong, "{}: $ {command}\n--- the page shows, exit code {code}:", block.place);
            let _ = writeln!(wrong, "{shown}\n--- it is, exit code {ended}:\n{text}");
        }
    }
    wrong
}

/// Checks a TOML file as its words say, and says what went otherwise.
fn wrong_in_toml(block: &Block<'_>, folder: &Path) -> String {
    let file = "checked.toml";
    fs::write(folder.join(file), &block.text).unwrap();
    let (command, code) = match block.words.first() {
        Some(&"exclusions") => ("exclusions", 0),
        Some(&"settings") => ("config", 0),
        Some(&"wrong-settings") => ("config", 2),
        other => return format!("{}: {other:?} says nothing of a TOML file\n", block.place),
    };
    let (text, ended) = run_in(folder, &format!("rattap {command} check {file}"));
    if ended == code { String::new() } else { format!("{}: exit code {ended}: {text}\n", block.place) }
}

#[test]
fn examples_do_what_the_pages_say() {
    let (pages, others) = (pages(), other_pages());
    let blocks: Vec<(&Page, Vec<Block<'_>>)> = pages.iter().chain(&others).map(|page| (page, page.blocks())).collect();
    let mut files = BTreeMap::new();
    for block in blocks.iter().flat_map(|(_, blocks)| blocks) {
        if let Some(name) = block.value("file") {
            assert!(files.insert(name, block.text.as_str()).is_none(), "{}: {name} is there already", block.place);
        }
    }
    let mut wrong = String::new();
    for (page, blocks) in &blocks {
        let runs = blocks.iter().any(|block| matches!(block.language, "console" | "toml"));
        let folder = runs.then(|| readers_folder(&files));
        let folder = folder.as_ref().map_or(root(), |folder| folder.path());
        for block in blocks {
            wrong += &match block.language {
                "console" => match block.value("needs") {
                    Some(program) if !is_here(program, &block.place) => String::new(),
                    _ => wrong_in_console(block, folder),
                },
                "sh" => {
                    let reason = block.value("not-run").unwrap_or_default();
                    let is_known = NOT_RUN.iter().any(|(known, _)| *known == reason);
                    if is_known { String::new() } else { format!("{}: not run, but why?\n", block.place) }
                }
                "toml" => wrong_in_toml(block, folder),
                "json" => {
                    let values = serde_json::Deserializer::from_str(&block.text).into_iter::<serde_json::Value>();
                    let errors = values.filter_map(Result::err).map(|error| format!("{}: {error}\n", block.place));
                    errors.collect()
                }
                "kusto" | "rsyslog" => String::new(),
                "text" => {
                    let is_command = |line: &str| line.starts_with("$ ") || line.starts_with("rattap ");
                    let hides = block.text.lines().any(is_command);
                    if hides { format!("{}: a command that is never run\n", block.place) } else { String::new() }
                }
                other => format!("{}: `{other}` is no language of these pages\n", block.place),
            };
        }
        if page.name == "README.md" {
            assert!(blocks.iter().any(|block| block.language == "console"), "the README shows no command");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
