use std::fs;
use std::sync::Arc;

use proptest::prelude::*;

use super::rule::rfc3339;
use super::*;
use crate::alert::{Alert, DnsFacts, HttpFacts, MatchBasis, Phase, Signature};
use crate::capture::Origin;
use crate::flow::{Endpoint, Protocol, Vlans};
use crate::indicator::{Indicator, builtin};
use crate::tools::ToolId;
use crate::units::{ByteCount, Timestamp};

/// 2026-06-09T09:00:00Z, a Tuesday.
const NOW: Timestamp = Timestamp::from_parts(1_780_995_600, 0);

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_parts(1_780_995_600 + seconds, 0)
}

const DAY: i64 = 86_400;

/// NetSupport with a gateway that is not listed.
fn gateway() -> Alert {
    let end = |address: &str, port| Endpoint { address: address.parse().unwrap(), port: Some(port) };
    Alert {
        signature: Signature::find("netsupport-gateway").unwrap(),
        phase: Phase::First,
        severity: 6,
        id: 0,
        seen: NOW,
        start: NOW,
        end: NOW,
        client: end("10.20.31.7", 50_000),
        server: end("203.0.113.80", 443),
        listed: None,
        protocol: Protocol::TCP,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: None,
        server_mac: None,
        vlans: Vlans::from_iter([7, 130]),
        application: Some("NetSupport"),
        outbound: true,
        sent: ByteCount(0),
        received: ByteCount(0),
        count: 1,
        tcp_outcome: None,
        dns: None,
        server_name: None,
        http: None,
        indicator: None,
        basis: MatchBasis::ToolRequest(ToolId::find("NetSupport").unwrap()),
        exclusion: None,
        origin: Arc::new(Origin::default()),
        packets: None,
        times: Vec::new(),
        message: String::new(),
    }
}

fn listed(confidence: u8) -> Indicator {
    Indicator { confidence, ..builtin().remove(0) }
}

const HEAD: &str = r#"
[[rule]]
name = "helpdesk"
scenario = "remote-support"
owner = "helpdesk@example.com"
reason = "support"
expires = 2027-06-30
"#;

fn load(text: &str) -> Result<Exclusions, LoadErrors> {
    load_at(text, NOW)
}

fn load_at(text: &str, now: Timestamp) -> Result<Exclusions, LoadErrors> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    fs::write(&path, text).unwrap();
    Exclusions::load(&[path], now)
}

/// One rule with further keys and a match.
fn rule(more: &str, fields: &str) -> Exclusions {
    load(&format!("{HEAD}{more}\n[rule.match]\n{fields}\n")).unwrap()
}

const WHO: &str = "source = '10.20.31.0/24'\ndestination = ['203.0.113.80', '203.0.113.81']\n";

fn standing(rules: &Exclusions, alert: &Alert, at: Timestamp) -> Option<RuleStatus> {
    rules.evaluate(alert, at, None).map(|verdict| verdict.standing)
}

const DOWNGRADES: Option<RuleStatus> = Some(RuleStatus::Applies(Effect::Downgrade));

#[test]
fn fields_are_anded_and_values_are_ored() {
    for (fields, matches) in [
        ("", true),
        ("port = [80, 443]", true),
        ("port = 80", false),
        ("protocol = ['udp', 'tcp']", true),
        ("protocol = '6'", true),
        ("protocol = 'UDP'", false),
        ("vlan = 130", true),
        ("vlan = [7, 8]", true),
        ("vlan = 131", false),
        ("signature = ['netsupport-geolocation', 'netsupport-gateway']", true),
        ("signature = 'netsupport-session'", false),
        ("port = 443\nvlan = 131", false),
        ("server_name = 'gateway.example.com'", false),
    ] {
        let rules = rule("", &format!("{WHO}{fields}"));
        assert_eq!(standing(&rules, &gateway(), NOW).is_some(), matches, "{fields}");
    }
    for (who, matches) in [
        ("source = ['10.1.0.0/16', '10.20.31.7']\ndestination = '203.0.113.80'", true),
        ("source = '10.20.31.8'\ndestination = '203.0.113.80'", false),
        ("source = '10.20.31.7'\ndestination = '203.0.113.0/28'", false),
        ("source = '203.0.113.80'\ndestination = '10.20.31.7'", false),
    ] {
        assert_eq!(standing(&rule("", who), &gateway(), NOW).is_some(), matches, "{who}");
    }
}

