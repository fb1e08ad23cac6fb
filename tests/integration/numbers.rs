//! Alerts name their packets by the numbers that Wireshark gives them.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rattap::alert::{Alert, Phase};
use rattap::capture::{Block, FileSource, FillStatus, Filter, Input, Inputs, PacketNumber, PacketRange, Source};
use rattap::indicator::{IndicatorSet, builtin};
use rattap::output::{Output, OutputError};
use rattap::sensor::{Run, SensorSettings};
use rattap::track::TrackSettings;
use rattap::units::Timestamp;

use crate::run::sample;
use crate::samples::{folder, samples};

struct Kept(Arc<Mutex<Vec<Alert>>>);

impl Output for Kept {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        self.0.lock().unwrap().push(alert.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        Ok(())
    }
}

fn alerts(inputs: Vec<Input>, filter: Option<&str>, workers: usize, repeat_window: Duration) -> Vec<Alert> {
    let filter = filter.map(|filter| Filter::new(filter).unwrap());
    let settings = SensorSettings {
        workers: NonZeroUsize::new(workers).unwrap(),
        track: TrackSettings { repeat_window, ..TrackSettings::default() },
    };
    let kept = Arc::new(Mutex::new(Vec::new()));
    let indicators = Arc::new(IndicatorSet::new(builtin()));
    let output = Box::new(Kept(kept.clone()));
    Run::new(indicators, &settings).start(Box::new(FileSource::new(inputs, filter)), output, &mut |_| ());
    Arc::try_unwrap(kept).unwrap().into_inner().unwrap()
}

/// The packet numbers, counted here, with the time of each.
fn packets(inputs: Vec<Input>) -> Vec<(PacketNumber, Timestamp)> {
    let mut packets = Vec::new();
    for (place, input) in (0..).zip(inputs) {
        let mut files = FileSource::new(vec![input], None);
        let mut block = Block::new(Arc::default(), Arc::default());
        let mut number = 0;
        while files.fill(&mut block, &mut |_| ()) == FillStatus::Filled {
            for frame in &block.frames {
                number += 1;
                packets.push((PacketNumber { input: place, number }, frame.time));
            }
        }
    }
    packets
}

fn inputs(paths: &[PathBuf]) -> Vec<Input> {
    Inputs::expand(paths, &mut |error| panic!("{error}")).list
}

fn one(input: u32, number: u64) -> PacketNumber {
    PacketNumber { input, number }
}

#[test]
fn the_packets_of_every_alert_were_captured_when_it_says() {
    for sample in samples() {
        let inputs = inputs(&[folder().join(sample.path)]);
        let packets = packets(inputs.clone());
        let place_of = |wanted: PacketNumber| packets.binary_search_by_key(&wanted, |(number, _)| *number).unwrap();
        for window in [Duration::ZERO, TrackSettings::default().repeat_window] {
            for alert in alerts(inputs.clone(), None, 2, window) {
                let place = format!("{}: {}", sample.path, alert.message);
                let PacketRange { first, last } = alert.packets.unwrap_or_else(|| panic!("{place}"));
                assert!(first <= last, "{place}");
                // A reassembled datagram has the time of one of its fragments.
                let (from, to) = (place_of(first), place_of(last));
                let captured_at = |time: Timestamp| packets[from..=to].iter().any(|(_, captured)| *captured == time);
                let told = if alert.phase == Phase::First { alert.seen } else { alert.end };
                assert!(captured_at(told), "{place}");
                assert_eq!(alert.times.len() as u64, alert.count, "{place}");
            }
        }
    }
}

#[test]
fn a_filter_changes_no_number_and_neither_do_workers() {
    let story = inputs(&[sample("story.pcap")]);
    let window = TrackSettings::default().repeat_window;
    let all = alerts(story.clone(), None, 1, window);
    assert!(!all.is_empty());
    assert_eq!(alerts(story.clone(), None, 4, window), all);
    // DNS alerts stand by themselves: they keep their packet numbers if everything but DNS is
    // dropped.
    let dns = |alerts: &[Alert]| -> Vec<_> {
        let dns = alerts.iter().filter(|alert| alert.application == Some("DNS"));
        dns.map(|alert| (alert.signature, alert.seen, alert.packets)).collect()
    };
    let filtered = alerts(story, Some("udp port 53"), 3, window);
    assert!(!dns(&all).is_empty());
    assert_eq!(dns(&filtered), dns(&all));
}

#[test]
fn a_conversation_over_two_files_names_both() {
    let paths = inputs(&[sample("rotated")]);
    let alerts = alerts(paths, None, 2, TrackSettings::default().repeat_window);
    let crosses = |alert: &&Alert| alert.packets.is_some_and(|packets| packets.first.input < packets.last.input);
    let packets = alerts.iter().find(crosses).and_then(|alert| alert.packets).unwrap();
    assert!(packets.first >= one(0, 1) && packets.last >= one(1, 1));
}
