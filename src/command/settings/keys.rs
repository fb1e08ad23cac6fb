//! The keys of the settings file, each with the option that it sets.

use clap::{Arg, ArgAction, Command};

/// A key of the settings file.
pub(super) struct SettingKey {
    /// The TOML table that holds the key.
    pub section: &'static str,
    pub name: &'static str,
    /// The identifier in clap of the option that the key sets.
    pub argument: &'static str,
    /// True if the option turns something off, while the key says whether it is on.
    pub is_negated: bool,
}

const fn key(section: &'static str, name: &'static str, argument: &'static str) -> SettingKey {
    SettingKey { section, name, argument, is_negated: false }
}

const fn negated(section: &'static str, name: &'static str, argument: &'static str) -> SettingKey {
    SettingKey { section, name, argument, is_negated: true }
}

/// The array of tables, `[[output]]`, which may occur several times. In all other tables a key
/// occurs once.
pub(super) const REPEATED: &str = "output";

/// All keys, in the order in which `rattap config check` prints them.
pub(super) const KEYS: [SettingKey; 31] = [
    key("sensor", "host", "sensor_host"),
    key("sensor", "id", "sensor_id"),
    key("sensor", "home", "home"),
    key("sensor", "workers", "workers"),
    key("sensor", "repeat_window", "repeat_window"),
    key("sensor", "stats_interval", "stats_interval"),
    key("capture", "interfaces", "interfaces"),
    negated("capture", "promiscuous", "no_promiscuous"),
    key("capture", "snap_length", "snap_length"),
    key("capture", "kernel_buffer", "kernel_buffer"),
    key("capture", "direction", "direction"),
    key("capture", "filter", "filter"),
    key("capture", "kernel_filter", "kernel_filter"),
    key("indicators", "files", "indicators"),
    negated("indicators", "builtin", "no_builtin"),
    key("indicators", "family", "family"),
    key("indicators", "max_age", "max_age"),
    key("indicators", "indicator_max_age", "indicator_max_age"),
    key("indicators", "allow_broad", "allow_broad"),
    key("indicators", "allow_shrink", "allow_shrink"),
    key("exclusions", "files", "exclusions"),
    key("exclusions", "explain", "explain_exclusions"),
    key("exclusions", "audit", "audit"),
    key(REPEATED, "to", "output"),
    key(REPEATED, "json", "json"),
    key("spool", "folder", "spool"),
    key("spool", "limit", "spool_limit"),
    key("metrics", "listen", "metrics"),
    key("privileges", "user", "user"),
    negated("privileges", "reopen", "no_reopen"),
    negated("privileges", "confine", "no_confine"),
];

/// The option that a key sets.
pub(super) fn argument_of<'a>(arguments: &'a Command, key: &SettingKey) -> Option<&'a Arg> {
    arguments.get_arguments().find(|argument| argument.get_id() == key.argument)
}

pub(super) fn is_switch(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
}

pub(super) fn is_list(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
}
