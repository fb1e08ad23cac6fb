//! Runs programs, and measures the time and the peak memory of each.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// The interval at which a process is asked for its peak. The kernel keeps the peak, which only
/// grows, so only growth in the last moment is missed.
const PEEK: Duration = Duration::from_millis(1);

/// Wall-clock time from start to end.
pub fn time(mut command: Command) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let status = silent(&mut command).status().with_context(|| format!("cannot run {command:?}"))?;
    let took = started.elapsed();
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(took)
}

/// Processor time in user mode of all processes that this one has run and waited for.
///
/// The kernel rounds it down to [`TICK`], so only the sum over several runs is exact.
pub fn user_time_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name, may contain blanks. `cutime` is the sixteenth
    // (proc_pid_stat(5)), and the fourteenth of those after the name.
    let ticks = stat.rsplit_once(')').and_then(|(_, after)| after.split_whitespace().nth(13)?.parse().ok());
    TICK * ticks.unwrap_or(0)
}

/// The unit of processor time in `/proc`, on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The instructions that a program runs in user mode. `None` where the kernel does not count them,
/// as on most virtual machines, or where there is no `perf`.
pub fn instructions(program: &Command) -> Option<u64> {
    let mut command = Command::new("perf");
    command.args(["stat", "-x", ",", "-e", "instructions:u", "--"]).arg(program.get_program()).args(program.get_args());
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().ok().filter(|run| run.status.success())?;
    let text = String::from_utf8(output.stderr).ok()?;
    text.lines().find_map(|line| line.split_once(",,instructions")?.0.parse().ok())
}

/// Peak of resident memory, in bytes. Asking costs time, so time and memory are measured in
/// separate runs.
pub fn peak(mut command: Command) -> anyhow::Result<u64> {
    let mut child = silent(&mut command).spawn().with_context(|| format!("cannot run {command:?}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = peak.max(fs::read_to_string(&status_file).ok().and_then(|text| high_water_mark(&text)).unwrap_or(0));
        thread::sleep(PEEK);
    };
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(peak)
}

fn silent(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// `VmHWM` of `/proc/PID/status` (proc_pid_status(5)), in bytes.
fn high_water_mark(status: &str) -> Option<u64> {
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(kilobytes.trim().parse::<u64>().ok()? * 1024)
}
