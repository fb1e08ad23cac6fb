//! The largest burst that the sensor survives while its tracker is stalled.
//!
//! The sensor runs in this process, with an output that takes nothing while it is closed. Alerts of
//! lone packets fill the queue in front of it, so that the tracker waits. Then comes a burst; half
//! a second after its first packet the output is opened again.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use etherparse::PacketBuilder;
use rattap::alert::Alert;
use rattap::capture::{Direction, LiveSettings, MAX_SNAP_LENGTH, OpenInterfaces, Source};
use rattap::indicator::{IndicatorSet, builtin};
use rattap::output::{Output, OutputError};
use rattap::privileges::CaptureOpener;
use rattap::sensor::{Control, InForce, Run, SensorSettings};
use rattap::track::TrackSettings;
use rattap::units::ByteCount;

use super::{WIRE, send};

/// The time for which the tracker is stalled.
const STALL: Duration = Duration::from_millis(500);

/// The packets of the burst: as many as tcpreplay sends well within the stall, and more than fit
/// anywhere.
const BURST: u32 = 400_000;

/// An output that takes alerts only while it is open.
struct Gate(Arc<AtomicBool>);

impl Output for Gate {
    fn write(&mut self, _: &Alert) -> Result<(), OutputError> {
        while !self.0.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        Ok(())
    }
}

/// Sends one burst. Returns the number of its packets that were not dropped, and the time that the
/// burst took in seconds.
pub fn survived(capture: &Path) -> anyhow::Result<(u64, f64)> {
    let settings = LiveSettings {
        interfaces: vec![WIRE[1].to_owned()],
        is_promiscuous: true,
        snap_length: MAX_SNAP_LENGTH,
        kernel_buffer: ByteCount(64 << 20),
        filter: None,
        leaves_out: false,
        direction: Direction::Both,
    };
    let track = TrackSettings { repeat_window: Duration::ZERO, ..TrackSettings::default() };
    let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let indicators = Arc::new(IndicatorSet::new(builtin()));
    let control = Control::new(InForce { indicators, ..InForce::default() });
    let sources = OpenInterfaces::open(&settings)?.start(control.source_stop(), &CaptureOpener::direct());
    let sources = sources.into_iter().map(|source| Box::new(source) as Box<dyn Source>).collect();
    let is_open = Arc::new(AtomicBool::new(false));
    let output = Box::new(Gate(is_open.clone()));
    let run = Run::controlled(&control, &SensorSettings { workers, track }).go_on_without_output();
    thread::scope(|scope| {
        let running = scope.spawn(move || run.start_all(sources, output, &mut |_| ()));
        let burst = fill_alert_queue(&control).and_then(|()| {
            let before = received()?;
            let sending = scope.spawn(|| send(capture, &["--limit", &BURST.to_string()]));
            wait_until("the burst", || Ok(received()? > before))?;
            let began = Instant::now();
            thread::sleep(STALL);
            is_open.store(true, Ordering::Relaxed);
            let (_, rate) = sending.join().map_err(|_| anyhow::anyhow!("tcpreplay panicked"))??;
            ensure!(began.elapsed() < Duration::from_secs(60), "tcpreplay took too long");
            Ok(f64::from(BURST) / rate.parse::<f64>()?)
        });
        is_open.store(true, Ordering::Relaxed);
        thread::sleep(Duration::from_secs(1));
        control.stop();
        let outcome = running.join().map_err(|_| anyhow::anyhow!("the sensor panicked"))?;
        Ok((u64::from(BURST).saturating_sub(outcome.totals.capture.kernel_dropped), burst?))
    })
}

/// Sends lone packets, each with an alert, until the queue in front of the output is full.
fn fill_alert_queue(control: &Control) -> anyhow::Result<()> {
    let mut wire = pcap::Capture::from_device(WIRE[0])?.open()?;
    let mut port = 1024;
    wait_until("a full queue of alerts", || {
        for _ in 0..100 {
            let mut frame = Vec::new();
            let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 20, 30, 40], [91, 202, 233, 25], 64);
            packet.udp(port, 4888).write(&mut frame, b"hello")?;
            wire.sendpacket(frame)?;
            port += 1;
        }
        thread::sleep(Duration::from_millis(100));
        Ok(control.queues().is_some_and(|queues| queues.alerts.waiting == queues.alerts.capacity))
    })
}

/// The number of packets that came out of the wire.
fn received() -> anyhow::Result<u64> {
    let path = format!("/sys/class/net/{}/statistics/rx_packets", WIRE[1]);
    let text = fs::read_to_string(&path).with_context(|| path)?;
    Ok(text.trim().parse()?)
}

fn wait_until(what: &str, mut is_done: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while !is_done()? {
        ensure!(began.elapsed() < Duration::from_secs(60), "{what} never came");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
