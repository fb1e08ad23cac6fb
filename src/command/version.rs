//! The version of the program, its build and its libpcap, for reports of problems.

use std::env::consts::{ARCH, OS};
use std::fs;

/// The version with the build and the libpcap in use, as `rattap --version` prints them.
pub fn long_version() -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let libc = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let libpcap = libpcap_version().unwrap_or_else(|| "unknown".to_owned());
    format!("{}\nbuild: {profile}, {ARCH}-{OS}-{libc}\nlibpcap: {libpcap}", env!("CARGO_PKG_VERSION"))
}

/// The version in the file name of the loaded library: `1.10.3` of `libpcap.so.1.10.3`. The `pcap`
/// crate has no function for it.
fn libpcap_version() -> Option<String> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let version = maps.lines().find_map(|line| line.rsplit_once("/libpcap.so."))?.1;
    Some(version.to_owned())
}
