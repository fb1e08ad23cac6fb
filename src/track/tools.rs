//! Messages of remote-access tools: sightings, and the traffic that follows them.

use std::sync::Arc;
use std::time::Duration;

use super::contacts::Contacts;
use super::packet_alert::{Roles, Statement, packet_alert};
use super::provenance::Observed;
use super::session::{Sessions, ToolSession};
use super::sightings::{OngoingConversation, Sightings};
use crate::alert::{Alert, MatchBasis, Signature, Traffic};
use crate::indicator::{Closeness, Indicator};
use crate::scan::{HTTP_HOST, ToolSighting};
use crate::tools::{ListedServer, MessageKind, Recognized, ToolActivity, ToolUse};

/// The longest silence of a conversation with a tool: as an open TCP connection (RFC 5382, REQ-5).
const TIMEOUT: Duration = Duration::from_secs(2 * 3600 + 4 * 60);

/// Reports a message, unless it is a retransmission.
///
/// A request is a sighting; so is an answer, as long as no request was seen. Everything else adds
/// its bytes to the latest sighting.
pub(super) fn report(
    sighting: &ToolSighting,
    observed: Observed<'_>,
    sessions: &mut Sessions,
    contacts: &mut Contacts,
    sightings: &mut Sightings,
    emit: &mut dyn FnMut(Alert),
) {
    let finding = observed.finding;
    let Recognized { tool, message } = &sighting.recognized;
    // A body alone is no evidence: it counts in a conversation that showed the tool before.
    if message.kind == MessageKind::Body && !sessions.find(&finding.flow).is_some_and(|known| known.has_window(*tool)) {
        return;
    }
    let contacted = contacts.indicator_of(finding);
    let Some(session) = sessions.note_head(observed) else { return };
    let is_named = contacted.is_none();
    let indicator = contacted.or_else(|| session.named.clone());
    let start = session.start.unwrap_or(finding.time);
    let session = session.tool_mut(*tool);
    session.update(message, &finding.flow);
    if message.kind == MessageKind::Lookup {
        return report_lookup(sighting, observed, sightings, emit);
    }
    let mut alert = message_alert(sighting, observed, session, indicator, is_named);
    alert.start = start;
    let conversation = OngoingConversation {
        flow: finding.flow.canonical(),
        timeout: TIMEOUT,
        was_reported: session.window.is_some(),
    };
    let is_sighting = match message.kind {
        MessageKind::Request => true,
        MessageKind::Answer => !session.has_requests,
        MessageKind::Body | MessageKind::Lookup => false,
    };
    session.has_requests |= message.kind == MessageKind::Request;
    if is_sighting {
        let reported = sightings.report(alert, finding, Some(conversation), emit);
        session.verdict = reported.verdict;
        session.window = reported.window;
        return;
    }
    let traffic = Traffic {
        start,
        time: finding.time,
        sent: alert.sent,
        received: alert.received,
        packets: alert.packets,
        tcp_outcome: None,
    };
    let message = alert.message.clone();
    if let Some(verdict) = session.verdict.clone() {
        alert.set_exclusion(verdict);
    }
    session.window = sightings.report_traffic(session.window, traffic, conversation, || alert, emit);
    sightings.set_message(session.window, message);
}

/// The alert for a message. `is_named` is true if a head named the indicator, and false if the
/// packets themselves go to it.
fn message_alert(
    sighting: &ToolSighting,
    observed: Observed<'_>,
    session: &ToolSession,
    indicator: Option<Arc<Indicator>>,
    is_named: bool,
) -> Alert {
    let Recognized { tool, message } = &sighting.recognized;
    let flow = &observed.finding.flow;
    let from_client = session.client == Some(flow.source);
    let Roles { client, server } = Roles::new(flow, from_client);
    let activity = if indicator.is_some() { ToolActivity::Session } else { ToolActivity::Gateway };
    let signature = Signature::Tool(*tool, activity);
    let usage = ToolUse {
        client: client.address,
        server,
        listed: indicator.as_deref().map(|indicator| ListedServer { indicator, is_named }),
        command: session.command.as_deref(),
        version: session.version.as_deref(),
    };
    let is_request = message.kind == MessageKind::Request;
    let statement = Statement {
        signature,
        severity: signature.severity(Closeness::Endpoint, 0),
        application: tool.tool().application,
        basis: if is_request { MatchBasis::ToolRequest(*tool) } else { MatchBasis::ToolAnswer(*tool) },
        message: (tool.tool().sentence)(&usage),
        indicator,
    };
    let mut alert = packet_alert(observed, from_client, statement);
    alert.http = sighting.http.clone();
    alert
}

fn report_lookup(
    sighting: &ToolSighting,
    observed: Observed<'_>,
    sightings: &mut Sightings,
    emit: &mut dyn FnMut(Alert),
) {
    let tool = sighting.recognized.tool;
    let Some(lookup) = &tool.tool().lookup else { return };
    let signature = Signature::Tool(tool, ToolActivity::Lookup);
    let statement = Statement {
        signature,
        severity: signature.severity(Closeness::Endpoint, 0),
        application: HTTP_HOST.application,
        basis: MatchBasis::ServerName(&HTTP_HOST),
        indicator: None,
        message: (lookup.sentence)(observed.finding.flow.source.address),
    };
    let mut alert = packet_alert(observed, true, statement);
    alert.http = sighting.http.clone();
    sightings.report(alert, observed.finding, None, emit);
}
