//! What an analyst asks for beside the alerts, and what it costs over a replay without.

use std::path::Path;

use crate::{Measured, Program, measure, megabytes, rattap};

/// A replay, and others that write more.
pub fn compare(name: &str, capture: &Path, folder: &Path, turns: u32) -> anyhow::Result<()> {
    let alerts = folder.join("alerts.cef");
    let with = |options: &'static [(&str, &str)]| {
        let alerts = &alerts;
        Box::new(move || {
            let mut command = rattap(capture, alerts);
            for (option, file) in options {
                command.arg(option).arg(folder.join(file));
            }
            command
        })
    };
    let programs: [Program; 2] =
        [("`rattap replay`", with(&[])), ("`rattap replay --carve`", with(&[("--carve", "evidence.pcapng")]))];
    println!(
        "\n| capture | program | time | against the replay without, by turns: median (lowest to highest) | peak memory |"
    );
    println!("|---|---|---:|---:|---:|");
    for Measured { name: program, time, ratio, peak } in measure(&programs, turns)? {
        println!("| {name} | {program} | {:.0} ms | {ratio} | {} |", time * 1000.0, megabytes(peak));
    }
    Ok(())
}
