//! A fixture for each format, with the unusual cases of its producers, and tests that apply to all
//! formats.

use std::time::Duration;

use proptest::prelude::*;

use super::format::FeedStart;
use super::formats::FORMATS;
use super::parse::parse_into;
use super::*;
use crate::domain_name::DomainName;
use crate::indicator::{Closeness, Indicator, IndicatorSet, Pattern, SetBuilder};
use crate::units::Timestamp;

const NOW: &str = "2026-07-05 00:00:00";

/// The result of reading a text by some rules.
struct Read {
    contents: FeedContents,
    indicators: Vec<Indicator>,
    error: Option<String>,
}

impl Read {
    fn by(text: &str, rules: &FeedRules) -> Self {
        let mut indicators = Vec::new();
        let (contents, result) = parse_into(text, "list", rules, &mut |listing| {
            indicators.push(Indicator::from(listing));
            Ok(())
        });
        Self { contents, indicators, error: result.err().map(|error| error.to_string()) }
    }

    fn new(text: &str) -> Self {
        Self::by(text, &FeedRules { now: date::read(NOW), ..FeedRules::default() })
    }

    fn of_family(text: &str, family: &str) -> Self {
        Self::by(text, &FeedRules { now: date::read(NOW), families: vec![family.to_owned()], ..FeedRules::default() })
    }

    fn values(&self) -> Vec<String> {
        assert_eq!(self.error, None);
        self.indicators.iter().map(|indicator| indicator.pattern.to_string()).collect()
    }

    fn refusals(&self) -> Vec<String> {
        self.contents.refusals.iter().map(ToString::to_string).collect()
    }

    fn skipped(&self) -> Vec<(SkipReason, u64)> {
        self.contents.skipped.iter().map(|(why, count)| (*why, *count)).collect()
    }

    fn day(&self) -> String {
        let nanos = self.contents.date.map_or(0, Timestamp::nanos);
        jiff::Timestamp::from_nanosecond(nanos.into()).unwrap().to_string()[..10].to_owned()
    }
}

const THREATFOX_CSV: &str = r#"################################################################
# ThreatFox IOCs: recent - CSV format                          #
# Last updated: 2026-07-04 22:50:12 UTC                        #
################################################################
#
# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","fk_malware","malware_alias","malware_printable","last_seen_utc","confidence_level","is_compromised","reference","tags","anonymous","reporter"
"2026-07-04 21:46:30", "1844853", "203.0.113.7:5555", "ip:port", "botnet_cc", "win.cobalt_strike", "Agentemis,BEACON", "Cobalt Strike", "2026-07-04 22:46:23", "75", "False", "None", "c2,drb-ra", "0", "reporter"
"2026-07-04 20:00:00", "1844852", "[2001:db8::1]:443", "ip:port", "botnet_cc", "win.netsupportmanager_rat", "NetSupport", "NetSupportManager RAT", "", "100", "1", "https://example.org/a,b", "None", "0", "some, body"
"2026-07-03 20:00:00", "1844851", "Pinglepis.net", "domain", "botnet_cc", "win.netsupportmanager_rat", "NetSupport", "NetSupportManager RAT", "None", "50", "True", "None", "", "0", "reporter"
"2026-07-03 20:00:00", "1844850", "https://sockmind.net/a,b?c=""d""", "url", "payload_delivery", "js.x", "None", "X", "None", "50", "0", "None", "", "0", "reporter"
"2026-07-03 20:00:00", "1844849", "d41d8cd98f00b204e9800998ecf8427e", "md5_hash", "payload", "js.x", "None", "X", "None", "50", "0", "None", "", "0", "reporter"
"2026-07-03 20:00:00", "1844848", "8.8.8.8:53", "ip:port", "botnet_cc", "js.x", "None", "X", "None", "50", "0", "None", "", "0", "reporter"
"2026-07-03 20:00:00", "1844847", "too few"
# Number of entries: 7
"#;

