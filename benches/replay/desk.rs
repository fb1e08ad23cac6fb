//! The cost of the other files that an analyst can ask for, compared with a replay that writes
//! alerts alone.

use std::path::Path;

use crate::{Measured, Program, measure, megabytes, rattap};

/// A replay, and others that write more.
pub fn compare(name: &str, capture: &Path, folder: &Path, turns: u32) -> anyhow::Result<()> {
    let alerts = folder.join("alerts.cef");
    let with = |options: &'static [&str]| {
        let alerts = &alerts;
        Box::new(move || {
            let mut command = rattap(capture, alerts);
            command.current_dir(folder).args(options);
            command
        })
    };
    let programs: [Program; 4] = [
        ("`rattap replay`", with(&[])),
        ("`rattap replay --carve`", with(&["--carve", "evidence.pcapng"])),
        ("`rattap replay --report --no-report-hashes`", with(&["--report", "report.html", "--no-report-hashes"])),
        ("`rattap replay --report`", with(&["--report", "report.html"])),
    ];
    println!(
        "\n| capture | program | time | against the replay without, by turns: median (lowest to highest) | peak memory |"
    );
    println!("|---|---|---:|---:|---:|");
    for Measured { name: program, time, ratio, peak, .. } in measure(&programs, turns)? {
        println!("| {name} | {program} | {:.0} ms | {ratio} | {} |", time * 1000.0, megabytes(peak));
    }
    Ok(())
}
