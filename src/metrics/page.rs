//! A snapshot as text for Prometheus, in one of two forms: OpenMetrics 1.0, and the older
//! Prometheus text form 0.0.4, which is the default of tools that do not ask for a form.
//!
//! The encoder writes OpenMetrics. The older form is made out of it: there a counter's family has
//! the name of its sample, and there are no units and no end mark.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::borrow::Cow;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::snapshot::{LAG_BOUNDS, Snapshot};
use crate::alert::Signature;

/// A text form of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The Prometheus text form, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Form {
    /// The form that a client asks for with its `Accept` header: OpenMetrics where it names that,
    /// without refusing it (`q=0`).
    pub fn accepted(accept: &str) -> Self {
        let names_open_metrics = accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_named = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/openmetrics-text"));
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            is_named && weight.and_then(|weight| weight.parse::<f32>().ok()) != Some(0.0)
        });
        if names_open_metrics { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The media type of the text.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes a snapshot.
///
/// # Errors
///
/// An error of formatting, which does not occur when writing into a string.
pub fn page(snapshot: Snapshot, form: Form) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("rattap");
    registry.register_collector(Box::new(Page(snapshot)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(match form {
        Form::Prometheus => prometheus(&text),
        Form::OpenMetrics => text,
    })
}

/// OpenMetrics text in the Prometheus text form.
fn prometheus(open_metrics: &str) -> String {
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    for line in open_metrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("UNIT"), ..) | (Some("#"), Some("EOF"), ..) => {}
            (Some("#"), Some("TYPE"), Some(name), Some("counter")) => {
                // The line before is the help of the same family.
                if let Some(help) = lines.pop() {
                    lines.push(help.replacen(name, &format!("{name}_total"), 1).into());
                }
                lines.push(format!("# TYPE {name}_total counter").into());
            }
            _ => lines.push(line.into()),
        }
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

#[derive(Debug)]
struct Page(Snapshot);

/// The labels of a sample.
type Labels<'a> = [(&'static str, &'a str)];

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(now) = self;
        let to = &mut encoder;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        gauges(to, "build", "Version of the sensor; the value is always 1", None, [(&version[..], 1u64)])?;
        let healthy = u64::from(now.troubles.is_empty());
        gauges(to, "healthy", "1 while the sensor is healthy, as at /healthz", None, [(&[][..], healthy)])?;

        counters(to, "packets", "Frames captured", None, [(&[][..], now.packets)])?;
        counters(to, "captured", "Captured bytes of those frames", Some(&Unit::Bytes), [(&[][..], now.bytes.0)])?;
        for drops in [true, false] {
            // All samples of a family have the same labels, so that a sum over it is meaningful.
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
                ("drops", "Skipped or incomplete items by reason")
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
        counters(to, "suppressed", "Sightings that an exclusion suppressed", None, refer(&suppressed))?;

        let queues: Vec<_> = now.queues.iter().map(|queue| ([("queue", queue.name)], queue)).collect();
        let waiting = queues.iter().map(|(labels, queue)| (&labels[..], queue.waiting as u64));
        gauges(to, "queue_length", "Items that wait for the next stage", None, waiting)?;
        let capacity = queues.iter().map(|(labels, queue)| (&labels[..], queue.capacity as u64));
        gauges(to, "queue_capacity", "Items that can wait for the next stage", None, capacity)?;
        self.lag(to)?;

        let interfaces: Vec<_> = now.interfaces.iter().map(|one| ([("interface", &*one.name)], one)).collect();
        let up = interfaces.iter().map(|(labels, one)| (&labels[..], u64::from(one.is_up)));
        gauges(to, "interface_up", "1 while packets can come from the interface", None, up)?;
        let outputs: Vec<_> = now.outputs.iter().map(|one| ([("output", &*one.name)], one)).collect();
        let up = outputs.iter().map(|(labels, one)| (&labels[..], u64::from(one.is_up)));
        gauges(to, "output_up", "1 while the output takes alerts", None, up)?;
        let written = outputs.iter().map(|(labels, one)| (&labels[..], one.written));
        counters(to, "output_alerts", "Alerts written to the output", None, written)?;
        let lost = outputs.iter().map(|(labels, one)| (&labels[..], one.lost));
        counters(to, "output_lost", "Alerts lost for the output", None, lost)?;
        if let Some(spool) = &now.spool {
            let bytes = Some(&Unit::Bytes);
            gauges(
                to,
                "spool",
                "Size of the alerts in the spool that are not delivered",
                bytes,
                [(&[][..], spool.size.0)],
            )?;
            let help = "The part of it that is only in memory, because the disk does not take it";
            gauges(to, "spool_memory", help, bytes, [(&[][..], spool.in_memory.0)])?;
            gauges(to, "spool_capacity", "The most that the spool may hold", bytes, [(&[][..], spool.capacity.0)])?;
        }

        let feeds: Vec<_> = now.feeds.iter().map(|feed| ([("feed", &*feed.name)], feed)).collect();
        let counted = feeds.iter().map(|(labels, feed)| (&labels[..], feed.indicators as u64));
        gauges(to, "indicators", "Indicators in force", None, counted)?;
        let ages = feeds.iter().filter_map(|(labels, feed)| Some((&labels[..], feed.age?.as_secs_f64())));
        gauges(to, "feed_age", "Age of the list", Some(&Unit::Seconds), ages)?;
        let current = feeds.iter().map(|(labels, feed)| (&labels[..], u64::from(feed.is_current)));
        gauges(to, "feed_current", "1 if the newest state of the list is in force", None, current)
    }
}

impl Page {
    fn lag(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let lag = &self.0.lag;
        let bounds = LAG_BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(lag.counts).collect();
        let help = "Time between the packet of an alert and the alert";
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

/// Writes a family of metrics, unless it has no sample.
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
