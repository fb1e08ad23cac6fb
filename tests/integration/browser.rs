//! A headless browser that shows pages.

use std::path::Path;
use std::process::Command;

use crate::needs::{Need, skip};

/// A page as a browser shows it.
pub struct Shown {
    /// The document after all its scripts ran.
    pub document: String,
    /// Lines of the console.
    pub console: Vec<String>,
}

/// A Chromium that can read the pages of tests; without one the test that needs it is skipped.
///
/// A snap is not used: it has a `/tmp` of its own. On Ubuntu without the snap, `chromium-browser`
/// only prints a message.
pub fn browser() -> Option<&'static str> {
    let can_read = |program: &&str| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|output| output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("snap"))
    };
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(can_read);
    if found.is_none() {
        skip(Need::Chromium, "neither Chromium (other than a snap) nor Google Chrome is installed");
    }
    found
}

/// Loads a page in a headless browser with these options.
pub fn show(browser: &str, page: &Path, options: &[&str]) -> Shown {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]);
    // Scripts that wait for something have that long.
    command.arg("--virtual-time-budget=20000").args(options);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg(format!("file://{}", page.display()));
    let output = command.output().unwrap();
    let console = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {console}", output.status);
    let console = console.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    Shown { document: String::from_utf8_lossy(&output.stdout).into_owned(), console }
}
