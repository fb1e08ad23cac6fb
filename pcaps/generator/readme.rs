//! The README of `pcaps/`, from the samples' descriptions.

use super::samples::Group;

const INTRODUCTION: &str = "\
# Sample captures

Made by this project, byte by byte, and free to use like the rest of it; no traffic of anybody is in here. Each one's truth is
told below: it was written down together with the traffic, not taken from what the sensor says.

This page and all captures are written by `cargo run --example make-pcaps` (code in `generator/`), the same bytes each time; a test
compares them. What the sensor writes for a file stands in `golden/<file>.cef`: the
lines of `rattap replay --sensor-host tap-01`, with 0.0.0 for the version in the header; empty where nothing is found. A test compares these too;
`RATTAP_BLESS=1 cargo test --test integration golden` writes them anew, after which every difference wants to be read.

`cargo run --release --example make-large -- mixed OUT.pcap` writes the large captures of the benchmarks.

How to read the tables: `c2-endpoint` 10.20.30.40 → 91.202.233.25:4888 ×2 means that this signature must be reported for this client
and this server with two sightings in all (conversations, or DNS messages), whatever the number of lines, and that nothing that is
not told may be reported. Where a listed IPv4 address lies in an IPv6 address the truth names the IPv4 address, as `src` and `dst` of a line do. The indicators are the built-in ones. Clients live in 10.20.30.0/24, the resolver is 10.20.0.53, benign servers are in the
ranges for documentation, and all begin on 2026-06-09 at 09:00 UTC. **Damage** marks files over which a reader has to complain,
with exit code 1, and whose readable rest still counts.
";

/// The page.
pub fn text(groups: &[Group]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for group in groups {
        page += &format!(
            "\n## {}\n\n{}\n\n| file | what is in it | what must be found |\n|---|---|---|\n",
            group.title, group.about
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
