//! What is in force, as a settings file that says it, with where each value comes from.

use std::any::TypeId;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::{KEYS, Key, Origins, REPEATED, argument_of, is_list, is_switch};
use crate::command::args;
use crate::command::terminal::console::printable_json;

/// Every key with its value. What has no value is told as a comment.
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
        let repeats = key.section == REPEATED;
        if section != key.section && !repeats {
            writeln!(text, "{}[{}]", if section.is_empty() { "" } else { "\n" }, key.section)?;
        }
        section = key.section;
        let origin = match (origins.settings.get(key.argument), matches.value_source(key.argument)) {
            (Some(setting), _) => format!("line {}", setting.line),
            (None, Some(ValueSource::DefaultValue)) => "default".to_owned(),
            _ => "given".to_owned(),
        };
        let values = values(key, argument, matches);
        if values.is_empty() {
            writeln!(text, "# {} is not set: {}", key.name, unset(argument))?;
        } else if repeats {
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

/// The values as TOML.
fn values(key: &Key, argument: &Arg, matches: &ArgMatches) -> Vec<String> {
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

/// A text as TOML has it. A JSON text is a TOML text too, once DEL is escaped.
fn quoted(text: &str) -> String {
    printable_json(&serde_json::Value::from(text).to_string())
}

/// What holds where an option is not given: what its help says in brackets.
fn unset(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    match help.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']')) {
        Some((default, _)) => default.to_owned(),
        None => "none".to_owned(),
    }
}
