//! The origin of each setting in force: a line of the settings file, or an option.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::keys::KEYS;

/// The values that the settings file gives to one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// The values, written as on the command line.
    pub values: Vec<String>,
    /// The line of the key, counted from one.
    pub line: usize,
}

/// The origins of the settings in force, for messages about them.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    pub(super) file: PathBuf,
    /// By argument: only the settings that no option on the command line overrides.
    pub(super) settings: BTreeMap<&'static str, Setting>,
}

impl Origins {
    /// The settings file, if one was read.
    pub fn file(&self) -> Option<&Path> {
        (!self.file.as_os_str().is_empty()).then_some(&self.file)
    }

    /// Returns true if an argument's value comes from the settings file.
    pub fn is_from_file(&self, argument: &str) -> bool {
        self.settings.contains_key(argument)
    }

    /// Names an argument in a message: file, line and key if its value comes from the settings
    /// file, or else the option.
    pub fn of(&self, argument: &str) -> String {
        let key = KEYS.iter().find(|key| key.argument == argument);
        match (self.settings.get(argument), key) {
            (Some(setting), Some(key)) => {
                format!("{}:{}: {}.{}", self.file.display(), setting.line, key.section, key.name)
            }
            _ => format!("--{}", argument.replace('_', "-")),
        }
    }
}
