//! Python packages, each set in a virtual environment of its own below `target/`, which is kept for
//! the next run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the Python of the virtual environment `name`, which has these packages. `imports` are
/// the names to import.
///
/// The error says why there is none, for example that the package registry cannot be reached.
pub fn with_packages(name: &str, imports: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin").join("python");
    let import = format!("import {imports}");
    if run(Command::new(&python).args(["-c", &import])).is_ok() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "15"])
        .args(packages))?;
    Ok(python)
}

/// Runs a command to its end. The error holds its output.
pub fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{command:?}: {}: {}", output.status, String::from_utf8_lossy(&said).trim()))
}
