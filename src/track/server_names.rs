//! Sightings of listed servers that a head names: in TLS, QUIC, HTTP or SOCKS.

use super::packet_alert::{Statement, packet_alert};
use super::provenance::Observed;
use super::session::Sessions;
use super::sightings::Sightings;
use crate::alert::{Alert, MatchBasis, Signature};
use crate::sanitize::sanitize;
use crate::scan::NameSighting;

/// Reports a sighting, unless it comes from a retransmission.
pub(super) fn report(
    sighting: &NameSighting,
    observed: Observed<'_>,
    sessions: &mut Sessions,
    sightings: &mut Sightings,
    emit: &mut dyn FnMut(Alert),
) {
    let Observed { finding, provenance } = observed;
    let Some(indicator) = sightings.indicator(&provenance.indicators, sighting.indicator) else { return };
    let Some(session) = sessions.note_head(observed) else { return };
    session.named = Some(indicator.clone());
    let message = format!(
        "{} asked {} {} for {}{}, listed for {}{}",
        finding.flow.source.address,
        finding.flow.destination,
        sighting.basis.phrase,
        sanitize(&sighting.host),
        sighting.port.map(|port| format!(":{port}")).unwrap_or_default(),
        indicator.family,
        indicator.remark(),
    );
    let statement = Statement {
        signature: Signature::C2ServerName,
        severity: Signature::C2ServerName.severity(sighting.closeness, indicator.confidence),
        application: sighting.basis.application,
        basis: MatchBasis::ServerName(sighting.basis),
        indicator: Some(indicator),
        message,
    };
    let mut alert = packet_alert(observed, true, statement);
    alert.server_name = sighting.is_name.then(|| sighting.host.clone());
    alert.http = sighting.http.clone();
    sightings.report(alert, finding, None, emit);
}
