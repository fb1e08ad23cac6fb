//! The README of `pcaps/`, from the samples' descriptions.

use super::samples::Group;

/// The width of prose, in columns.
const WIDTH: usize = 100;

const INTRODUCTION: &[&str] = &[
    "These captures are made by this project, byte by byte, and are free to use like the rest of it. They contain nobody's \
     traffic. The tables say what is in each file and what must be found. This truth was written down together with the \
     traffic; it was not taken from what the sensor reports.",
    "`cargo run --example make-pcaps` writes this page and all captures, always with the same bytes. Its code is in \
     `generator/`. A test compares them.",
    "`golden/<file>.cef` has the lines that the sensor writes for a file with `rattap replay --sensor-host tap-01`, with 0.0.0 \
     for the version in the header. It is empty if nothing is found. A test compares these, too. \
     `RATTAP_BLESS=1 cargo test --test integration golden` writes them again. Read every difference afterwards.",
    "`cargo run --release --example make-large -- mixed OUT.pcap` writes the large captures of the benchmarks.",
    "How to read the tables: `c2-endpoint` 10.20.30.40 → 91.202.233.25:4888 ×2 means that this signature must be reported for \
     this client and this server, with two sightings in all (conversations, or DNS messages), in any number of lines. Nothing \
     else may be reported. If a listed IPv4 address is embedded in an IPv6 address, the table names the IPv4 address, as `src` \
     and `dst` of a line do. The built-in indicators are in force.",
    "Clients are in 10.20.30.0/24, the resolver is 10.20.0.53, and benign servers are in the ranges for documentation. Every \
     file begins on 2026-06-09 at 09:00 UTC. **Damage** marks files that a reader must report as damaged, with exit code 1. \
     Their readable rest still counts.",
];

/// Wraps a paragraph, but not within code.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let (mut word, mut column) = (String::new(), 0);
    for piece in text.split(' ') {
        word += piece;
        if word.matches('`').count() % 2 == 1 {
            word.push(' ');
            continue;
        }
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            lines.push('\n');
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines += &word;
        column += width;
        word.clear();
    }
    lines
}

/// The page.
pub fn text(groups: &[Group]) -> String {
    let mut page = "# Sample captures\n".to_owned();
    for paragraph in INTRODUCTION {
        page += &format!("\n{}\n", wrapped(paragraph));
    }
    for group in groups {
        page += &format!(
            "\n## {}\n\n{}\n\n| file | what is in it | what must be found |\n|---|---|---|\n",
            group.title,
            wrapped(group.about)
        );
        for sample in &group.samples {
            let mut truth: Vec<String> = sample
                .found
                .iter()
                .map(|found| format!("`{}` {} → {} ×{}", found.signature, found.client, found.server, found.sightings))
                .collect();
            if truth.is_empty() {
                truth.push("nothing".to_owned());
            }
            // A bar ends a cell, even within code.
            let about = sample.about.replace('|', r"\|");
            let damage = if sample.damaged { "**Damage.** " } else { "" };
            page += &format!("| `{}` | {damage}{about} | {} |\n", sample.path, truth.join("<br>"));
        }
    }
    page
}
