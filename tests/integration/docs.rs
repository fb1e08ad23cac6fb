//! The documentation: its examples do what it says, its links lead somewhere, and it keeps its form.
//!
//! A code block says after its language what it is:
//!
//! - `console [exit=N] [needs=PROGRAM]`: commands, each after `$ `, and what they print. They are run with bash in a folder that
//!   holds the sample captures. `…` stands for any text in a line; alone in a line it stands for any number of lines. The last
//!   command ends with the exit code N (0 if there is none).
//! - `sh not-run=REASON`: commands that cannot run in a test, for one of the reasons in [`NOT_RUN`]. Their options are checked.
//! - `toml exclusions|settings|wrong-settings`: a file for `rattap exclusions check` or `rattap config check`.
//! - `json`: it parses. `kusto`: see `hunts.rs`. `rsyslog`: see `delivery/forms.rs` and `hunts/forwarder.rs`. `text`: anything else.
//!
//! With `file=NAME` a block is also a file of that name in the folder in which the commands run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path};
use std::process::{Command, Stdio};

use rattap::alert::Signature;

use crate::cef_reader;
use crate::metrics_referee::snapshot;
use crate::run;
use crate::samples;

/// Why commands are not run here.
const NOT_RUN: [(&str, &str); 4] = [
    ("build", "builds or installs; it would run this test within itself"),
    ("root", "needs root, and changes the machine"),
    ("network", "needs a receiver; tests/integration/delivery has them"),
    ("forever", "runs until it is stopped; tests/integration/follow.rs runs it"),
];

/// What pages call the captures of their readers, and the samples that stand for them.
const CAPTURES: [(&str, &str); 5] = [
    ("week.pcap", "story.pcap"),
    ("week.pcap.gz", "format/gzip.pcap.gz"),
    ("incident.pcapng", "format/little-endian.pcapng"),
    ("captures/2026-06-01/part-1.pcap", "rotated/part-1.pcap"),
    ("captures/2026-06-01/part-2.pcap", "rotated/part-2.pcap"),
];

/// The most columns that prose may have.
const WIDTH: usize = 100;