#[test]
fn an_ipv4_address_within_ipv6_is_itself() {
    let rules = rule("", WHO);
    let mut alert = gateway();
    alert.client.address = "::ffff:10.20.31.7".parse().unwrap();
    assert_eq!(standing(&rules, &alert, NOW), DOWNGRADES);
    alert.server.address = "64:ff9b::203.0.113.80".parse().unwrap();
    assert_eq!(standing(&rules, &alert, NOW), None);
    alert.server_ipv4 = Some("203.0.113.80".parse().unwrap());
    assert_eq!(standing(&rules, &alert, NOW), DOWNGRADES);
}

#[test]
fn a_server_name_is_met_wherever_it_was_said_and_at_label_boundaries() {
    let rules = rule("", "source = '10.20.31.0/24'\nserver_name = 'Gateway.Example.com.'");
    let http = |url: &str| Some(HttpFacts { method: Vec::new(), url: url.into(), agent: Vec::new() });
    let dns = |name: &str| Some(DnsFacts { name: name.into(), ..DnsFacts::default() });
    let name = |name: &str| Some(name.as_bytes().to_vec());
    let mut cases = Vec::new();
    for url in
        ["http://GATEWAY.example.com/fakeurl.htm", "http://gateway.example.com:443", "http://a.gateway.example.com/"]
    {
        cases.push((true, Alert { http: http(url), ..gateway() }));
    }
    for url in
        ["http://203.0.113.80/gateway.example.com", "http://gateway.example.com.evil.net/", "gateway.example.com", ""]
    {
        cases.push((false, Alert { http: http(url), ..gateway() }));
    }
    cases.push((true, Alert { dns: dns("eu.gateway.example.com"), ..gateway() }));
    cases.push((true, Alert { server_name: name("gateway.example.com"), ..gateway() }));
    for other in ["xgateway.example.com", "example.com", r"a\.gateway.example.com", "gateway.example.com.net"] {
        cases.push((false, Alert { server_name: name(other), ..gateway() }));
    }
    cases.push((true, Alert { server_name: name(r"a\\.gateway.example.com"), ..gateway() }));
    for (matches, alert) in cases {
        assert_eq!(standing(&rules, &alert, NOW).is_some(), matches, "{alert:?}");
    }
}

#[test]
fn the_first_rule_that_applies_wins_and_one_that_does_not_stands_in_no_others_way() {
    let second = |name: &str, effect: &str, expires: &str| {
        format!(
            "[[rule]]\nname = '{name}'\nscenario = 'other'\nowner = 'o'\nreason = 'r'\neffect = '{effect}'\n\
             expires = {expires}\n[rule.match]\n{WHO}"
        )
    };
    let rules = [
        second("old", "suppress", "2026-01-01"),
        second("one", "annotate", "2027-01-01"),
        second("two", "suppress", "2027-01-01"),
    ];
    let verdict = load(&rules.concat()).unwrap().evaluate(&gateway(), NOW, None).unwrap();
    assert_eq!((&*verdict.rule, verdict.standing), ("one", RuleStatus::Applies(Effect::Annotate)));
    let verdict = load(&rules[0]).unwrap().evaluate(&gateway(), NOW, None).unwrap();
    assert_eq!((&*verdict.rule, verdict.standing), ("old", RuleStatus::Expired));
    assert_eq!(verdict.to_string(), "; exclusion old does not apply: it expired on 2026-01-02T00:00:00Z");
}

#[test]
fn effects_do_what_they_say() {
    let done = |more: &str| {
        let mut alert = gateway();
        let verdict = rule(more, WHO).evaluate(&alert, NOW, None).unwrap();
        alert.set_exclusion(verdict);
        (alert.is_suppressed(), alert.severity, alert.exclusion.unwrap().to_string())
    };
    assert_eq!(done("effect = 'suppress'"), (true, 6, "; suppressed by exclusion helpdesk".to_owned()));
    let downgraded = (false, DOWNGRADED_SEVERITY, "; severity lowered by exclusion helpdesk".to_owned());
    assert_eq!(done("effect = 'downgrade'"), downgraded);
    assert_eq!(done(""), downgraded);
    assert_eq!(done("effect = 'annotate'"), (false, 6, String::new()));
}

