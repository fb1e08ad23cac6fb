//! The settings in force, written as a settings file that says where each value comes from.

use std::any::TypeId;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

use crate::command::printable::printable_json;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::keys::{KEYS, REPEATED, SettingKey, argument_of, is_list, is_switch};
use super::origins::Origins;
use crate::command::args;

/// Lists every key with its value. A key without a value becomes a comment.
pub fn in_force(matches: &ArgMatches, origins: &Origins) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write(&mut text, matches, origins);
    text
}

fn write(text: &mut String, matches: &ArgMatches, origins: &Origins) -> std::fmt::Result {
    let arguments = args::all_arguments();
    let mut section = "";
    for key in &KEYS {
        let Some(argument) = argument_of(&arguments, key) else { continue };
        let is_repeated = key.section == REPEATED;
        if section != key.section && !is_repeated {
            writeln!(text, "{}[{}]", if section.is_empty() { "" } else { "\n" }, key.section)?;
        }
        section = key.section;
        let origin = match (origins.settings.get(key.argument), matches.value_source(key.argument)) {
            (Some(setting), _) => format!("line {}", setting.line),
            (None, Some(ValueSource::DefaultValue)) => "default".to_owned(),
            _ => "given".to_owned(),
        };
        let values = toml_values(key, argument, matches);
        if values.is_empty() {
            writeln!(text, "# {} is not set: {}", key.name, documented_default(argument))?;
        } else if is_repeated {
            for value in values {
                writeln!(text, "\n[[{}]]", key.section)?;
                writeln!(text, "{} = {value} # {origin}", key.name)?;
            }
        } else if is_list(argument) {
            writeln!(text, "{} = [{}] # {origin}", key.name, values.join(", "))?;
        } else {
            writeln!(text, "{} = {} # {origin}", key.name, values.join(""))?;
        }
    }
    Ok(())
}

/// The values of a key, each in TOML.
fn toml_values(key: &SettingKey, argument: &Arg, matches: &ArgMatches) -> Vec<String> {
    if is_switch(argument) {
        return vec![(matches.get_flag(key.argument) != key.is_negated).to_string()];
    }
    let is_text = [TypeId::of::<String>(), TypeId::of::<OsString>(), TypeId::of::<PathBuf>()]
        .iter()
        .any(|text| argument.get_value_parser().type_id() == *text);
    let raw = matches.get_raw(key.argument).into_iter().flatten();
    raw.map(|value| {
        let value = value.to_string_lossy();
        if !is_text && value.parse::<u64>().is_ok() { value.into_owned() } else { quoted(&value) }
    })
    .collect()
}

/// A TOML string. A JSON string is a valid TOML string, except that TOML requires DEL to be
/// escaped.
fn quoted(text: &str) -> String {
    printable_json(&serde_json::Value::from(text).to_string())
}

/// The default of an option without a value, as the option's help gives it in brackets.
fn documented_default(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    match help.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']')) {
        Some((default, _)) => default.to_owned(),
        None => "none".to_owned(),
    }
}
