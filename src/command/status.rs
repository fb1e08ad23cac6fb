//! `rattap status`: the state of the running sensor on one screen.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use rattap::counts::{counted, grouped};
use rattap::metrics::{SensorAddress, Status, fetch_status};
use rattap::units::ByteCount;

use crate::command::printable::printable_lines;

/// The socket of the sensor in the state folder of its service.
pub const STATUS_SOCKET: &str = "/var/lib/rattap/status.socket";

/// Asks the sensor at the address of its metrics, or else at its socket. Returns what to print.
pub fn ask(metrics: Option<SocketAddr>, as_json: bool) -> anyhow::Result<String> {
    let address = metrics.map_or_else(|| SensorAddress::Socket(STATUS_SOCKET.into()), SensorAddress::Metrics);
    let status = fetch_status(&address).map_err(|error| {
        anyhow!(
            "no sensor answers at {address}: {error}; start one with `rattap live`, and ask as root or as its user, or \
             with --metrics ADDR if it has such an address"
        )
    })?;
    if as_json {
        return Ok(serde_json::to_string_pretty(&status)? + "\n");
    }
    let mut text = String::new();
    write_text(&mut text, &status)?;
    Ok(printable_lines(&text) + "\n")
}

fn write_text(text: &mut String, status: &Status) -> std::fmt::Result {
    let health = if status.troubles.is_empty() { "healthy" } else { "not healthy:" };
    writeln!(text, "rattap {}: {health}", status.version)?;
    for trouble in &status.troubles {
        writeln!(text, "  {trouble}")?;
    }
    let rows = rows(status);
    let width = |column: fn(&Row) -> &str| rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0);
    let (kinds, names) = (width(|row| row.0), width(|row| &row.1));
    for (kind, name, value) in &rows {
        writeln!(text, "{kind:kinds$}  {name:names$}  {value}")?;
    }
    Ok(())
}

/// The kind, the name and the state of a part of the sensor.
type Row = (&'static str, String, String);

fn rows(status: &Status) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let bytes = |bytes| ByteCount(bytes).to_string();
    let up = |is_up| if is_up { "up" } else { "down" };
    rows.push(("packets", grouped(status.packets), bytes(status.bytes)));
    for interface in &status.interfaces {
        let dropped = counts(&interface.dropped).unwrap_or_else(|| "0".to_owned());
        rows.push(("interface", interface.name.clone(), format!("{}, dropped: {dropped}", up(interface.up))));
    }
    rows.extend(counts(&status.skipped).map(|skipped| ("skipped", grouped(status.skipped.values().sum()), skipped)));
    let alerts = counts(&status.alerts).unwrap_or_default();
    rows.push(("alerts", grouped(status.alerts.values().sum()), alerts));
    for output in &status.outputs {
        let (alerts, lost) = (counted(output.alerts, "alert"), grouped(output.lost));
        rows.push(("output", output.name.clone(), format!("{}, {alerts}, {lost} lost", up(output.up))));
    }
    if let Some(spool) = &status.spool {
        let fill = format!("of {}, {} only in memory", bytes(spool.capacity_bytes), bytes(spool.memory_bytes));
        rows.push(("spool", bytes(spool.bytes), fill));
    }
    for feed in &status.feeds {
        let mut state = counted(feed.indicators, "indicator");
        if let Some(age) = feed.age_seconds {
            state += &format!(", {} old", age_in_words(Duration::from_secs(age)));
        }
        state += if feed.current { "" } else { ", an older state is in force" };
        rows.push(("list", feed.name.clone(), state));
    }
    rows
}

/// The counts above zero; `None` if there are none.
fn counts(counts: &BTreeMap<String, u64>) -> Option<String> {
    let counts: Vec<_> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| format!("{name} {}", grouped(*count)))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

fn age_in_words(age: Duration) -> String {
    let hours = age.as_secs() / 3600;
    if hours < 48 { format!("{hours} h") } else { format!("{} days", hours / 24) }
}
