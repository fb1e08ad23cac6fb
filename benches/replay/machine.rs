//! Describes the machine, and how much of it other programs took.

use std::path::Path;
use std::{fs, thread};

/// The processor, its caches and the load.
pub fn description() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!("{cores} cores of {} ({}), load {load} at the start", model.unwrap_or("unknown kind"), caches())
}

/// The caches that hold data, from the nearest to the farthest.
fn caches() -> String {
    let folder = Path::new("/sys/devices/system/cpu/cpu0/cache");
    let cache = |index: u32| {
        let field = |name: &str| {
            let text = fs::read_to_string(folder.join(format!("index{index}")).join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        let cache = format!("L{} {}", field("level")?, field("size")?);
        Some((field("type")?, cache))
    };
    let caches: Vec<String> =
        (0..).map_while(cache).filter(|(kind, _)| kind != "Instruction").map(|(_, cache)| cache).collect();
    if caches.is_empty() { "unknown caches".to_owned() } else { caches.join(", ") }
}

/// The time that all processors were busy, in ticks since the start of the system.
pub struct BusyTime {
    all: u64,
    busy: u64,
    stolen: u64,
}

impl BusyTime {
    /// The time up to now. All zero where the system does not report it.
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields: Vec<u64> = text
            .lines()
            .next()
            .into_iter()
            .flat_map(|line| line.split_whitespace().skip(1).flat_map(str::parse))
            .collect();
        // user, nice, system, idle, iowait, irq, softirq and steal (proc_stat(5)); the guests after
        // them are part of user and nice.
        let field = |index: usize| fields.get(index).copied().unwrap_or_default();
        let all = (0..8).map(field).sum();
        Self { all, busy: all - field(3) - field(4), stolen: field(7) }
    }

    /// Describes the time since then.
    pub fn since(&self) -> String {
        let now = Self::now();
        let share = |part: u64| 100.0 * part as f64 / (now.all - self.all).max(1) as f64;
        format!(
            "processors busy {:.0} % of the time, of which the hypervisor took {:.1} %",
            share(now.busy - self.busy),
            share(now.stolen - self.stolen)
        )
    }
}