#[test]
fn threatfox_csv() {
    for text in [THREATFOX_CSV.to_owned(), THREATFOX_CSV.replace('\n', "\r\n"), format!("\u{feff}{THREATFOX_CSV}")] {
        let read = Read::new(&text);
        assert_eq!(read.contents.format, "ThreatFox CSV");
        assert_eq!(read.values(), ["203.0.113.7:5555", "[2001:db8::1]:443", "pinglepis.net", "sockmind.net"]);
        assert_eq!(
            read.refusals(),
            [
                "line 12: 8.8.8.8:53: too broad: 8.8.8.8 is a public resolver of Google (--allow-broad accepts it)",
                "line 13: 3 columns, where the header has 15",
            ]
        );
        assert_eq!(read.skipped(), [(SkipReason::OtherKind, 1)]);
        // The banner's date, not that of the newest entry.
        assert_eq!(read.contents.date, date::read("2026-07-04 22:50:12"));
        let [first, second, third, url] = &read.indicators[..] else { panic!("four") };
        assert_eq!((&*first.family, &*first.threat, first.confidence), ("Cobalt Strike", "botnet_cc", 75));
        assert_eq!(first.first_seen, date::read("2026-07-04 21:46:30"));
        assert_eq!(first.last_seen, date::read("2026-07-04 22:46:23"));
        assert_eq!((&*first.reference, first.id.as_deref(), &*first.source), ("list line 7", Some("1844853"), "list"));
        assert_eq!(first.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["c2", "drb-ra"]);
        assert_eq!(
            (&*second.reference, second.is_compromised, second.last_seen),
            ("https://example.org/a,b", true, None)
        );
        assert!(third.is_compromised && !first.is_compromised && !third.is_from_url);
        assert!(url.is_from_url && url.tags.is_empty());
        assert_eq!(read.contents.kinds, [(EntryKind::Endpoint, 2), (EntryKind::Domain, 1), (EntryKind::Url, 1)].into());
    }
}

#[test]
fn threatfox_csv_of_fourteen_columns_and_without_its_comments() {
    let without = |text: &str| text.replace("\"is_compromised\",", "").replace(", \"False\",", ",");
    let old: Vec<String> = THREATFOX_CSV.lines().take(7).map(without).collect();
    let read = Read::new(&old.join("\n"));
    assert_eq!(read.values(), ["203.0.113.7:5555"]);
    assert_eq!(read.indicators[0].tags.len(), 2);
    for bare in [&old[6], THREATFOX_CSV.lines().nth(6).unwrap()] {
        let read = Read::new(bare);
        assert_eq!((read.contents.format, read.values()), ("ThreatFox CSV", vec!["203.0.113.7:5555".to_owned()]));
        assert_eq!(read.indicators[0].tags.len(), 2);
        // Without a banner, the newest entry gives the date.
        assert_eq!(read.contents.date, date::read("2026-07-04 22:46:23"));
    }
}

#[test]
fn families_are_chosen_by_key_name_or_alias_whatever_the_case() {
    for family in ["win.netsupportmanager_rat", "NETSUPPORTMANAGER RAT", "netsupport"] {
        let read = Read::of_family(THREATFOX_CSV, family);
        assert_eq!(read.values(), ["[2001:db8::1]:443", "pinglepis.net"], "{family}");
        assert_eq!(read.skipped(), [(SkipReason::OtherKind, 1), (SkipReason::OtherFamily, 3)]);
        assert_eq!(read.contents.other_families, ["win.cobalt_strike", "js.x"]);
    }
    assert_eq!(Read::of_family(THREATFOX_CSV, "agentemis").values(), ["203.0.113.7:5555"]);
    assert!(Read::of_family(THREATFOX_CSV, "net").values().is_empty(), "a part of a name is no name");
    // A format without families is not filtered by family.
    assert_eq!(Read::of_family("203.0.113.7\n", "netsupport").values(), ["203.0.113.7"]);
}

const THREATFOX_JSON: &str = r#"{
    "1844853": [{"ioc_value": "203.0.113.7:5555", "ioc_type": "ip:port", "threat_type": "botnet_cc", "malware": "win.cobalt_strike",
        "malware_alias": "Agentemis,BEACON", "malware_printable": "Cobalt Strike", "first_seen_utc": "2026-07-04 21:46:30",
        "last_seen_utc": null, "confidence_level": 75, "is_compromised": false, "reference": "https://example.org/x",
        "tags": "c2,drb-ra", "anonymous": "0", "reporter": "x"}],
    "1844852": [{"ioc_value": "evil[.]example", "ioc_type": "domain", "confidence_level": "100", "is_compromised": 1, "tags": null}],
    "1844851": [{"ioc_value": "aa", "ioc_type": "sha256_hash", "is_compromised": "False"}],
    "1844850": "no array",
    "1844849": [{"ioc_value": "no host", "ioc_type": "domain"}]
}"#;

