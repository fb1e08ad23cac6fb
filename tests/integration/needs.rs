//! Things that some tests need and a machine may not have. This is the one place that decides what
//! happens then.
//!
//! A test that lacks something says so on standard error and passes. The environment variable
//! `RATTAP_REQUIRE` turns that into a failure. Its value is a list of names, separated by commas:
//!
//! | Value | Meaning |
//! | --- | --- |
//! | `tshark,chromium` | these two are required |
//! | `all` | everything is required |
//! | `all,-captures` | everything but this is required |
//!
//! The names are in [`Need::ALL`]. `make test` installs everything that can be installed. The rest
//! depends on the machine: `captures`, `landlock`, `namespaces`, `root`, `tun`.

use std::fmt::Display;
use std::io::{self, Write};

/// The environment variable.
pub const VARIABLE: &str = "RATTAP_REQUIRE";

/// Something that a machine may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Real captures: the environment variable `RATTAP_CAPTURES` names a folder of them with a
    /// `MANIFEST.tsv`.
    Captures,
    /// A Chromium that can read any file, unlike the one in Ubuntu's snap.
    Chromium,
    /// The shell fish.
    Fish,
    /// A Linux kernel whose Landlock can confine wholly (6.10).
    Landlock,
    /// logrotate.
    Logrotate,
    /// The right to make network namespaces, with iproute2 and tcpreplay.
    Namespaces,
    /// Microsoft's parser of KQL and axe-core: Node.js from PyPI, and these from npm.
    Node,
    /// `promtool` of Prometheus, on the path or where `make test` puts it.
    Promtool,
    /// Python 3 with venv, and packages from PyPI.
    Python,
    /// The rights of root: to give them up, and to mount a file system.
    Root,
    /// rsyslog.
    Rsyslog,
    /// `systemd-analyze`.
    Systemd,
    /// tcpdump.
    Tcpdump,
    /// Tools that examples in the documentation use, such as jq.
    Tools,
    /// tshark, with dumpcap and capinfos.
    Tshark,
    /// The device `/dev/net/tun`.
    Tun,
    /// The shell zsh.
    Zsh,
}

impl Need {
    /// All of them, with their names in `RATTAP_REQUIRE`.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::Captures, "captures"),
        (Self::Chromium, "chromium"),
        (Self::Fish, "fish"),
        (Self::Landlock, "landlock"),
        (Self::Logrotate, "logrotate"),
        (Self::Namespaces, "namespaces"),
        (Self::Node, "node"),
        (Self::Promtool, "promtool"),
        (Self::Python, "python"),
        (Self::Root, "root"),
        (Self::Rsyslog, "rsyslog"),
        (Self::Systemd, "systemd"),
        (Self::Tcpdump, "tcpdump"),
        (Self::Tools, "tools"),
        (Self::Tshark, "tshark"),
        (Self::Tun, "tun"),
        (Self::Zsh, "zsh"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(need, _)| *need == self).unwrap().1
    }
}

/// Reports that a test, or a part of it, is skipped because the machine lacks something; `why` says
/// what.
///
/// # Panics
///
/// If `RATTAP_REQUIRE` requires it.
pub fn skip(need: Need, why: impl Display) {
    let name = need.name();
    let value = std::env::var(VARIABLE).unwrap_or_default();
    let required = required(&value).unwrap_or_else(|error| panic!("{VARIABLE}={value}: {error}"));
    assert!(!required.contains(&need), "{why} ({VARIABLE}={value} requires {name})");
    // Not `eprintln`: the test harness would keep that to itself.
    let _ = writeln!(io::stderr(), "SKIPPED ({name}): {why}");
}

/// The needs that a value of `RATTAP_REQUIRE` requires. A later name overrides an earlier one.
pub fn required(value: &str) -> Result<Vec<Need>, String> {
    let mut required = Vec::new();
    for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let (name, is_required) = word.strip_prefix('-').map_or((word, true), |name| (name, false));
        let meant: Vec<Need> =
            Need::ALL.iter().filter(|(_, known)| name == *known || name == "all").map(|(need, _)| *need).collect();
        if meant.is_empty() {
            let known = Need::ALL.map(|(_, name)| name).join(", ");
            return Err(format!("there is no {name:?}; known are all, {known}"));
        }
        required.retain(|need| !meant.contains(need));
        if is_required {
            required.extend(meant);
        }
    }
    Ok(required)
}
