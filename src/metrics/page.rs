//! A snapshot as OpenMetrics text, which Prometheus reads.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{LAG_BOUNDS, Snapshot};
use crate::alert::Signature;

/// The text's media type.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes a snapshot.
///
/// The error is one of formatting, which writing into a string does not have.
pub fn page(snapshot: Snapshot) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("rattap");
    registry.register_collector(Box::new(Page(snapshot)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Page(Snapshot);

/// A sample's labels.
type Labels<'a> = [(&'static str, &'a str)];

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(now) = self;
        let to = &mut encoder;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        gauges(to, "build", "The sensor's version; the value says nothing", None, [(&version[..], 1u64)])?;
        let healthy = u64::from(now.troubles.is_empty());
        gauges(to, "healthy", "1 where nothing is wrong, as at /healthz", None, [(&[][..], healthy)])?;

        counters(to, "packets", "Frames captured", None, [(&[][..], now.packets)])?;
        counters(to, "captured", "Captured bytes of those frames", Some(&Unit::Bytes), [(&[][..], now.bytes.0)])?;
        for drops in [true, false] {
            // Two families, so that a sum over one is a sum over the same labels.
            let these = now.drops.iter().filter(|drop| drop.interface.is_some() == drops);
            let labelled: Vec<_> = these
                .map(|drop| {
                    let reason = ("reason", drop.reason.as_str());
                    let interface = drop.interface.as_deref().map(|name| ("interface", name));
                    (std::iter::once(reason).chain(interface).collect::<Vec<_>>(), drop.count)
                })
                .collect();
            let (name, help) = if drops {
                ("interface_drops", "Packets lost before they were captured, by interface and reason")
            } else {
                ("drops", "What was not, or not wholly, looked at, by reason")
            };
            counters(to, name, help, None, labelled.iter().map(|(labels, count)| (&labels[..], *count)))?;
        }

        let by_signature = |counts: [u64; Signature::ALL.len()]| {
            Signature::ALL.into_iter().map(|signature| [("signature", signature.id())]).zip(counts).collect::<Vec<_>>()
        };
        let sightings = by_signature(now.sightings);
        counters(to, "sightings", "Sightings by signature", None, refer(&sightings))?;
        let alerts = by_signature(now.alerts);
        counters(to, "alerts", "Alerts by signature", None, refer(&alerts))?;
        let suppressed: Vec<_> =
            now.suppressed.iter().map(|(name, count)| ([("exclusion", &**name)], *count)).collect();
        counters(to, "suppressed", "Sightings that an exclusion kept from an alert", None, refer(&suppressed))?;

        let queues: Vec<_> = now.queues.iter().map(|queue| ([("queue", queue.name)], queue)).collect();
        let waiting = queues.iter().map(|(labels, queue)| (&labels[..], queue.waiting as u64));
        gauges(to, "queue_length", "How much waits for the next stage", None, waiting)?;
        let capacity = queues.iter().map(|(labels, queue)| (&labels[..], queue.capacity as u64));
        gauges(to, "queue_capacity", "How much can wait for the next stage", None, capacity)?;
        self.lag(to)?;

        let interfaces: Vec<_> = now.interfaces.iter().map(|one| ([("interface", &*one.name)], one)).collect();
        let up = interfaces.iter().map(|(labels, one)| (&labels[..], u64::from(one.is_up)));
        gauges(to, "interface_up", "1 where packets can come from the interface", None, up)?;
        let outputs: Vec<_> = now.outputs.iter().map(|one| ([("output", &*one.name)], one)).collect();
        let up = outputs.iter().map(|(labels, one)| (&labels[..], u64::from(one.is_up)));
        gauges(to, "output_up", "1 where the output takes alerts", None, up)?;
        let written = outputs.iter().map(|(labels, one)| (&labels[..], one.written));
        counters(to, "output_alerts", "Alerts that the output took", None, written)?;
        let lost = outputs.iter().map(|(labels, one)| (&labels[..], one.lost));
        counters(to, "output_lost", "Alerts that are lost to the output", None, lost)?;
        if let Some(spool) = &now.spool {
            let bytes = Some(&Unit::Bytes);
            gauges(to, "spool", "What the spool holds that is not delivered", bytes, [(&[][..], spool.size.0)])?;
            let help = "What of it is in memory alone, since the disk does not take it";
            gauges(to, "spool_memory", help, bytes, [(&[][..], spool.in_memory.0)])?;
            gauges(to, "spool_capacity", "What the spool may hold", bytes, [(&[][..], spool.capacity.0)])?;
        }

        let feeds: Vec<_> = now.feeds.iter().map(|feed| ([("feed", &*feed.name)], feed)).collect();
        let counted = feeds.iter().map(|(labels, feed)| (&labels[..], feed.indicators as u64));
        gauges(to, "indicators", "Indicators in force", None, counted)?;
        let ages = feeds.iter().filter_map(|(labels, feed)| Some((&labels[..], feed.age?.as_secs_f64())));
        gauges(to, "feed_age", "How old the list is", Some(&Unit::Seconds), ages)?;
        let current = feeds.iter().map(|(labels, feed)| (&labels[..], u64::from(feed.is_current)));
        gauges(to, "feed_current", "1 where the newest state of the list is in force", None, current)
    }
}

impl Page {
    fn lag(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let lag = &self.0.lag;
        let bounds = LAG_BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(lag.counts).collect();
        let help = "How long after its packet an alert left";
        let mut encoder = to.encode_descriptor("alert_lag", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        encoder.encode_histogram::<NoLabelSet>(lag.seconds, lag.counts.iter().sum(), &buckets, None)
    }
}

fn refer<'a, const N: usize, V: Copy>(
    samples: &'a [([(&'static str, &'a str); N], V)],
) -> impl Iterator<Item = (&'a Labels<'a>, V)> {
    samples.iter().map(|(labels, value)| (&labels[..], *value))
}

fn counters<'a, V: EncodeCounterValue>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    samples: impl IntoIterator<Item = (&'a Labels<'a>, V)>,
) -> fmt::Result {
    let encode = |encoder: &mut MetricEncoder<'_>, value: V| encoder.encode_counter::<NoLabelSet, _, f64>(&value, None);
    family(to, (name, help, unit, MetricType::Counter), samples, encode)
}

fn gauges<'a, V: EncodeGaugeValue>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    samples: impl IntoIterator<Item = (&'a Labels<'a>, V)>,
) -> fmt::Result {
    let encode = |encoder: &mut MetricEncoder<'_>, value: V| encoder.encode_gauge(&value);
    family(to, (name, help, unit, MetricType::Gauge), samples, encode)
}

/// A family without a sample is not written.
fn family<'a, V>(
    to: &mut DescriptorEncoder<'_>,
    (name, help, unit, kind): (&str, &str, Option<&Unit>, MetricType),
    samples: impl IntoIterator<Item = (&'a Labels<'a>, V)>,
    encode: impl Fn(&mut MetricEncoder<'_>, V) -> fmt::Result,
) -> fmt::Result {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let mut encoder = to.encode_descriptor(name, help, unit, kind)?;
    for (labels, value) in samples {
        if labels.is_empty() {
            encode(&mut encoder, value)?;
        } else {
            encode(&mut encoder.encode_family(&labels)?, value)?;
        }
    }
    Ok(())
}