#[test]
fn threatfox_json_export() {
    let read = Read::new(THREATFOX_JSON);
    assert_eq!((read.contents.format, read.day()), ("ThreatFox JSON export", "2026-07-04".to_owned()));
    assert_eq!(read.values(), ["203.0.113.7:5555", "evil.example"]);
    assert_eq!(read.skipped(), [(SkipReason::OtherKind, 1)]);
    let [first, second] = &read.indicators[..] else { panic!("two") };
    assert_eq!((first.confidence, first.id.as_deref(), first.tags.len()), (75, Some("1844853"), 2));
    assert!(!first.is_compromised && second.is_compromised);
    let refusals = read.refusals();
    assert!(refusals[0].starts_with("line 8: not a ThreatFox entry: invalid type"), "{refusals:?}");
    assert!(refusals[1].starts_with("line 9: no host: "), "{refusals:?}");
    assert_eq!(Read::of_family(THREATFOX_JSON, "beacon").values(), ["203.0.113.7:5555"]);
}

#[test]
fn threatfox_api_answers() {
    let text = r#"{"query_status": "ok", "data": [
        {"id": "12", "ioc": "203.0.113.7:5555", "ioc_type": "ip:port", "confidence_level": 75, "first_seen": "2026-07-01 21:46:30 UTC",
         "last_seen": null, "malware": "win.netsupportmanager_rat", "malware_printable": "NetSupportManager RAT", "tags": ["a", "b"]},
        {"id": 13, "ioc": "evil.example", "ioc_type": "domain", "tags": null}]}"#;
    let read = Read::new(text);
    assert_eq!((read.contents.format, read.day()), ("ThreatFox API answer", "2026-07-01".to_owned()));
    assert_eq!(read.values(), ["203.0.113.7:5555", "evil.example"]);
    assert_eq!((read.indicators[0].tags.len(), read.indicators[1].id.as_deref()), (2, Some("13")));
    // Without a result `data` is a sentence.
    let none = Read::new(r#"{"query_status": "no_result", "data": "Your search did not yield any results"}"#);
    assert_eq!((none.values().len(), none.contents.refused()), (0, 0));
    let wrong = Read::new(r#"{"query_status": "unknown_auth_key", "data": "x"}"#);
    assert!(wrong.error.unwrap().contains("unknown_auth_key"));
}

const MISP_JSON: &str = r#"{"Event": {"info": "A campaign", "date": "2026-06-01", "timestamp": "1783201590", "Attribute": [
    {"uuid": "u1", "type": "ip-dst|port", "value": "203.0.113.7|5678", "to_ids": true, "comment": "", "timestamp": "1780000000",
     "Tag": [{"name": "misp-galaxy:malpedia=\"NetSupportManager RAT\""}]},
    {"uuid": "u2", "type": "ip-dst|port", "value": "2001:db8::7|5678", "to_ids": 1},
    {"uuid": "u3", "type": "domain|ip", "value": "evil.example|203.0.113.8", "to_ids": "1", "comment": "a gateway"},
    {"uuid": "u4", "type": "hostname", "value": "gw.evil.example", "to_ids": false},
    {"uuid": "u5", "type": "hostname", "value": "old.evil.example", "to_ids": true, "deleted": true},
    {"uuid": "u6", "type": "sha256", "value": "aa", "to_ids": true},
    {"uuid": "u7", "type": "ip-src", "value": "192.168.0.1", "to_ids": true}],
  "Object": [{"Attribute": [{"type": "url", "value": "hxxp://203.0.113.9:8080/x", "to_ids": true}]}],
  "Tag": [{"name": "tlp:white"}]}}"#;

