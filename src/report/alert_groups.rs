//! The alerts of the page in groups, so that facts that they share are stated once.

use super::model::{Alert, Packets};

/// The DNS response code of an answer without an error.
const NO_ERROR: &str = "NOERROR";

/// Alerts about the same finding: a first alert and its updates, and further ones with the same
/// server and indicator.
pub(super) struct AlertGroup<'a> {
    pub(super) first: &'a Alert,
    pub(super) rows: Vec<AlertRow<'a>>,
    pub(super) sightings: u64,
}

/// One alert of a group.
pub(super) struct AlertRow<'a> {
    pub(super) alert: &'a Alert,
    pub(super) packets: String,
    /// The statements that the alert before in the group does not make.
    pub(super) notes: Vec<String>,
}

/// Groups alerts, in the order of the first of each group.
pub(super) fn groups(alerts: &[Alert], many_files: bool) -> Vec<AlertGroup<'_>> {
    let mut groups: Vec<AlertGroup<'_>> = Vec::new();
    for alert in alerts {
        let group = match groups.iter_mut().position(|group| is_same(group.first, alert)) {
            Some(index) => groups.get_mut(index),
            None => {
                groups.push(AlertGroup { first: alert, rows: Vec::new(), sightings: 0 });
                groups.last_mut()
            }
        };
        if let Some(group) = group {
            let before = group.rows.last().map(|row| row.alert);
            let row = AlertRow {
                alert,
                packets: numbers(alert.packets.as_ref(), many_files),
                notes: notes(alert, before, group.first),
            };
            group.rows.push(row);
            group.sightings += alert.sightings;
        }
    }
    groups
}

fn is_same(one: &Alert, other: &Alert) -> bool {
    let value = |alert: &Alert| alert.indicator.as_ref().map(|indicator| indicator.value.clone());
    one.signature == other.signature
        && one.severity == other.severity
        && one.server == other.server
        && one.protocol == other.protocol
        && one.basis == other.basis
        && one.name == other.name
        && one.exclusion == other.exclusion
        && value(one) == value(other)
}

/// The facts that an alert states beyond the one before it in its group.
fn notes(alert: &Alert, before: Option<&Alert>, first: &Alert) -> Vec<String> {
    let mut notes = Vec::new();
    // The summary of the group has the statement of the first alert.
    let stated = statement(before.unwrap_or(first));
    if statement(alert) != stated {
        notes.push(statement(alert));
    }
    if !alert.addresses.is_empty() && before.is_none_or(|before| before.addresses != alert.addresses) {
        notes.push(alert.addresses.join(", "));
    }
    let request = |alert: &Alert| alert.request.clone().zip(Some(alert.user_agent.clone()));
    if let Some((request_line, agent)) = request(alert)
        && before.is_none_or(|before| request(before) != request(alert))
    {
        notes.push(match agent {
            Some(agent) => format!("{request_line} ({agent})"),
            None => request_line,
        });
    }
    notes
}

/// The sentence of an alert without the counts of an update, which have columns of their own.
/// A negative answer reads as such.
pub(super) fn statement(alert: &Alert) -> String {
    let statement = alert.message.split("; since the line before").next().unwrap_or(&alert.message);
    match (statement.strip_suffix(": no address"), alert.outcome.as_deref()) {
        (Some(answer), Some(code)) if code != NO_ERROR => format!("{answer}: did not resolve ({code})"),
        _ => statement.to_owned(),
    }
}

/// `12–40`, or `12–40 of file 2` if there are many files.
pub(super) fn numbers(packets: Option<&Packets>, many_files: bool) -> String {
    let Some(Packets { first, last }) = packets else { return "not numbered".to_owned() };
    let file = |file: u32| if many_files { format!(" of file {}", u64::from(file) + 1) } else { String::new() };
    if first == last {
        format!("{}{}", first.number, file(first.file))
    } else if first.file == last.file {
        format!("{}–{}{}", first.number, last.number, file(first.file))
    } else {
        format!("{}{} to {}{}", first.number, file(first.file), last.number, file(last.file))
    }
}