#[test]
fn a_rule_ends_with_its_last_day_in_its_zone_by_packet_time() {
    for (expires, more, last) in [
        ("2026-06-30", "", "2026-06-30T23:59:59Z"),
        ("'2026-06-30'", "", "2026-06-30T23:59:59Z"),
        (
            "2026-06-30",
            "schedule = { from = '00:00', to = '24:00', timezone = 'America/New_York' }",
            "2026-07-01T03:59:59Z",
        ),
        ("2026-06-30T18:00:00+02:00", "", "2026-06-30T15:59:59Z"),
    ] {
        let text = HEAD.replace("2027-06-30", expires);
        let rules = load(&format!("{text}\n[rule.match]\n{WHO}{more}\n")).unwrap();
        let last: jiff::Timestamp = last.parse().unwrap();
        let at = |seconds| Timestamp::from_parts(last.as_second() + seconds, 0);
        assert_eq!(standing(&rules, &gateway(), at(0)), DOWNGRADES, "{expires}");
        assert_eq!(standing(&rules, &gateway(), at(1)), Some(RuleStatus::Expired), "{expires}");
    }
}

#[test]
fn an_indicator_whose_source_is_sure_is_only_annotated_unless_the_rule_says_so_and_soon_expires() {
    let apply = |confidence, effect: &str, allows: bool, expires: &str| {
        let head = HEAD.replace("2027-06-30", expires);
        let text = format!("{head}effect = '{effect}'\nlisted_indicators = {allows}\n[rule.match]\n{WHO}");
        let alert = Alert { indicator: Some(Arc::new(listed(confidence))), ..gateway() };
        standing(&load(&text).unwrap(), &alert, NOW).unwrap()
    };
    let soon = "2026-06-16T09:00:00Z";
    let later = "2026-06-16T09:00:01Z";
    for (effect, applied) in [("suppress", Effect::Suppress), ("downgrade", Effect::Downgrade)] {
        for allows in [false, true] {
            assert_eq!(apply(89, effect, allows, later), RuleStatus::Applies(applied));
        }
        assert_eq!(apply(90, effect, false, soon), RuleStatus::OnlyAnnotates);
        assert_eq!(apply(90, effect, true, later), RuleStatus::OnlyAnnotates);
        assert_eq!(apply(90, effect, true, soon), RuleStatus::Applies(applied));
    }
    let verdict = rule("effect = 'suppress'", WHO)
        .evaluate(&Alert { indicator: Some(Arc::new(listed(99))), ..gateway() }, NOW, None)
        .unwrap();
    assert_eq!(verdict.effect(), Some(Effect::Annotate));
    assert!(verdict.to_string().ends_with("only annotates it: the indicator is listed with a confidence of 99"));
}

#[test]
fn what_does_not_apply_says_why_the_gravest_first() {
    let schedule = "schedule = { days = 'mon', from = '08:00', to = '18:00', timezone = 'UTC' }";
    let rules = rule("effect = 'suppress'", &format!("{WHO}{schedule}"));
    let verdict = rules.evaluate(&gateway(), NOW, None).unwrap();
    assert_eq!((verdict.standing, verdict.effect()), (RuleStatus::OutsideSchedule, None));
    assert_eq!(verdict.to_string(), "; exclusion helpdesk does not apply: outside its schedule");
    let indicator = listed(99);
    let host = "10.20.31.7".parse().unwrap();
    let rules = rule("effect = 'suppress'", WHO);
    let verdict = rules.evaluate(&gateway(), NOW, Some((host, &indicator))).unwrap();
    assert_eq!((verdict.standing, verdict.effect()), (RuleStatus::OtherContact, None));
    assert_eq!(
        verdict.to_string(),
        "; exclusion helpdesk does not apply: 10.20.31.7 also had contact with 91.202.233.25:4888"
    );
}

#[test]
fn a_dry_run_does_nothing_and_says_what_is_nearest() {
    let rules = rule("effect = 'suppress'", &format!("{WHO}port = 443\nvlan = 130")).dry();
    let mut alert = gateway();
    alert.set_exclusion(rules.evaluate(&alert, NOW, None).unwrap());
    assert!(!alert.is_suppressed() && alert.exclusion.as_ref().unwrap().effect().is_none());
    assert_eq!(alert.exclusion.unwrap().to_string(), "; exclusion helpdesk would suppress it");
    let mut other = gateway();
    other.server.port = Some(80);
    other.client.address = "10.9.9.9".parse().unwrap();
    let verdict = rules.evaluate(&other, NOW, None).unwrap();
    assert_eq!(verdict.to_string(), "; no exclusion matches: helpdesk differs in source, port");
}

