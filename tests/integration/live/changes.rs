//! Exclusions that change while the sensor runs, and the file of what they suppress.

use std::fs;

use super::net::{Net, wait_for_file, wait_for_lines};
use crate::delivery::contacts;
use crate::golden::parse;

const METRICS: u16 = 9100;

/// A rule for the clients that play here. What is listed for sure is only excluded for some days.
fn rule(effect: &str) -> String {
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(3 * 24);
    format!(
        "[[rule]]\nname = 'helpdesk'\nscenario = 'remote-support'\nowner = 'helpdesk@example.com'\nreason = 'A test'\n\
         effect = '{effect}'\nlisted_indicators = true\nexpires = {expires:.0}\n\
         [rule.match]\nsource = '10.128.0.0/16'\ndestination = '91.202.233.25'\n"
    )
}

#[test]
fn exclusions_change_at_a_reload_and_their_file_moves_away() {
    let Some(net) = Net::with_pair().map(Net::with_loopback) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (rules, audit, moved) = (path("lawful.toml"), path("suppressed.cef"), path("suppressed.cef.1"));
    let (rules_text, audit_text) = (rules.to_str().unwrap(), audit.to_str().unwrap());
    let mut sent = 0;
    let mut send = |clients: std::ops::Range<u32>| {
        fs::write(path("contacts.pcap"), contacts(clients).pcap()).unwrap();
        sent += net.send("a0", &["--topspeed"], &path("contacts.pcap"));
    };
    fs::write(&rules, rule("annotate")).unwrap();
    let metrics = METRICS.to_string();
    let sensor =
        net.sensor(&["-i", "b0", "--exclusions", rules_text, "--audit", audit_text, "--metrics", &metrics, "-o", "-"]);
    send(0..10);
    sensor.wait_for_alerts("flexString1=helpdesk", 10);

    // Another rule.
    fs::write(&rules, rule("suppress")).unwrap();
    sensor.signal("HUP");
    sensor.wait_for_log("reloaded: 9 indicators and 1 exclusions in force", 1);
    send(10..20);
    wait_for_lines(&audit, 10);

    // One that cannot be read changes nothing, but that a file that was moved away is made anew.
    fs::rename(&audit, &moved).unwrap();
    fs::write(&rules, rule("suppress") + "[[rule]]\nname = 'half'\n").unwrap();
    sensor.signal("HUP");
    let log = sensor.wait_for_log("not reloaded, indicators and exclusions from before stay in force", 1);
    assert!(log.contains("ERROR") || log.contains("error"), "{log}");
    assert!(log.contains(&format!("{rules_text}:12: ")), "{log}");
    wait_for_file(&audit);
    send(20..30);
    wait_for_lines(&audit, 10);
    assert_eq!(fs::read_to_string(&moved).unwrap().lines().count(), 10);
    let page = net.metrics(METRICS, "/metrics");
    assert!(page.contains("rattap_suppressed_total{exclusion=\"helpdesk\"} 20\n"), "{page}");
    assert!(
        page.contains("rattap_feed_current{feed=\"builtin\"} 1\n") && page.contains("rattap_healthy 0\n"),
        "{page}"
    );
    let health = net.metrics(METRICS, "/healthz");
    assert!(health.contains("could not be read again"), "{health}");

    // Right again.
    fs::write(&rules, rule("downgrade")).unwrap();
    sensor.signal("HUP");
    sensor.wait_for_log("reloaded: 9 indicators and 1 exclusions in force", 2);
    send(30..40);
    sensor.wait_for_alerts("flexString1=helpdesk", 20);
    assert!(net.metrics(METRICS, "/metrics").contains("rattap_healthy 1\n"));

    let ended = sensor.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert_eq!((ended.packets(), sent), (40, 40), "{}", ended.err);
    let severities: Vec<_> = ended.out.lines().map(|line| parse(line)["6"].clone()).collect();
    assert_eq!(severities, [["9"; 10], ["1"; 10]].concat(), "{}", ended.out);
    // The lines are those that alerts would have been.
    for text in [fs::read_to_string(&moved).unwrap(), fs::read_to_string(&audit).unwrap()] {
        assert_eq!(text.lines().count(), 10);
        assert!(text.lines().all(|line| parse(line)["4"] == "c2-endpoint"), "{text}");
    }
}
