//! The closing summary: what was read, what was found, and every loss with its reason.

use std::fmt::Write;
use std::time::Duration;

use rattap::alert::Signature;
use rattap::decode::Skip;
use rattap::sensor::Totals;
use rattap::track::GiveUp;
use rattap::units::ByteCount;

/// The summary of a replay, of several lines.
pub fn text(totals: &Totals, problems: u64, took: Duration) -> String {
    let capture = &totals.capture;
    let seconds = took.as_secs_f64();
    let rate = ByteCount((capture.bytes.0 as f64 / seconds.max(1e-6)) as u64);
    let mut text = format!(
        "{}, {} in {}, read in {seconds:.2} s ({rate}/s)\n",
        counted(capture.packets, "packet"),
        capture.bytes,
        counted(capture.inputs, "capture"),
    );
    // Writing into a string cannot fail.
    let _ = write(&mut text, totals, problems);
    text
}

/// The summary of a live sensor so far, of several lines.
pub fn live_text(totals: &Totals, took: Duration) -> String {
    let capture = &totals.capture;
    let rate = (capture.packets as f64 / took.as_secs_f64().max(1e-6)) as u64;
    let took = jiff::SignedDuration::from_secs(took.as_secs().try_into().unwrap_or(i64::MAX));
    let mut text = format!(
        "{}, {} from {} in {took:#} ({} packets/s)\n",
        counted(capture.packets, "packet"),
        capture.bytes,
        counted(capture.inputs, "interface"),
        grouped(rate),
    );
    let _ = write(&mut text, totals, 0);
    text
}

fn write(text: &mut String, totals: &Totals, problems: u64) -> std::fmt::Result {
    let Totals { capture, scan, track, .. } = totals;
    if let Some((first, last)) = totals.span {
        let moment = |time: rattap::units::Timestamp| {
            jiff::Timestamp::from_nanosecond(time.nanos().into()).map(|time| format!("{time:.0}")).unwrap_or_default()
        };
        let span = jiff::SignedDuration::from_secs(last.since(first).as_secs().try_into().unwrap_or(i64::MAX));
        writeln!(text, "from {} to {} ({span:#})", moment(first), moment(last))?;
    }

    let sightings: u64 = track.sightings.iter().sum();
    if sightings == 0 {
        writeln!(text, "nothing found")?;
    } else {
        let alerts = track.alerts.iter().sum();
        writeln!(text, "{} for {}:", counted(alerts, "alert"), counted(sightings, "sighting"))?;
        writeln!(text, "  {:22} {:>9} {:>9}", "", "alerts", "sightings")?;
        for ((signature, alerts), sightings) in Signature::ALL.iter().zip(track.alerts).zip(track.sightings) {
            if alerts > 0 {
                writeln!(text, "  {:22} {:>9} {:>9}", signature.id(), grouped(alerts), grouped(sightings))?;
            }
        }
    }

    let skipped = Skip::ALL.iter().zip(scan.skipped).map(|(skip, count)| (count, format!("frames: {}", skip.reason())));
    let losses = [
        (problems, "problems with inputs (see the messages)"),
        (capture.damaged, "damaged places in captures"),
        (capture.oversized, "records too large for any packet"),
        (capture.kernel_dropped, "packets dropped by the kernel: its buffer was full (see --kernel-buffer)"),
        (capture.interface_dropped, "packets dropped by interfaces or their drivers"),
        (capture.interfaces_lost, "times that an interface vanished, went down or lost its carrier"),
        (capture.outside, "frames outside the time window"),
        (capture.filtered, "frames left out by the filter"),
        (capture.cut, "frames cut at the snap length, read as far as they go"),
        (scan.dns_cut, "DNS messages cut or broken, read as far as they go"),
        (scan.tunnels_too_deep, "packets in more tunnels, one in the other, than are entered"),
        (track.conversations_forgotten, "conversations forgotten early: too many at a time"),
        (track.windows_closed_early, "repeat windows closed early: too many at a time"),
        (track.heads.too_long, "requests and hellos given up: longer than any may be"),
        (track.heads.too_many_gaps, "requests and hellos given up: too many gaps"),
        (track.heads.too_old, "requests and hellos given up: the rest never came"),
        (track.heads.too_many, "requests and hellos given up: too many at a time"),
        (track.heads.conflicts, "TCP segments that say otherwise than a copy before, which counts"),
        (track.hellos_given_up, "QUIC hellos given up: the rest never came, or too many at a time"),
        (track.talks_forgotten, "conversations whose words were forgotten early: too many at a time"),
        (track.addresses_forgotten, "resolved addresses forgotten early: too many"),
        (track.addresses_refused, "resolved addresses not followed: loopback, multicast or unspecified"),
        (track.addresses_beyond, "resolved addresses not followed: too many in one answer"),
        (totals.alerts_lost, "alerts that could not be written"),
    ];
    let losses = losses.into_iter().map(|(count, what)| (count, what.to_owned()));
    let given_up = GiveUp::ALL.iter().zip(track.fragments.given_up);
    let given_up = given_up.map(|(why, count)| (count, format!("fragmented datagrams: {}", why.reason())));
    let mut losses = losses.chain(given_up).chain(skipped).filter(|(count, _)| *count > 0).peekable();
    if losses.peek().is_some() {
        writeln!(text, "not, or not wholly, looked at:")?;
    }
    for (count, what) in losses {
        writeln!(text, "  {:>12} {what}", grouped(count))?;
    }
    Ok(())
}

/// `1 packet`, `1,234 packets`.
pub fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn only_losses_that_happened_are_told() {
        let mut totals = Totals::default();
        totals.capture.packets = 2;
        totals.scan.skipped[Skip::NotIp as usize] = 1;
        let text = text(&totals, 0, Duration::from_secs(1));
        assert!(text.contains("nothing found"), "{text}");
        assert!(text.contains("1 frames: not IP"), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
