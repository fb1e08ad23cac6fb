//! The program as a user runs it.

use std::ffi::OsStr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, Output};

use assert_cmd::Command;

use crate::needs::{Need, skip};
use crate::samples;

/// The output of a run and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let err = String::from_utf8(output.stderr).unwrap();
        Self {
            code: output.status.code().unwrap_or_else(|| panic!("{}: {err}", output.status)),
            out: String::from_utf8(output.stdout).unwrap(),
            err,
        }
    }
}

/// Returns true if a program is installed; otherwise the test that needs it is skipped.
pub fn has_program(need: Need, program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    let is_there = version.is_ok_and(|output| output.status.success());
    if !is_there {
        skip(need, format_args!("{program} is not installed (make setup-test installs it)"));
    }
    is_there
}

/// A program that ends with its test, however that ends.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

/// The program, without the log settings of the environment.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rattap"));
    command.env_remove("RUST_LOG").env_remove("RUST_LOG_STYLE").env("RUST_BACKTRACE", "0");
    command
}

/// Runs it with these arguments and an empty standard input.
pub fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    command().args(arguments).output().unwrap().into()
}

/// As [`run`], with these bytes on standard input.
pub fn run_with_input(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>, input: Vec<u8>) -> Run {
    command().args(arguments).write_stdin(input).output().unwrap().into()
}

/// The arguments of a quiet replay by the sensor `tap-01`, before its paths.
pub const REPLAY: [&str; 4] = ["replay", "--sensor-host", "tap-01", "-q"];

/// A quiet replay of these paths by the sensor `tap-01`, with these options.
pub fn replay(options: &[&str], paths: &[impl AsRef<Path>]) -> Run {
    let paths = paths.iter().map(|path| path.as_ref().as_os_str());
    run(REPLAY.iter().chain(options).map(OsStr::new).chain(paths))
}

/// The path of a sample.
pub fn sample(path: &str) -> PathBuf {
    samples::folder().join(path)
}

/// The path of a sample as an argument.
pub fn sample_text(path: &str) -> String {
    sample(path).into_os_string().into_string().unwrap()
}

/// Replaces the name of the input, the only difference between a file and standard input.
pub fn with_origin(out: &str, from: &str, to: &str) -> String {
    out.replace(&format!(" deviceInboundInterface={from} "), &format!(" deviceInboundInterface={to} "))
}