#[test]
fn warnings_come_a_week_before_and_after_the_end() {
    let rules = rule("", WHO);
    let expires = rules.rules()[0].expires;
    let warned = |seconds: i64| rules.warnings(Timestamp::from_nanos(expires.nanos() + seconds * 1_000_000_000));
    assert_eq!(warned(-7 * DAY - 1), Vec::<String>::new());
    assert!(warned(-7 * DAY)[0].contains("rules.toml:2: exclusion helpdesk expires on 2027-07-01T00:00:00Z"));
    assert!(warned(0)[0].contains("expired on 2027-07-01T00:00:00Z and does not apply"));
    let weak = rule("listed_indicators = true", WHO);
    assert!(weak.warnings(NOW)[0].contains("it only annotates"), "{:?}", weak.warnings(NOW));
    // Loaded again in its last week, it covers listed indicators.
    let last_week = after(380 * DAY);
    let text = format!("{HEAD}listed_indicators = true\n[rule.match]\n{WHO}");
    let strong = load_at(&text, last_week).unwrap();
    assert!(strong.rules()[0].covers_listed && strong.warnings(last_week)[0].contains("expires on"));
}

/// The errors of the usual rule with one part replaced.
fn wrong(part: &str, other: &str) -> String {
    let whole = format!("{HEAD}[rule.match]\n{WHO}");
    assert!(whole.contains(part), "{part}");
    load(&whole.replace(part, other)).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_what_to_do() {
    let source = "source = '10.20.31.0/24'\n";
    let destination = "destination = ['203.0.113.80', '203.0.113.81']\n";
    for (part, other, line, what) in [
        ("[[rule]]", "[[rule]", 2, "see `rattap exclusions check --help`"),
        ("owner =", "owned =", 5, "unknown key owned: did you mean owner?"),
        ("owner = \"helpdesk@example.com\"\n", "", 2, "missing key owner"),
        ("expires = 2027-06-30\n", "", 2, "missing key expires"),
        ("2027-06-30", "2027-06-31", 7, ""),
        ("2027-06-30", "'soon'", 7, "expires \"soon\": expected the last day of the rule"),
        ("2027-06-30", "2027-06-30T18:00:00", 7, "or a time with its offset"),
        ("2027-06-30", "20270630", 7, "a date or a time"),
        ("\"helpdesk\"", "\"help desk\"", 3, "letters, digits"),
        ("\"helpdesk\"", "''", 3, "letters, digits"),
        ("\"support\"", "\"\"", 6, "reason: must be one line"),
        ("\"support\"", "\"a\\nb\"", 6, "reason: must be one line"),
        ("remote-support", "remote", 4, "one of remote-support, maintenance"),
        (source, "", 8, "names no source"),
        (destination, "", 8, "neither destination nor server_name"),
        (source, "source = []\n", 9, "an empty list matches nothing"),
        (source, "source = 'helpdesk'\n", 9, "source \"helpdesk\": expected an address or a network"),
        (source, "source = '0.0.0.0/0'\n", 9, "too wide"),
        (source, "source = '10.20.31.1/24'\n", 9, "did you mean 10.20.31.0/24?"),
        (source, "source = [\n'10.0.0.1',\n'::/0']\n", 11, "too wide"),
        (destination, "server_name = 'com'\n", 10, "two labels"),
        (destination, "server_name = '203.0.113.80'\n", 10, "write it as destination"),
        (destination, "server_name = 'a b.com'\n", 10, "expected a name"),
        (source, "source = '10.20.31.0/24'\nport = 0\n", 10, "port 0: expected a port from 1 to 65535"),
        (source, "source = '10.20.31.0/24'\nport = '443'\n", 10, "expected"),
        (source, "source = '10.20.31.0/24'\nvlan = [1, 4095]\n", 10, "vlan 4095: expected a VLAN from 1 to 4094"),
        (source, "source = '10.20.31.0/24'\nprotocol = 'netsupport'\n", 10, "a protocol above IP"),
        (source, "source = '10.20.31.0/24'\nsignature = 'c2'\n", 10, "one of c2-endpoint, c2-address"),
        (source, "source = '10.20.31.0/24'\nnumber = 1\n", 10, "unknown key number: expected one of source,"),
    ] {
        let message = wrong(part, other);
        assert!(message.contains(&format!("rules.toml:{line}: ")) && message.contains(what), "{other}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    for (schedule, what) in [
        ("{ from = '8:00', to = '18:00', timezone = 'UTC' }", "from \"8:00\": expected a time of day"),
        ("{ from = '24:00', to = '18:00', timezone = 'UTC' }", "from \"24:00\""),
        ("{ from = '08:00', to = '18:60', timezone = 'UTC' }", "to \"18:60\""),
        ("{ from = '08:00', to = '18:00:30', timezone = 'UTC' }", "to \"18:00:30\""),
        ("{ from = '08:00', to = '18:00', timezone = 'Amsterdam' }", "expected an IANA name"),
        ("{ from = '08:00', to = '18:00' }", "missing key timezone"),
        ("{ days = 'soon', from = '08:00', to = '18:00', timezone = 'UTC' }", "expected a day"),
        ("{ days = [], from = '08:00', to = '18:00', timezone = 'UTC' }", "an empty list"),
    ] {
        let message = wrong(source, &format!("{source}schedule = {schedule}\n"));
        assert!(message.contains("rules.toml:10: ") && message.contains(what), "{schedule}: {message}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_over_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let good = format!("{HEAD}[rule.match]\n{WHO}");
    let bad = good.replace("2027-06-30", "'never'").replace("443", "0").replace("10.20.31.0/24", "10.20.31.0/33");
    let paths = [
        path("good.toml", &good),
        path("bad.toml", &bad),
        folder.path().join("gone.toml"),
        path("empty.toml", "# nothing\n"),
    ];
    let message = Exclusions::load(&paths, NOW).unwrap_err().to_string();
    for part in [
        "bad.toml:7: expires",
        "bad.toml:9: source",
        "there is a rule helpdesk already",
        "gone.toml: cannot read",
        "empty.toml:1: no rule",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(message.lines().count(), 5, "{message}");
}

#[test]
fn hostile_files_are_refused() {
    let deep = format!("{HEAD}[rule.match]\nsource = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let many: String = (0..1100)
        .map(|number| format!("{}[rule.match]\n{WHO}", HEAD.replace("helpdesk\"\ns", &format!("r{number}\"\ns"))))
        .collect();
    let wide = format!("{HEAD}[rule.match]\ndestination = '10.0.0.1'\nsource = [{}]\n", "'10.0.0.1', ".repeat(2000));
    for (text, what) in [
        (deep, "rules.toml:9: "),
        (many, "more than 1024 rules"),
        (wide, "more than 1024 values"),
        ("#".repeat(2 << 20), "longer than 1048576 bytes"),
    ] {
        let message = load(&text).unwrap_err().to_string();
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn a_rule_tells_how_it_was_understood() {
    let schedule =
        "schedule = { days = ['fri', 'weekend'], from = 22:00:00, to = '04:00', timezone = 'europe/amsterdam' }";
    let rules =
        rule("effect = 'suppress'", &format!("{WHO}port = [443, 5405]\nvlan = 130\nprotocol = 'tcp'\n{schedule}"));
    let text = rules.rules()[0].to_string();
    let expected = "  effect       suppress; on an indicator listed with a confidence of 90 or more annotate
  until        2027-06-30T22:00:00Z
  owner        helpdesk@example.com
  reason       support
  source       10.20.31.0/24
  destination  203.0.113.80/32, 203.0.113.81/32
  port         443, 5405
  protocol     TCP
  vlan         130
  schedule     fri, sat, sun from 22:00 to 04:00 of the next day, Europe/Amsterdam
";
    assert!(text.starts_with("helpdesk (remote-support; ") && text.contains("rules.toml:2)\n"), "{text}");
    assert_eq!(text.split_once('\n').unwrap().1, expected);
}

/// A zone, the minutes (since the epoch) of 2026 at which its clocks are set, and the offsets from
/// UTC in minutes before and after: taken by hand from the tz database.
const CHANGES: [(&str, i64, i64, i64); 9] = [
    // 2026-03-29T01:00Z and 2026-10-25T01:00Z.
    ("Europe/Amsterdam", 29_579_100, 60, 120),
    ("Europe/Amsterdam", 29_881_500, 120, 60),
    // 2026-03-08T07:00Z and 2026-11-01T06:00Z.
    ("America/New_York", 29_549_220, -300, -240),
    ("America/New_York", 29_891_880, -240, -300),
    // Half an hour: 2026-04-04T15:00Z and 2026-10-03T15:30Z.
    ("Australia/Lord_Howe", 29_588_580, 660, 630),
    ("Australia/Lord_Howe", 29_850_690, 630, 660),
    // At midnight: 2026-04-05T03:00Z (Chile, back to Saturday) and 2026-09-06T04:00Z (Sunday begins
    // at 1).
    ("America/Santiago", 29_589_300, -180, -240),
    ("America/Santiago", 29_811_120, -240, -180),
    // No changes, and an offset that is not in whole hours.
    ("Asia/Kathmandu", 29_579_100, 345, 345),
];

/// The minutes of a week in a schedule, Monday first.
fn week(days: &[usize], from: usize, to: usize) -> Vec<bool> {
    let mut week = vec![false; 7 * 1440];
    for day in days {
        let mut minute = from;
        loop {
            week[(day * 1440 + minute) % (7 * 1440)] = true;
            minute += 1;
            // A clock shows zero after midnight.
            if minute == to || (minute > 1440 && minute - 1440 == to) || (minute == 1440 && to == 0) {
                break;
            }
        }
    }
    week
}

proptest! {
    #[test]
    fn schedules_agree_with_a_clock_on_the_wall(
        change in prop::sample::select(CHANGES.to_vec()),
        days in prop::collection::btree_set(0..7usize, 1..7),
        from in 0..1440usize,
        to in 0..=1440usize,
        second in 0..60i64,
    ) {
        let (zone, at, before, after) = change;
        let days: Vec<usize> = days.into_iter().collect();
        let names = ["mon", "tuesday", "Wed", "thu", "FRIDAY", "sat", "sun"];
        let held = days.iter().map(|day| schedule::Days::parse(names[*day]).unwrap()).reduce(schedule::Days::union).unwrap();
        let schedule = Schedule::new(held, from as u16, to as u16, schedule::zone(zone).unwrap());
        let week = week(&days, from, to);
        for minute in at - 2 * 1440..at + 2 * 1440 {
            let local = minute + if minute < at { before } else { after };
            // The epoch was a Thursday.
            let expected = week[(local + 3 * 1440).rem_euclid(7 * 1440) as usize];
            let time = Timestamp::from_parts(minute * 60 + second, 999_999_999);
            prop_assert_eq!(schedule.contains(time), expected, "{} at {}", &schedule, rfc3339(time));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = load(&text);
    }

    #[test]
    fn any_value_anywhere_is_read_or_refused(
        line in 2..16usize,
        value in prop_oneof![
            Just("1e400".to_owned()), Just("-9223372036854775808".to_owned()), Just("[[], {}]".to_owned()),
            Just("{ a.b.c = 1 }".to_owned()), Just("0000-01-01".to_owned()), Just("9999-12-31".to_owned()),
            Just("9999-12-31T23:59:60Z".to_owned()), Just("[['10.0.0.1']]".to_owned()), Just("true".to_owned()),
            "'\\PC{0,40}'", "[0-9:T.Z-]{0,30}",
        ],
    ) {
        let fields = "port = 443\nvlan = 7\nprotocol = 'tcp'\nsignature = 'c2-endpoint'\n\
                      schedule.from = '08:00'\nschedule.to = '18:00'\nschedule.timezone = 'UTC'\n";
        let whole = format!("{HEAD}[rule.match]\n{WHO}{fields}");
        let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        if let Some((key, _)) = lines[line].split_once('=') {
            lines[line] = format!("{key}= {value}");
        }
        if let Ok(rules) = load(&lines.join("\n")) {
            // Rules that are accepted can be applied and displayed.
            let _ = (rules.evaluate(&gateway(), NOW, None), rules.rules()[0].to_string(), rules.warnings(NOW));
        }
    }

    #[test]
    fn no_time_is_too_early_or_too_late(nanos in any::<i64>()) {
        let rules = rule("", &format!("{WHO}schedule = {{ from = '08:00', to = '07:59', timezone = 'Pacific/Apia' }}"));
        prop_assert!(rules.evaluate(&gateway(), Timestamp::from_nanos(nanos), None).is_some());
        let _ = rules.warnings(Timestamp::from_nanos(nanos));
    }
}
