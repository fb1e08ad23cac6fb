//! The documentation: its examples do what it says, its links lead somewhere, and it keeps its
//! form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path};

use rattap::alert::Signature;

use crate::cef_reader;
use crate::metrics_referee::snapshot;
use crate::run;
use crate::samples;

mod examples;
mod page;

use page::{Page, other_pages, pages, root};

/// The most columns that prose may have.
const WIDTH: usize = 100;

/// The commands whose help has every option.
const COMMANDS: [&[&str]; 12] = [
    &["status"],
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
            // A picture is installed, too.
            if target.ends_with(".png") {
                if !target.starts_with("docs/") || !root().join(&target).is_file() {
                    let _ = writeln!(wrong, "{}: {link} is no picture that the package installs", page.name);
                }
                continue;
            }
            // What the package does not install is named in code: a link to it would lead nowhere
            // there.
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
            let is_ours = ["docs", "packaging", "pcaps", "fuzz", "tests", "benches", "src"].contains(&first);
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

/// JSON fields are held against their page in `json.rs`, keys of the settings against their file in
/// `settings.rs`.
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
    let page = rattap::metrics::page(snapshot(), rattap::metrics::Form::OpenMetrics).unwrap();
    let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE rattap_")?.split_once(' '));
    for (family, kind) in families {
        let name = if kind == "counter" { format!("{family}_total") } else { family.to_owned() };
        if !metrics.contains(&format!("`{name}`")) && !metrics.contains(&format!("`{name}{{")) {
            let _ = writeln!(wrong, "docs/metrics.md does not explain {name}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The text of all source files below a folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *text += &fs::read_to_string(path).unwrap();
        }
    }
}

/// Readers search the page for the words that they see, so these have to be the program's.
#[test]
fn messages_in_troubleshooting_are_the_programs() {
    let page = Page::read("docs/troubleshooting.md");
    let mut text = String::new();
    sources(&root().join("src"), &mut text);
    let symptoms = page.lines().filter_map(|(_, line, _)| line.strip_prefix("| `")?.split_once('`'));
    let messages: Vec<&str> = symptoms.map(|(message, _)| message).collect();
    assert!(messages.len() > 4, "{messages:?}");
    for message in messages {
        assert!(text.contains(message), "docs/troubleshooting.md: no message says {message:?}");
    }
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
    assert!(installed("docs/*.png", "usr/share/doc/rattap/docs/"));
}
