//! The files that the package installs beside the program, checked by systemd.

use std::fs;
use std::process::Command;

use crate::needs::Need;
use crate::run::has_program;

/// The highest exposure that the service may have, times ten: a little above the result of Debian
/// 12's systemd, since each version of systemd checks more.
const EXPOSURE: &str = "20";

#[test]
fn systemd_finds_no_fault_with_the_unit() {
    if !has_program(Need::Systemd, "systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rattap.service");
    let unit = include_str!("../../packaging/debian/service");
    fs::write(&path, unit.replace("/usr/bin/rattap", env!("CARGO_BIN_EXE_rattap"))).unwrap();
    // The manual pages are not installed here.
    let said = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && !text.contains("rattap.service"), "{text}");

    let options = ["security", "--offline=true", "--no-pager", &format!("--threshold={EXPOSURE}")];
    let said = Command::new("systemd-analyze").args(options).arg(&path).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
}