#[test]
fn misp_events() {
    let read = Read::new(MISP_JSON);
    assert_eq!((read.contents.format, read.day()), ("MISP event", "2026-07-04".to_owned()));
    assert_eq!(
        read.values(),
        ["203.0.113.7:5678", "[2001:db8::7]:5678", "evil.example", "203.0.113.8", "203.0.113.9:8080"]
    );
    assert_eq!(read.skipped(), [(SkipReason::OtherKind, 1), (SkipReason::Revoked, 1), (SkipReason::Context, 1)]);
    assert!(read.refusals()[0].starts_with("line 9: 192.168.0.1: too broad"), "{:?}", read.refusals());
    assert_eq!((&*read.indicators[0].family, &*read.indicators[0].reference), ("NetSupportManager RAT", "A campaign"));
    assert_eq!((&*read.indicators[1].family, &*read.indicators[2].reference), ("unknown malware", "a gateway"));
    assert!(read.indicators[4].is_from_url);
    assert_eq!(Read::of_family(MISP_JSON, "netsupportmanager rat").values(), ["203.0.113.7:5678"]);
    for several in [format!("{{\"response\": [{MISP_JSON}, {MISP_JSON}]}}"), format!("[{MISP_JSON},{MISP_JSON}]")] {
        assert_eq!(Read::new(&several).values().len(), 10);
    }
    let attributes = r#"{"response": {"Attribute": [{"type": "domain", "value": "evil.example", "to_ids": true}]}}"#;
    assert_eq!(Read::new(attributes).values(), ["evil.example"]);
}

#[test]
fn misp_csv() {
    let text = "uuid,event_id,category,type,value,comment,to_ids,date,object_relation,attribute_tag\n\
        u1,1,\"Network activity\",\"ip-dst|port\",\"203.0.113.7|5678\",\"two\nlines, and \"\"quotes\"\"\",1,1783201590,\"\",\"misp-galaxy:rat=\"\"NetSupport\"\",tlp:white\"\n\
        u2,1,\"Network activity\",domain,evil.example,,0,20260701,,\n\
        u3,1,\"Network activity\",domain,\"no domain\",,1,20260701,,\n\
        u4,1,\"Payload delivery\",md5,aa,,1,20260701,,\n";
    let read = Read::new(text);
    assert_eq!((read.contents.format, read.day()), ("MISP CSV", "2026-07-04".to_owned()));
    assert_eq!(read.values(), ["203.0.113.7:5678"]);
    assert_eq!(read.skipped(), [(SkipReason::OtherKind, 1), (SkipReason::Context, 1)]);
    assert!(read.refusals()[0].starts_with("line 5: no domain: "), "{:?}", read.refusals());
    assert_eq!(&*read.indicators[0].family, "NetSupport");
    assert_eq!(Read::of_family(text, "netsupport").values().len(), 1);
}

const STIX: &str = r#"{"type": "bundle", "id": "bundle--1", "objects": [
    {"type": "malware", "id": "malware--1", "name": "NetSupportManager RAT", "aliases": ["NetSupport"], "is_family": true},
    {"type": "relationship", "relationship_type": "indicates", "source_ref": "indicator--1", "target_ref": "malware--1"},
    {"type": "indicator", "id": "indicator--1", "name": "x", "pattern_type": "stix", "confidence": 80, "valid_from": "2026-06-01T00:00:00.000Z",
     "modified": "2026-07-04T00:00:00Z", "external_references": [{"source_name": "s", "url": "https://example.org/r"}],
     "pattern": "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.7' AND network-traffic:dst_port = 5678]"},
    {"type": "indicator", "id": "indicator--2", "pattern": "[ipv4-addr:value = '198.51.100.0/24'] OR [domain-name:value = 'evil.example']"},
    {"type": "indicator", "id": "indicator--3", "pattern": "[domain-name:value = 'a.example']", "revoked": true},
    {"type": "indicator", "id": "indicator--4", "pattern": "[domain-name:value = 'b.example']", "valid_until": "2026-07-04T23:59:59Z"},
    {"type": "indicator", "id": "indicator--5", "pattern": "[domain-name:value = 'c.example']", "valid_until": "2026-07-05T00:00:01Z"},
    {"type": "indicator", "id": "indicator--6", "pattern": "[file:hashes.MD5 = 'aa']"},
    {"type": "indicator", "id": "indicator--7", "pattern": "[domain-name:value LIKE '%.example']"},
    {"type": "indicator", "id": "indicator--8", "pattern": "alert tcp any any", "pattern_type": "snort"},
    {"type": "identity", "id": "identity--1", "name": "somebody"}]}"#;

