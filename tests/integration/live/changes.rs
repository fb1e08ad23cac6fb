//! Changes while a sensor runs: exclusions, and the files that it writes.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::net::{Net, wait_for_file, wait_for_lines};
use crate::delivery::contacts;
use crate::delivery::receiver::{ids, wait_for};
use crate::golden::parse;
use crate::needs::Need;
use crate::run::has_program;

const METRICS: u16 = 9100;

/// A rule for the clients of these tests. Indicators of high confidence can be excluded for some
/// days only.
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

    // An unreadable file changes no rule, but a file that was moved away is created again.
    fs::rename(&audit, &moved).unwrap();
    fs::write(&rules, rule("suppress") + "[[rule]]\nname = 'half'\n").unwrap();
    sensor.signal("HUP");
    let log = sensor.wait_for_log("not reloaded, the previous indicators and exclusions stay in force", 1);
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
    assert!(health.contains("could not be reloaded"), "{health}");

    // Valid again.
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
    // The audit lines are the suppressed alerts.
    for text in [fs::read_to_string(&moved).unwrap(), fs::read_to_string(&audit).unwrap()] {
        assert_eq!(text.lines().count(), 10);
        assert!(text.lines().all(|line| parse(line)["4"] == "c2-endpoint"), "{text}");
    }
}

#[test]
fn a_list_that_shrinks_at_a_reload_stays_as_it_was_until_that_is_allowed() {
    let Some(net) = Net::with_pair().map(Net::with_loopback) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (feed, other, settings) = (path("feed.txt"), path("other.txt"), path("rattap.toml"));
    let configure = |allow_shrink: &str| {
        let text = format!(
            "[capture]\ninterfaces = [\"b0\"]\n[indicators]\nbuiltin = false\nfiles = [\"{}\", \"{}\"]\n{allow_shrink}\n\
             [metrics]\nlisten = {METRICS}\n",
            feed.display(),
            other.display()
        );
        fs::write(&settings, text).unwrap();
    };
    // The address that is contacted, and some more.
    fs::write(&feed, "91.202.233.25\n203.0.113.1\n203.0.113.2\n203.0.113.3\n203.0.113.4\n").unwrap();
    fs::write(&other, "203.0.113.200\n").unwrap();
    configure("");
    let sensor = net.sensor(&["--config", settings.to_str().unwrap(), "--repeat-window", "0"]);
    let current = |feed: &std::path::Path, is_current: u8| {
        let page = net.metrics(METRICS, "/metrics");
        let line = format!("rattap_feed_current{{feed=\"{}\"}} {is_current}\n", feed.display());
        assert!(page.contains(&line), "{line}{page}");
        page
    };
    let mut alerts = 0;
    let mut is_found = || {
        // Another client each time.
        fs::write(path("contacts.pcap"), contacts(alerts..alerts + 1).pcap()).unwrap();
        net.send("a0", &["--topspeed"], &path("contacts.pcap"));
        alerts += 1;
        sensor.wait_for_alerts("cs1=91.202.233.25", alerts as usize);
    };
    is_found();
    // Empty, and with less than half; the other list changes meanwhile.
    for (number, shrunk) in ["", "203.0.113.1\n203.0.113.2\n"].into_iter().enumerate() {
        fs::write(&feed, shrunk).unwrap();
        fs::write(&other, "203.0.113.200\n203.0.113.201\n").unwrap();
        sensor.signal("HUP");
        let log = sensor.wait_for_log("reloaded: 7 indicators", number + 1);
        let why = format!("feed.txt: not reloaded: it had 5 indicators and now has {}", shrunk.lines().count());
        assert!(log.contains(&why) && log.contains("allow_shrink = true"), "{log}");
        current(&feed, 0);
        assert!(current(&other, 1).contains("rattap_healthy 0\n"));
        let health = net.metrics(METRICS, "/healthz");
        assert!(health.starts_with("HTTP/1.1 503") || health.starts_with("HTTP/1.0 503"), "{health}");
        assert!(health.contains(&format!("{}: not reloaded", feed.display())), "{health}");
        is_found();
    }
    // Without anything left, even where it is allowed, nothing changes.
    configure("allow_shrink = true");
    fs::write(&feed, "").unwrap();
    fs::write(&other, "").unwrap();
    sensor.signal("HUP");
    let log = sensor.wait_for_log("not reloaded, the previous indicators and exclusions stay in force", 1);
    assert!(log.contains("no indicators are left to look for"), "{log}");
    is_found();
    fs::write(&feed, "203.0.113.1\n").unwrap();
    sensor.signal("HUP");
    sensor.wait_for_log("reloaded: 1 indicators", 1);
    assert!(current(&feed, 1).contains("rattap_healthy 1\n"));
    let ended = sensor.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
}

#[test]
fn logrotate_moves_files_away_under_load_and_no_line_is_lost() {
    let Some(net) = Net::with_pair() else { return };
    if !has_program(Need::Logrotate, "logrotate") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let alerts = path("alerts.cef");
    let sensor = net.sensor(&["-i", "b0", "-o", alerts.to_str().unwrap()]);
    // The configuration of the package, with another folder, another account and another way to
    // signal.
    let packaged = include_str!("../../../packaging/logrotate");
    let (before, script) = packaged.split_once("postrotate\n").unwrap();
    assert!(script.contains("--kill-who=main --signal=HUP rattap.service"), "{script}");
    let config = format!("{before}postrotate\nkill -HUP {}\nendscript\n}}\n", sensor.id())
        .replace("/var/log/rattap/", &format!("{}/", folder.path().display()))
        .replace("rattap rattap", "root root");
    fs::write(path("logrotate.conf"), config).unwrap();
    fs::write(path("contacts.pcap"), contacts(0..1000).pcap()).unwrap();

    let files = || {
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.to_string_lossy().contains(".cef")).collect::<Vec<_>>()
    };
    let text = |path: &std::path::PathBuf| match path.extension().is_some_and(|end| end == "gz") {
        true => Command::new("zcat").arg(path).output().unwrap().stdout,
        false => fs::read(path).unwrap(),
    };
    let told = || {
        let lines: Vec<_> = files().iter().flat_map(text).collect();
        (ids(std::str::from_utf8(&lines).unwrap()), lines.iter().filter(|byte| **byte == b'\n').count())
    };
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| net.send("a0", &["--pps", "400"], &path("contacts.pcap")));
        for time in 1..=3 {
            wait_for("alerts in the new file", || (!fs::read(&alerts).unwrap().is_empty()).then_some(()));
            let rotated = Command::new("logrotate")
                .args(["--force", "--state", path("state").to_str().unwrap(), path("logrotate.conf").to_str().unwrap()])
                .output()
                .unwrap();
            assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
            sensor.wait_for_log("reloaded: ", time);
        }
        sending.join().unwrap()
    });
    let ended = sensor.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert_eq!((ended.packets(), sent), (1000, 1000), "{}", ended.err);
    let (ids, lines): (BTreeSet<_>, usize) = told();
    assert_eq!((ids.len(), lines, files().len()), (1000, 1000, 4));
}