/// The commands whose help has every option.
const COMMANDS: [&[&str]; 11] = [
    &["replay"],
    &["live"],
    &["hunt"],
    &["interfaces"],
    &["report-schema"],
    &["man"],
    &["completions"],
    &["indicators", "list"],
    &["indicators", "check"],
    &["exclusions", "check"],
    &["config", "check"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page of documentation.
struct Page {
    /// Its path from the project's folder.
    name: String,
    text: String,
}

/// A code block of a page.
struct Block<'a> {
    /// The page and the line of its first fence.
    place: String,
    language: &'a str,
    /// What follows the language: words, and names with values.
    words: Vec<&'a str>,
    /// Its lines, without the indentation of the fence.
    text: String,
}

impl<'a> Block<'a> {
    fn value(&self, name: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

impl Page {
    fn read(name: &str) -> Self {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), text }
    }

    /// Each line with its number, and whether it is in a code block or a fence.
    fn lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        let mut is_code = false;
        self.text.lines().enumerate().map(move |(index, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            (index + 1, line, is_code || is_fence)
        })
    }

    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut indentation = None;
        for (number, line, is_code) in self.lines() {
            match (indentation, line.trim_start().strip_prefix("```")) {
                (None, Some(info)) => {
                    let mut words = info.split_whitespace();
                    blocks.push(Block {
                        place: format!("{}:{number}", self.name),
                        language: words.next().unwrap_or_default(),
                        words: words.collect(),
                        text: String::new(),
                    });
                    indentation = Some(line.len() - line.trim_start().len());
                }
                (Some(_), Some(_)) => indentation = None,
                (Some(indentation), None) => {
                    assert!(is_code);
                    let block = blocks.last_mut().unwrap();
                    block.text += line.get(indentation..).unwrap_or_default();
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert_eq!(indentation, None, "{}: a code block does not end", self.name);
        blocks
    }

    /// The text outside of code blocks, with the code in it, and the code alone.
    fn prose_and_code(&self) -> (String, Vec<&str>) {
        let (mut prose, mut code) = (String::new(), Vec::new());
        let mut rest = self.text.as_str();
        // Fences are three backticks, and code in prose is between single ones, so both are what lies between two marks.
        while let Some(start) = rest.find('`') {
            prose += &rest[..start];
            rest = &rest[start..];
            let mark = if rest.starts_with("```") { "```" } else { "`" };
            let inner = &rest[mark.len()..];
            let end = inner.find(mark).unwrap_or_else(|| panic!("{}: {mark} does not end", self.name));
            if mark == "`" {
                code.push(&inner[..end]);
            }
            rest = &inner[end + mark.len()..];
        }
        prose += rest;
        (prose, code)
    }

    /// The anchors of its headings, as GitHub makes them.
    fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        for (number, line, is_code) in self.lines() {
            let Some(title) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
            let title = title.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
            let anchor = kept.collect::<String>().replace(' ', "-");
            assert!(anchors.insert(anchor), "{}:{number}: two headings with one anchor", self.name);
        }
        anchors
    }

    /// Where its links lead.
    fn links(&self) -> Vec<String> {
        let (prose, _) = self.prose_and_code();
        let after = prose.split("](").skip(1);
        after.map(|rest| rest.split_once(')').unwrap_or_else(|| panic!("{}: {rest}", self.name)).0.to_owned()).collect()
    }
}

/// The README and the pages: what the package installs.
fn pages() -> Vec<Page> {
    let mut names: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    names.sort();
    assert!(names.iter().all(|name| name.ends_with(".md")), "the package installs docs/*.md alone: {names:?}");
    names.insert(0, "README.md".to_owned());
    names.iter().map(|name| Page::read(name)).collect()
}

/// Pages that are read in the project's folder alone.
fn other_pages() -> Vec<Page> {
    ["CONTRIBUTING.md", "fuzz/README.md", "pcaps/README.md"].iter().map(|name| Page::read(name)).collect()
}

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

/// Whether a program is here; says so if not.
fn is_here(program: &str, place: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_here = found.is_ok_and(|status| status.success());
    if !is_here {
        // Not `eprintln`: the test harness would keep that to itself.
        let _ = writeln!(io::stderr(), "SKIPPED: {program} is not here, so nobody has run the commands of {place}");
    }
    is_here
}

/// Runs a command as a reader does, who sees both outputs in one terminal. Returns what it printed, and its exit code.
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

#[test]
fn commands_and_options_that_pages_name_exist() {
    let mut options = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
    for command in COMMANDS {
        let help = run::run(command.iter().copied().chain(["--help"])).out;
        options.extend(help.split(|char: char| !char.is_ascii_alphanumeric() && char != '-').map(str::to_owned));
    }
    let mut wrong = String::new();
    for page in pages().iter().chain(&other_pages()) {
        let blocks = page.blocks();
        let shell = blocks.iter().filter(|block| matches!(block.language, "sh" | "console")).flat_map(|block| {
            block
                .text
                .lines()
                .map(|line| line.strip_prefix("$ ").unwrap_or(line))
                .filter(|line| line.starts_with("rattap "))
        });
        let (_, code) = page.prose_and_code();
        let code = code.into_iter().filter(|code| code.starts_with("--") || code.starts_with("rattap "));
        for text in shell.chain(code) {
            // Other programs of a pipe have options of their own.
            let text = text.split(" | ").next().unwrap_or_default();
            let mut words = text.split_whitespace();
            let named = if text.starts_with("rattap ") { words.nth(1) } else { None };
            // The comment of a carved packet begins with the same word.
            let is_command = |name: &str| COMMANDS.iter().any(|command| command[0] == name) || name.contains('=');
            if named.is_some_and(|name| !name.starts_with('-') && !is_command(name)) {
                let _ = writeln!(wrong, "{}: no such command: {text}", page.name);
            }
            for option in
                words.filter(|word| word.starts_with("--")).chain(Some(text).filter(|text| text.starts_with("--")))
            {
                let name =
                    option.split(|char: char| !char.is_ascii_alphanumeric() && char != '-').next().unwrap_or_default();
                if !options.contains(name) {
                    let _ = writeln!(wrong, "{}: no such option: {name} in {text}", page.name);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The path to which a relative link leads, from the project's folder.
fn target(page: &str, path: &str) -> String {
    let mut target = Path::new(page).parent().unwrap().to_path_buf();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => assert!(target.pop(), "{page}: {path} leads out of the project"),
            other => target.push(other),
        }
    }
    target.into_os_string().into_string().unwrap()
}

#[test]
fn links_lead_somewhere() {
    let installed = pages();
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        installed.iter().map(|page| (page.name.as_str(), page.anchors())).collect();
    let mut wrong = String::new();
    let mut linked = BTreeSet::new();
    for page in installed.iter().chain(&other_pages()) {
        for link in page.links() {
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { page.name.clone() } else { target(&page.name, path) };
            // What the package does not install is named in code: a link to it would lead nowhere there.
            let Some(anchors) = anchors.get(target.as_str()) else {
                let _ = writeln!(wrong, "{}: {link} is no page", page.name);
                continue;
            };
            if anchor.is_some_and(|anchor| !anchors.contains(anchor)) {
                let _ = writeln!(wrong, "{}: {link}: no such heading", page.name);
            }
            if page.name == "docs/README.md" {
                linked.insert(target);
            }
        }
    }
    for page in &installed {
        if page.name != "docs/README.md" && !linked.contains(&page.name) {
            let _ = writeln!(wrong, "docs/README.md does not list {}", page.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn paths_that_pages_name_exist() {
    // What runs leave behind is there only afterwards.
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    let is_left_behind =
        |path: &str| ignored.lines().any(|line| path.trim_end_matches('/') == line.trim_start_matches('/'));
    let mut wrong = String::new();
    for page in pages().iter().chain(&other_pages()) {
        let (_, code) = page.prose_and_code();
        for path in code {
            let first = path.split('/').next().unwrap_or_default();
            let is_path = path.contains('/') && !path.contains([' ', '*', '…', '<', '|']);
            let is_ours = ["docs", "packaging", "pcaps", "fuzz", "tests", "benches"].contains(&first);
            // Capitals stand for a name that the reader chooses.
            let is_open =
                path.split(['/', '.']).any(|part| part.len() > 2 && part.bytes().all(|byte| byte.is_ascii_uppercase()));
            if is_path && is_ours && !is_open && !is_left_behind(path) && !root().join(path).exists() {
                let _ = writeln!(wrong, "{}: {path} does not exist", page.name);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_readme_is_short_and_prose_is_narrow() {
    let readme = Page::read("README.md");
    let count = readme.text.lines().count();
    assert!(count <= 200, "README.md has {count} lines");
    let table = readme.text.lines().position(|line| line.starts_with('|')).unwrap();
    assert!(table <= 100, "README.md: {table} lines before the first table");
    let mut wrong = String::new();
    for page in pages().iter().chain(&other_pages()) {
        for (number, line, is_code) in page.lines() {
            if !is_code && !line.starts_with('|') && line.chars().count() > WIDTH {
                let _ = writeln!(wrong, "{}:{number}: {} columns", page.name, line.chars().count());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// All golden CEF lines below a folder.
fn golden_lines(folder: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            golden_lines(&path, lines);
        } else if path.extension().is_some_and(|extension| extension == "cef") {
            lines.extend(fs::read_to_string(&path).unwrap().split_inclusive('\n').map(str::to_owned));
        }
    }
}

/// JSON fields are held against their page in `json.rs`, keys of the settings against their file in `settings.rs`.
#[test]
fn what_users_filter_on_is_documented() {
    let (readme, fields) = (Page::read("README.md").text, Page::read("docs/alert-fields.md").text);
    let (came, metrics) = (Page::read("docs/an-alert-came.md"), Page::read("docs/metrics.md").text);
    let mut wrong = String::new();
    let mut lines = Vec::new();
    golden_lines(&samples::folder().join("golden"), &mut lines);
    let mut names = BTreeSet::new();
    for line in &lines {
        let mut values = cef_reader::parse(line).unwrap();
        names.extend(values.remove("cs6"));
        let is_key = |key: &String| key.len() > 1 && !key.ends_with("Label");
        names.extend(values.into_keys().filter(is_key).chain(["cs6".to_owned()]));
    }
    assert!(names.len() > 40, "{names:?}");
    for name in names.iter().filter(|name| !fields.contains(&format!("`{name}`"))) {
        let _ = writeln!(wrong, "docs/alert-fields.md does not explain {name}");
    }
    for id in Signature::ALL.map(Signature::id) {
        let is_told = came.lines().any(|(_, line, is_code)| !is_code && line.starts_with("### ") && line.contains(id));
        if !is_told || !readme.contains(&format!("| `{id}` |")) {
            let _ = writeln!(wrong, "{id} is not in the README and in docs/an-alert-came.md");
        }
    }
    let page = rattap::metrics::page(snapshot()).unwrap();
    let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE rattap_")?.split_once(' '));
    for (family, kind) in families {
        let name = if kind == "counter" { format!("{family}_total") } else { family.to_owned() };
        if !metrics.contains(&format!("`{name}`")) && !metrics.contains(&format!("`{name}{{")) {
            let _ = writeln!(wrong, "docs/metrics.md does not explain {name}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The package installs every page where the links between them work.
#[test]
fn the_package_installs_the_pages() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().unwrap();
    let installed = |source: &str, place: &str| {
        assets.iter().any(|asset| asset[0].as_str() == Some(source) && asset[1].as_str() == Some(place))
    };
    assert!(installed("README.md", "usr/share/doc/rattap/"));
    assert!(installed("docs/*.md", "usr/share/doc/rattap/docs/"));
}