#[test]
fn stix_bundles() {
    let read = Read::new(STIX);
    assert_eq!((read.contents.format, read.day()), ("STIX bundle", "2026-07-04".to_owned()));
    assert_eq!(read.values(), ["203.0.113.7:5678", "198.51.100.0/24", "evil.example", "c.example"]);
    assert_eq!(read.skipped(), [(SkipReason::OtherKind, 1), (SkipReason::Expired, 1), (SkipReason::Revoked, 1)]);
    let refusals = read.refusals();
    assert!(refusals[0].starts_with("line 12: ") && refusals[0].contains("the operator LIKE"), "{refusals:?}");
    assert!(refusals[1].starts_with("line 13: ") && refusals[1].contains("snort"), "{refusals:?}");
    let first = &read.indicators[0];
    assert_eq!(
        (&*first.family, first.confidence, &*first.reference),
        ("NetSupportManager RAT", 80, "https://example.org/r")
    );
    assert_eq!(read.indicators[1].confidence, 100);
    assert_eq!(Read::of_family(STIX, "NETSUPPORT").values(), ["203.0.113.7:5678"]);
    // Keys in a different order.
    assert_eq!(Read::new(r#"{"id":"bundle--1","objects":[],"type":"bundle"}"#).contents.format, "STIX bundle");
}

#[test]
fn zeek_intel() {
    let text = "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\n\
        203.0.113.7\tIntel::ADDR\tsomebody\ta gateway\t-\r\n\
        198.51.100.0/24\tIntel::SUBNET\tsomebody\t-\thttps://example.org/r\n\
        evil.example\tIntel::DOMAIN\tsomebody\t-\t-\n\
        evil.example/gate.php\tIntel::URL\tsomebody\t-\t-\n\
        aa\tIntel::FILE_HASH\tsomebody\t-\t-\n\
        broken.example Intel::DOMAIN\n";
    let read = Read::new(text);
    assert_eq!(read.contents.format, "Zeek intel");
    assert_eq!(read.values(), ["203.0.113.7", "198.51.100.0/24", "evil.example", "evil.example"]);
    assert_eq!(&*read.indicators[0].reference, "a gateway");
    assert_eq!(&*read.indicators[1].reference, "https://example.org/r");
    assert!(read.indicators[3].is_from_url);
    assert_eq!(read.skipped(), [(SkipReason::OtherKind, 1)]);
    assert!(read.refusals()[0].starts_with("line 7: no indicator type"), "{:?}", read.refusals());
}

#[test]
fn maltrail_trails() {
    let text = "# Copyright (c) 2014-2026 Maltrail developers\n\n# Reference: https://example.org/r\n\n\
        203.0.113.7:5678\nhttp://203.0.113.8\nevil.example\nevil.example/gate.php\n/fakeurl.htm\n\n\
        # Reference: https://example.org/s\n\nother.example\n";
    let read = Read::new(text);
    assert_eq!(read.contents.format, "Maltrail trails");
    assert_eq!(read.values(), ["203.0.113.7:5678", "203.0.113.8:80", "evil.example", "evil.example", "other.example"]);
    assert_eq!(&*read.indicators[0].reference, "https://example.org/r");
    assert_eq!(&*read.indicators[4].reference, "https://example.org/s");
    assert_eq!(read.skipped(), [(SkipReason::OtherKind, 1)]);
}

#[test]
fn host_files() {
    let text = "# Last updated: 2026-07-01 00:00:00 UTC\n127.0.0.1\tlocalhost\n::1 ip6-localhost ip6-loopback\n\
        255.255.255.255 broadcasthost\n0.0.0.0 0.0.0.0\n127.0.0.1\tevil.example\n0.0.0.0 a.example b.example # two\n\
        203.0.113.7 www.example.org\nevil.example\n";
    let read = Read::new(text);
    assert_eq!((read.contents.format, read.day()), ("host file", "2026-07-01".to_owned()));
    assert_eq!(read.values(), ["evil.example", "a.example", "b.example"]);
    let refusals = read.refusals();
    assert!(refusals[0].starts_with("line 8: 203.0.113.7: does not block"), "{refusals:?}");
    assert!(refusals[1].starts_with("line 9: evil.example: not an address"), "{refusals:?}");
}

#[test]
fn suricata_datasets() {
    // evil.example; "a.example" with a line end; an endpoint; with a reputation.
    let text = "ZXZpbC5leGFtcGxl\nYS5leGFtcGxlCg==\r\nMjAzLjAuMTEzLjc6NDQz\nYi5leGFtcGxl,10\n";
    let read = Read::new(text);
    assert_eq!(read.contents.format, "Suricata dataset");
    assert_eq!(read.values(), ["evil.example", "a.example", "203.0.113.7:443", "b.example"]);
    let late = format!("{}{}", "YS5leGFtcGxl\n".repeat(20), "not base64\nbm8gZG9tYWlu\n");
    let refusals = Read::new(&late).refusals();
    assert!(refusals[0].starts_with("line 21: not base64: not a text"), "{refusals:?}");
    assert!(refusals[1].starts_with("line 22: no domain: "), "{refusals:?}");
}

#[test]
fn suricata_reputations() {
    let read = Read::new(
        "# who\n203.0.113.7,1,127\n198.51.100.0/24,2,63\n2001:db8::7,1,1\n203.0.113.8,1,0\n203.0.113.9,1,200\n",
    );
    assert_eq!(read.contents.format, "Suricata iprep");
    assert_eq!(read.values(), ["203.0.113.7", "198.51.100.0/24", "2001:db8::7"]);
    let confidences: Vec<_> = read.indicators.iter().map(|indicator| indicator.confidence).collect();
    assert_eq!(confidences, [100, 49, 0]);
    assert_eq!(&*read.indicators[1].tags[0], "category 2");
    assert_eq!(read.skipped(), [(SkipReason::Context, 1)]);
    assert!(read.refusals()[0].starts_with("line 6: "), "{:?}", read.refusals());
}

#[test]
fn plain_lists_in_every_spelling() {
    let text = "\u{feff}# list\r\n203.0.113.7:443\r\n203[.]0[.]113[.]8[:]444  # why\n[2001:db8::1]:443\n2001:db8::2\n\
                198.51.100.0/24\n198.51.100.9/32\nGW.Evil[.]Example\nevil(dot)example.\n*.wild.example\n; no\n// no\n\n\
                hxxps[://]url[.]example/a#b\nhxxp://203.0.113.9/x\nhttps://user@203.0.113.9:8443\nport.example:8080\n\
                ::ffff:203.0.113.10\n[2001:db8::3]\nhttp://[2001:db8::4]:81/\nescaped\\.example\n";
    let read = Read::new(text);
    assert_eq!(
        read.values(),
        [
            "203.0.113.7:443",
            "203.0.113.8:444",
            "[2001:db8::1]:443",
            "2001:db8::2",
            "198.51.100.0/24",
            "198.51.100.9",
            "gw.evil.example",
            "evil.example",
            "wild.example",
            "url.example",
            "203.0.113.9:80",
            "203.0.113.9:8443",
            "port.example",
            "203.0.113.10",
            "2001:db8::3",
            "[2001:db8::4]:81",
            "escaped.example",
        ]
    );
    let urls: Vec<_> = read.indicators.iter().filter(|indicator| indicator.is_from_url).collect();
    assert_eq!(urls.len(), 4);
    assert_eq!(&*read.indicators[0].reference, "list line 2");
}

#[test]
fn a_line_that_cannot_be_used_is_told_by_number_and_reason() {
    let long = "x".repeat(100_000);
    let text = format!(
        "a.example\nlocalhost\n300.1.2.3\n1.2.3.4:0\n\u{fffd}.example\n1.2.3.4:99999\nhttp://10.0.0.0/8/\n{long}\nhttp:///\n10.0.0.1\ncom\n"
    );
    let read = Read::new(&text);
    assert_eq!(read.values(), ["a.example"]);
    let lines: Vec<_> = read.contents.refusals.iter().map(|refusal| refusal.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    let refusals = read.refusals();
    assert_eq!(refusals[0], "line 2: localhost: a domain needs at least two labels");
    assert!(refusals[3].contains("not UTF-8"), "{refusals:?}");
    assert!(refusals[6].contains("longer than any URL") && refusals[6].len() < 200, "{refusals:?}");
    assert!(refusals[8].contains("private") && refusals[9].contains("public suffix"), "{refusals:?}");
    let broad =
        Read::by("10.0.0.1\ncom\n0.0.0.0/0\n8.8.8.8\n", &FeedRules { allow_broad: true, ..FeedRules::default() });
    assert_eq!(broad.values(), ["10.0.0.1", "com", "0.0.0.0/0", "8.8.8.8"]);
}

#[test]
fn what_was_seen_too_long_ago_is_left_out() {
    let rules = FeedRules {
        indicator_max_age: Some(Duration::from_secs(86_400)),
        now: date::read(NOW),
        ..FeedRules::default()
    };
    let read = Read::by(THREATFOX_CSV, &rules);
    // Entries seen at most a day ago are used; older ones are skipped.
    assert_eq!(read.values(), ["203.0.113.7:5555", "[2001:db8::1]:443"]);
    assert_eq!(read.skipped()[1], (SkipReason::Expired, 3));
}

#[test]
fn a_date_in_the_far_future_does_not_hide_that_a_list_stands_still() {
    let text = THREATFOX_JSON.replace("\"last_seen_utc\": null", "\"last_seen_utc\": \"2099-01-01 00:00:00\"");
    assert_eq!(Read::new(&text).day(), "2026-07-04");
}

#[test]
fn hostile_json_is_an_error_and_no_crash() {
    let deep = format!("{{\"ioc_value\": {}", "[".repeat(1_000_000));
    let values = format!("{{\"1\": [{{\"ioc_value\": {}1{}}}]}}", "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        &deep,
        &values,
        "{\"Event\": {",
        "{\"type\": \"bundle\", \"objects\": [{]",
        "{\"query_status\": \"ok\", \"data\": [{]}",
    ] {
        let read = Read::new(text);
        assert!(read.error.is_some() || read.contents.refused() > 0, "{}", &text[..40.min(text.len())]);
    }
    // An incomplete download.
    let cut = Read::new(&THREATFOX_JSON[..THREATFOX_JSON.len() - 200]);
    assert!(cut.error.unwrap().starts_with("line "));
}

#[test]
fn every_format_is_told_from_the_others() {
    let names: std::collections::BTreeSet<_> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(names.len(), FORMATS.len());
    for text in [THREATFOX_CSV, THREATFOX_JSON, MISP_JSON, STIX, "a.example\n"] {
        let start = FeedStart::new(text);
        let takers = FORMATS.iter().filter(|format| (format.recognizes)(&start)).count();
        assert_eq!(takers, if text.len() < 20 { 1 } else { 2 }, "its own, and the plain list");
    }
}

fn host() -> impl Strategy<Value = Pattern> {
    let name = "[a-c]{1,2}(\\.[a-c]{1,2}){1,3}\\.example";
    prop_oneof![
        (any::<std::net::IpAddr>(), 1u16..).prop_map(|(address, port)| Pattern::Endpoint(address.to_canonical(), port)),
        any::<std::net::IpAddr>().prop_map(|address| Pattern::Address(address.to_canonical())),
        (any::<u32>(), 1u8..32).prop_map(|(bits, length)| {
            Pattern::Network(ipnet::Ipv4Net::new(bits.into(), length).unwrap().trunc().into())
        }),
        (any::<u128>(), 1u8..128).prop_map(|(bits, length)| {
            Pattern::Network(ipnet::Ipv6Net::new(bits.into(), length).unwrap().trunc().into())
        }),
        name.prop_map(Pattern::Domain),
    ]
}

/// A pattern in the spelling of each format.
fn printed(pattern: &Pattern) -> Vec<String> {
    use base64::Engine;
    let (kind, value) = (pattern.kind(), pattern.to_string());
    let (misp_kind, misp_value) = match pattern {
        Pattern::Endpoint(address, port) => ("ip-dst|port", format!("{address}|{port}")),
        Pattern::Domain(name) => ("domain", name.clone()),
        _ => ("ip-dst", value.clone()),
    };
    let stix = match pattern {
        Pattern::Endpoint(address, port) => {
            format!("[network-traffic:dst_ref.value = '{address}' AND network-traffic:dst_port = {port}]")
        }
        Pattern::Domain(name) => format!("[domain-name:value = '{name}']"),
        _ if value.contains(':') => format!("[ipv6-addr:value = '{value}']"),
        _ => format!("[ipv4-addr:value = '{value}']"),
    };
    let threatfox = if kind == "cidr" { "ip" } else { kind };
    let mut all = vec![
        value.clone(),
        value.replace('.', "[.]"),
        format!("# Reference: x\n{value}"),
        format!(
            "\"2026-07-04 21:46:30\", \"1\", \"{value}\", \"{threatfox}\", \"botnet_cc\", \"x\", \"\", \"X\", \"\", \"75\", \"0\", \
             \"None\", \"\", \"0\", \"\""
        ),
        format!("{{\"1\": [{{\"ioc_value\": \"{value}\", \"ioc_type\": \"{threatfox}\"}}]}}"),
        format!("{{\"query_status\": \"ok\", \"data\": [{{\"ioc\": \"{value}\", \"ioc_type\": \"{threatfox}\"}}]}}"),
        format!(
            "{{\"Event\": {{\"Attribute\": [{{\"type\": \"{misp_kind}\", \"value\": \"{misp_value}\", \"to_ids\": true}}]}}}}"
        ),
        format!("uuid,type,value,to_ids\nu,{misp_kind},\"{misp_value}\",1"),
        format!("{{\"type\": \"bundle\", \"objects\": [{{\"type\": \"indicator\", \"pattern\": \"{stix}\"}}]}}"),
        format!("{}\n", base64::engine::general_purpose::STANDARD.encode(&value)),
    ];
    let zeek = match pattern {
        Pattern::Address(_) => Some("Intel::ADDR"),
        Pattern::Network(_) => Some("Intel::SUBNET"),
        Pattern::Domain(_) => Some("Intel::DOMAIN"),
        Pattern::Endpoint(..) => None,
    };
    all.extend(zeek.map(|zeek| format!("#fields\tindicator\tindicator_type\n{value}\t{zeek}")));
    match pattern {
        Pattern::Domain(name) => all.push(format!("127.0.0.1\t{name}")),
        Pattern::Address(_) | Pattern::Network(_) => all.push(format!("{value},1,100")),
        Pattern::Endpoint(..) => {}
    }
    all
}

proptest! {
    #[test]
    fn every_line_is_an_indicator_a_refusal_or_nothing(text in "(\\PC|\n){0,200}") {
        let feed = parse(&text, "list");
        prop_assert!(feed.indicators.len() + feed.refusals.len() <= text.lines().count());
    }

    #[test]
    fn what_is_printed_is_read_again_in_every_format(pattern in host()) {
        for text in printed(&pattern) {
            let feed = parse(&text, "list");
            let patterns: Vec<_> = feed.indicators.iter().map(|indicator| &indicator.pattern).collect();
            prop_assert_eq!((patterns, &feed.refusals[..]), (vec![&pattern], &[][..]), "{}", text);
        }
    }

    #[test]
    fn pieces_of_lists_do_not_crash(pieces in prop::collection::vec(
        prop::sample::select(vec!["{", "}", "[", "]", "\"", "\"ioc_value\"", "\"Event\"", "\"bundle", "\"Attribute\":", ",", ":", "1", "\n",
            "#fields\tindicator\tindicator_type\n", "\t", "evil.example", "203.0.113.7", "# Reference:", "127.0.0.1 ", "ZXZpbA==", "null", "\\"]),
        0..40)) {
        let text: String = pieces.concat();
        let _ = parse(&text, "list");
    }

    #[test]
    fn look_ups_agree_with_trying_every_indicator(
        list in prop::collection::vec("[ab](\\.[ab]){0,3}", 0..12), name in "[ab](\\.[ab]){0,5}",
    ) {
        let mut builder = SetBuilder::default();
        for domain in &list {
            builder.add_indicator(&Indicator { pattern: Pattern::Domain(domain.clone()), ..crate::indicator::builtin().remove(0) });
        }
        let set: IndicatorSet = builder.build();
        let name = DomainName::parse(&name).unwrap();
        let text = std::str::from_utf8(name.as_bytes()).unwrap();
        let naive = list.iter().filter(|domain| text == *domain || text.ends_with(&format!(".{domain}"))).max_by_key(|domain| domain.len());
        let found = set.find_domain(&name).and_then(|id| set.get(id)).map(|indicator| indicator.pattern.to_string());
        prop_assert_eq!(found.as_ref(), naive);
    }
}

#[test]
fn all_ports_of_one_address_are_one_address() {
    let mut builder = SetBuilder::default();
    let base = crate::indicator::builtin().remove(0);
    let address = "203.0.113.7".parse().unwrap();
    for port in (1..=2000).chain(1..=2000) {
        builder.add_indicator(&Indicator { pattern: Pattern::Endpoint(address, port), ..base.clone() });
    }
    let set = builder.build();
    assert_eq!(set.len(), 2000);
    let found = set.find_address(address, Some(1234)).unwrap();
    assert_eq!(
        (found.closeness, set.get(found.indicator).unwrap().pattern.to_string()),
        (Closeness::Endpoint, "203.0.113.7:1234".to_owned())
    );
    // Of equal confidence, the first listed.
    let other = set.find_address(address, Some(5000)).unwrap();
    assert_eq!(
        (other.closeness, set.get(other.indicator).unwrap().pattern.to_string()),
        (Closeness::OtherPort, "203.0.113.7:1".to_owned())
    );
}
