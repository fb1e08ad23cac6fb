//! The tables of a workspace, with the columns that the hunts use.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::cef_reader;

/// A table: the names and types of its columns, and its rows.
pub struct Table {
    pub name: &'static str,
    pub columns: Vec<(&'static str, &'static str)>,
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// `columns` as in KQL: `name:type, …`.
    pub fn new(name: &'static str, columns: &'static str) -> Self {
        let columns = columns.split(", ").map(|column| column.trim().split_once(':').unwrap()).collect();
        Self { name, columns, rows: Vec::new() }
    }

    /// Adds a row, given as `column=value` separated by `|`. Absent columns are null.
    pub fn with(mut self, row: &str) -> Self {
        let mut given: HashMap<_, _> = row.split('|').map(|cell| cell.trim().split_once('=').unwrap()).collect();
        let row = self.columns.iter().map(|(name, kind)| typed(kind, given.remove(name)));
        self.rows.push(row.collect());
        assert!(given.is_empty(), "{}: no such columns: {given:?}", self.name);
        self
    }

    pub fn to_json(&self) -> Value {
        json!({ "name": self.name, "columns": self.columns, "rows": self.rows })
    }
}

fn typed(kind: &str, value: Option<&str>) -> Value {
    match (kind, value) {
        (_, None) => Value::Null,
        ("int" | "long", Some(text)) => json!(text.parse::<i64>().unwrap()),
        (_, Some(text)) => json!(text),
    }
}

/// The columns in which a workspace stores the values of a CEF line: key, column, type ("CEF and
/// CommonSecurityLog field mapping", and the table's reference). Header fields are keyed by their
/// place.
const COMMON_SECURITY_LOG: [(&str, &str, &str); 55] = [
    ("1", "DeviceVendor", "string"),
    ("2", "DeviceProduct", "string"),
    ("3", "DeviceVersion", "string"),
    ("4", "DeviceEventClassID", "string"),
    ("5", "Activity", "string"),
    ("6", "LogSeverity", "string"),
    ("rt", "ReceiptTime", "string"),
    ("externalId", "ExtID", "string"),
    ("act", "DeviceAction", "string"),
    ("cat", "DeviceEventCategory", "string"),
    ("outcome", "EventOutcome", "string"),
    ("src", "SourceIP", "string"),
    ("spt", "SourcePort", "int"),
    ("dst", "DestinationIP", "string"),
    ("dpt", "DestinationPort", "int"),
    ("proto", "Protocol", "string"),
    ("smac", "SourceMACAddress", "string"),
    ("dmac", "DestinationMACAddress", "string"),
    ("app", "ApplicationProtocol", "string"),
    ("deviceDirection", "CommunicationDirection", "string"),
    ("out", "SentBytes", "long"),
    ("in", "ReceivedBytes", "long"),
    ("cnt", "EventCount", "int"),
    ("dvchost", "DeviceName", "string"),
    ("deviceExternalId", "DeviceExternalID", "string"),
    ("deviceInboundInterface", "DeviceInboundInterface", "string"),
    ("destinationDnsDomain", "DestinationDnsDomain", "string"),
    ("dhost", "DestinationHostName", "string"),
    ("request", "RequestURL", "string"),
    ("requestMethod", "RequestMethod", "string"),
    ("requestClientApplication", "RequestClientApplication", "string"),
    ("c6a2", "DeviceCustomIPv6Address2", "string"),
    ("c6a2Label", "DeviceCustomIPv6Address2Label", "string"),
    ("c6a3", "DeviceCustomIPv6Address3", "string"),
    ("c6a3Label", "DeviceCustomIPv6Address3Label", "string"),
    ("cs1", "DeviceCustomString1", "string"),
    ("cs1Label", "DeviceCustomString1Label", "string"),
    ("cs2", "DeviceCustomString2", "string"),
    ("cs2Label", "DeviceCustomString2Label", "string"),
    ("cs3", "DeviceCustomString3", "string"),
    ("cs3Label", "DeviceCustomString3Label", "string"),
    ("cs4", "DeviceCustomString4", "string"),
    ("cs4Label", "DeviceCustomString4Label", "string"),
    ("cs5", "DeviceCustomString5", "string"),
    ("cs5Label", "DeviceCustomString5Label", "string"),
    ("cs6", "DeviceCustomString6", "string"),
    ("cs6Label", "DeviceCustomString6Label", "string"),
    ("cn1", "FieldDeviceCustomNumber1", "long"),
    ("cn2", "FieldDeviceCustomNumber2", "long"),
    ("cn3", "FieldDeviceCustomNumber3", "long"),
    ("deviceCustomDate1", "DeviceCustomDate1", "string"),
    ("flexString1", "FlexString1", "string"),
    ("flexString2", "FlexString2", "string"),
    ("flexString2Label", "FlexString2Label", "string"),
    ("msg", "Message", "string"),
];

/// The labels without a column above.
const LABELS_LEFT_OUT: [&str; 5] = ["cn1Label", "cn2Label", "cn3Label", "deviceCustomDate1Label", "flexString1Label"];

/// `CommonSecurityLog` with the lines that an agent received, each of them twice, as after a
/// repeated delivery.
pub fn common_security_log(lines: &[String]) -> Table {
    let mut columns = vec![("TimeGenerated", "datetime"), ("Computer", "string"), ("AdditionalExtensions", "string")];
    // This column is a number, so it cannot hold an `externalId`.
    columns.push(("ExternalID", "int"));
    columns.extend(COMMON_SECURITY_LOG.map(|(_, column, kind)| (column, kind)));
    let mut table = Table { name: "CommonSecurityLog", columns, rows: Vec::new() };
    for (time, line) in lines.iter().flat_map(|line| [("2026-06-09T12:00:00", line), ("2026-06-09T12:30:00", line)]) {
        table.rows.push(row(time, line));
    }
    table
}

/// Reads a line like the agent: a syslog priority and header, then `CEF:`, which a blank may
/// follow.
fn row(time: &str, line: &str) -> Vec<Value> {
    let (header, event) = line.split_once("CEF:").unwrap_or_else(|| panic!("no CEF in {line}"));
    let event = format!("CEF:{}\n", event.trim_start());
    let mut values = cef_reader::parse(&event).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(values.remove("0").as_deref(), Some("CEF:0"));
    // Priority and month, day, time, host.
    let words: Vec<_> = header.split_whitespace().collect();
    let [month, _, _, computer] = words[..] else { panic!("no syslog header: {line}") };
    assert!(month.starts_with("<164>"), "not local4.warning: {line}");
    for label in LABELS_LEFT_OUT {
        values.remove(label);
    }
    let cells = COMMON_SECURITY_LOG.map(|(key, _, kind)| typed(kind, values.remove(key).as_deref()));
    // This column keeps the values that have no column of their own.
    let mut rest: Vec<_> = values.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    rest.sort();
    assert!(rest.iter().all(|pair| pair.starts_with("start=") || pair.starts_with("end=")), "no column: {rest:?}");
    let mut row = vec![json!(time), json!(computer), json!(rest.join(";")), Value::Null];
    row.extend(cells);
    row
}
