//! The hunts, run and parsed by engines and parsers of other authors.
//!
//! `duckdb-kql` (PyPI) runs every printed hunt. The table `CommonSecurityLog` holds the sensor's
//! lines for samples, after they went through the real rsyslog with the configuration of
//! docs/sentinel.md and the Azure Monitor Agent's template. The rows that must be returned follow
//! from `pcaps/README.md`. The other tables are a few rows each, in `fixtures.rs`, with rows that
//! must not be returned.
//!
//! Microsoft's own parser (`@kusto/language-service-next`, npm) reads all hunts, with the tables
//! declared, and must report nothing. Two limits of `duckdb-kql`:
//! - It has no function for ranges of addresses: only the parser reads hunts with ranges.
//! - It has no named arguments: the search by term that `_Im_Dns` does first is left out for it.
//!   The query itself decides what is found.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use rattap::hunts;
use rattap::indicator::{Indicator, IndicatorSet, Pattern, builtin};

use crate::needs::{Need, skip};
use crate::run::{Run, replay, run, sample};

mod engines;
mod fixtures;
mod forwarder;
mod tables;

use engines::{Answer, Function, Query, Row, Workspace};
use fixtures::{lawful_use, other_tables, with_other_devices};
use tables::Table;

/// The samples, each replayed separately. The rows expected from them are below.
const SAMPLES: [&str; 11] = [
    "story.pcap",
    "endpoint/tcp-inbound.pcap",
    "endpoint/address-other-port.pcap",
    "endpoint/address-icmp.pcap",
    "endpoint/confidence-75.pcap",
    "link/embedded-nat64.pcap",
    "names/tls.pcap",
    "netsupport/both-sides.pcap",
    "netsupport/scanner.pcap",
    "hostile/names-with-odd-bytes.pcap",
    "quiet",
];

/// The lists in the public hunts for this family.
const PUBLIC_LISTS: &str = r#"let malicious_ips = dynamic(["91.202.233.25", "209.99.186.75", "5.252.177.201", "193.202.84.64", "194.180.191.223", "65.109.104.71", "94.23.185.83"]);
let malicious_domains = dynamic(["feersona.net", "bryonsad.net"]);
"#;

/// The public hunts: a name used here, and the query.
const PUBLIC_HUNTS: [(&str, &str); 2] = [
    (
        "public-addresses",
        "CommonSecurityLog | where DestinationIP in (malicious_ips) or SourceIP in (malicious_ips) | project TimeGenerated, SourceIP, DestinationIP, DestinationPort, DeviceAction, Activity",
    ),
    (
        "public-names",
        "CommonSecurityLog | where DestinationDnsDomain has_any (malicious_domains) | project TimeGenerated, Computer, Name=DestinationDnsDomain, IPAddresses=DeviceCustomString4, QueryType=DeviceCustomString5",
    ),
];

fn workspace(common_security_log: Table) -> Workspace {
    let mut tables = other_tables();
    tables.push(common_security_log);
    Workspace {
        tables,
        functions: vec![
            Function {
                name: "_Im_NetworkSession",
                parameters: "starttime:datetime=datetime(null), endtime:datetime=datetime(null)",
                in_engine: "",
                table: "AsimNetworkSessions",
            },
            Function {
                name: "_Im_Dns",
                parameters: "starttime:datetime=datetime(null), endtime:datetime=datetime(null), domain_has_any:dynamic=dynamic([])",
                in_engine: "",
                table: "AsimDns",
            },
            Function {
                name: "_GetWatchlist",
                parameters: "alias:string",
                in_engine: "alias:string",
                table: "Watchlist",
            },
        ],
    }
}

/// The hunts as printed with these options.
fn printed(options: &[&str]) -> Vec<Query> {
    let run = run([&["hunt"], options].concat());
    assert_eq!(run.code, 0, "{}", run.err);
    let of_text = |text: &str| {
        let name = text.strip_prefix("// ").unwrap().split(':').next().unwrap();
        Query::new(name, text)
    };
    run.out.split("\n\n").map(of_text).collect()
}

/// Without the named argument, which the engine does not know.
fn for_the_engine(queries: &[Query]) -> Vec<Query> {
    queries.iter().map(|query| Query::new(&query.name, query.text.replace("domain_has_any=Domains", ""))).collect()
}

/// These columns of a hunt's rows, joined by ` | `, sorted.
fn rows<'a>(answers: &'a [(Query, Answer)], name: &str, columns: &[&str]) -> Vec<String> {
    let (_, answer) = answers.iter().find(|(query, _)| query.name == name).unwrap();
    let Answer::Rows(rows) = answer else { panic!("{name}: {answer:?}") };
    let cell =
        |row: &'a Row, column: &str| row.get(column).unwrap_or_else(|| panic!("{name} gives no {column}")).as_str();
    let mut rows: Vec<_> =
        rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect::<Vec<_>>().join(" | ")).collect();
    rows.sort();
    rows
}

fn sorted<const N: usize>(mut expected: [&str; N]) -> Vec<&str> {
    expected.sort_unstable();
    expected.to_vec()
}

fn ask(workspace: &Workspace, python: &Path, queries: Vec<Query>) -> Vec<(Query, Answer)> {
    let answers = workspace.run(python, &for_the_engine(&queries));
    queries.into_iter().zip(answers).collect()
}

/// Returns true if a listed address is at one end of the line, judged by a simple search.
fn names_a_listed_address(line: &str) -> bool {
    let listed: Vec<_> = builtin().iter().map(|indicator| indicator.pattern.to_string()).collect();
    let ends = line.split(' ').filter_map(|pair| pair.strip_prefix("src=").or(pair.strip_prefix("dst=")));
    ends.into_iter().any(|end| listed.iter().any(|listed| listed.starts_with(&format!("{end}:"))))
}

#[test]
fn hunts_return_the_expected_rows_of_lines_that_went_through_rsyslog() {
    let written: String = SAMPLES.iter().map(|path| replay(&[], &[sample(path)]).out).collect();
    let python = match engines::python() {
        Ok(python) => python,
        Err(reason) => {
            return skip(Need::Python, format_args!("no KQL engine ran the hunts over the sensor's lines: {reason}"));
        }
    };
    let lines = match forwarder::through_rsyslog(&written) {
        Ok(lines) => lines,
        Err(reason) => {
            return skip(
                Need::Rsyslog,
                format_args!("no rsyslog took the sensor's lines, and no hunt ran over them: {reason}"),
            );
        }
    };
    let workspace = workspace(with_other_devices(tables::common_security_log(&lines)));
    let mut queries = printed(&[]);
    queries.extend(PUBLIC_HUNTS.map(|(name, text)| Query::new(name, format!("{PUBLIC_LISTS}{text}"))));
    let answers = ask(&workspace, &python, queries);

    assert_eq!(
        rows(
            &answers,
            "sensor-addresses",
            &["Client", "Indicator", "Signatures", "Sightings", "Servers", "AlertSeverity"]
        ),
        sorted([
            // The story: the answered address, the second gateway, and the other host.
            r#"10.20.30.40 | feersona.net | ["c2-resolved-address"] | 1 | ["203.0.113.66:443"] | High"#,
            r#"10.20.30.40 | 5.252.177.201:443 | ["c2-endpoint"] | 2 | ["5.252.177.201:443"] | High"#,
            r#"10.20.30.51 | 194.180.191.223:443 | ["c2-endpoint"] | 1 | ["194.180.191.223:443"] | High"#,
            // Opened by the listed host.
            r#"91.202.233.25 | 91.202.233.25:4888 | ["c2-endpoint"] | 1 | ["10.20.30.40:3389"] | High"#,
            // Another port, and pings.
            r#"10.20.30.40 | 91.202.233.25:4888 | ["c2-address"] | 2 | ["91.202.233.25","91.202.233.25:8080"] | Medium"#,
            // A confidence of 75.
            r#"10.20.30.40 | 94.23.185.83:9606 | ["c2-endpoint"] | 1 | ["94.23.185.83:9606"] | High"#,
            // Through NAT64.
            r#"2001:db8:30::40 | 91.202.233.25:4888 | ["c2-endpoint"] | 1 | ["91.202.233.25:4888"] | High"#,
        ])
    );
    assert_eq!(
        rows(&answers, "sensor-names", &["Client", "Indicator", "Signatures", "Sightings", "Answers"]),
        sorted([
            // The story's two questions and answers, one ClientHello, nine questions with odd
            // bytes.
            r#"10.20.30.40 | feersona.net | ["c2-domain-answer","c2-domain-query","c2-server-name"] | 14 | ["203.0.113.66"]"#,
            r#"10.20.30.51 | bryonsad.net | ["c2-domain-answer","c2-domain-query"] | 2 | []"#,
            r#"2001:db8:30::40 | feersona.net | ["c2-domain-query"] | 1 | []"#,
        ])
    );
    assert_eq!(
        rows(
            &answers,
            "sensor-netsupport",
            &["Client", "Indicator", "Listed", "Signature", "Sightings", "AlertSeverity"]
        ),
        sorted([
            "10.20.30.40 | feersona.net | True | netsupport-session | 6 | High",
            "10.20.30.40 | 5.252.177.201:443 | True | netsupport-session | 62 | High",
            "10.20.30.40 | 198.51.100.20:80 | False | netsupport-geolocation | 1 | Low",
            "10.20.30.40 | 203.0.113.66:443 | False | netsupport-gateway | 3 | Medium",
            "198.51.100.9 | 10.20.30.80:443 | False | netsupport-gateway | 1 | Medium",
        ])
    );
    // In packet time: the story's second gateway, from the first post to the last.
    let times = rows(&answers, "sensor-addresses", &["Indicator", "FirstSeen", "LastSeen"]);
    let times = times.iter().find_map(|row| row.strip_prefix("5.252.177.201:443 | ")).unwrap();
    assert_eq!(times, "2026-06-09T09:08:10 | 2026-06-09T10:03:08");

    assert_eq!(
        rows(&answers, "cef-addresses", &["Client", "Server", "Indicator", "Match", "Direction", "Devices"]),
        sorted([
            r#"10.20.30.40 | 5.252.177.201 | 5.252.177.201:443 | address and port | to the indicator | ["Rattap"]"#,
            r#"10.20.30.51 | 194.180.191.223 | 194.180.191.223:443 | address and port | to the indicator | ["Rattap"]"#,
            r#"10.20.30.40 | 91.202.233.25 | 91.202.233.25:4888 | address and port | from the indicator | ["Rattap"]"#,
            r#"10.20.30.40 | 91.202.233.25 | 91.202.233.25 | address | to the indicator | ["Rattap"]"#,
            r#"10.20.30.40 | 94.23.185.83 | 94.23.185.83:9606 | address and port | to the indicator | ["Rattap"]"#,
            r#"2001:db8:30::40 | 91.202.233.25 | 91.202.233.25:4888 | address and port | to the indicator | ["Rattap"]"#,
            r#"10.9.9.9 | 65.109.104.71 | 65.109.104.71:443 | address and port | to the indicator | ["Firewall","Proxy"]"#,
            r#"10.9.9.9 | 209.99.186.75 | 209.99.186.75 | address | from the indicator | ["Firewall"]"#,
        ])
    );

    // Each line of the sensor is in the table twice, with three lines of other devices.
    let contacts = written.lines().filter(|line| names_a_listed_address(line)).count();
    let mut found = rows(&answers, "public-addresses", &["SourceIP", "DestinationIP", "DestinationPort", "Activity"]);
    assert_eq!(found.len(), 2 * contacts + 3);
    found.dedup();
    assert_eq!(
        found,
        sorted([
            "10.20.30.40 | 5.252.177.201 | 443 | C2 endpoint contacted",
            "10.20.30.40 | 5.252.177.201 | 443 | NetSupport session with a C2 endpoint",
            "10.20.30.51 | 194.180.191.223 | 443 | C2 endpoint contacted",
            "91.202.233.25 | 10.20.30.40 | 3389 | C2 endpoint contacted",
            "10.20.30.40 | 91.202.233.25 | 8080 | C2 address contacted",
            "10.20.30.40 | 91.202.233.25 |  | C2 address contacted",
            "10.20.30.40 | 94.23.185.83 | 9606 | C2 endpoint contacted",
            "2001:db8:30::40 | 91.202.233.25 | 4888 | C2 endpoint contacted",
            "10.9.9.9 | 65.109.104.71 | 443 | TRAFFIC",
            "209.99.186.75 | 10.9.9.9 | 22 | TRAFFIC",
        ])
    );
    let mut found = rows(&answers, "public-names", &["Name", "IPAddresses", "QueryType"]);
    let named = written.lines().filter(|line| line.contains(" destinationDnsDomain=")).count();
    assert_eq!(found.len(), 2 * named + 1);
    found.dedup();
    assert_eq!(
        found,
        sorted([
            // The question, the answer, and the contacts that follow from it or name it.
            "gw.feersona.net |  | A",
            "gw.feersona.net | 203.0.113.66 | A",
            "gw.feersona.net |  | HTTPS",
            "gw.feersona.net |  | ",
            "bryonsad.net |  | A",
            r"a%7Cb.feersona.net |  | A",
            r#"nul\x00"quoted";semicolon.feersona.net |  | A"#,
            // A false positive: the search by term finds it.
            "feersona.net.example.org |  | ",
        ])
    );
}

#[test]
fn hunts_in_other_tables_return_what_is_listed_and_nothing_else() {
    let python = match engines::python() {
        Ok(python) => python,
        Err(reason) => {
            return skip(Need::Python, format_args!("no KQL engine ran the hunts in other tables: {reason}"));
        }
    };
    let workspace = workspace(tables::common_security_log(&[]));
    let answers = ask(&workspace, &python, printed(&[]));
    assert_eq!(
        rows(&answers, "device-network", &["DeviceName", "Indicator", "Match", "Process", "Actions"]),
        sorted([
            r#"pc-40 | 5.252.177.201:443 | address and port | client32.exe | ["ConnectionSuccess"]"#,
            r#"pc-40 | 5.252.177.201 | address | client32.exe | ["ConnectionFailed"]"#,
            r#"pc-1 | 94.23.185.83:9606 | address and port | client32.exe | ["ConnectionSuccess"]"#,
            r#"srv-2 | 94.23.185.83:9606 | address and port | job.exe | ["ConnectionSuccess"]"#,
            r#"pc-3 | 94.23.185.83:9606 | address and port | setup.exe | ["ConnectionSuccess"]"#,
            r#"class-4 | 94.23.185.83:9606 | address and port | PCICTLUI.EXE | ["ConnectionSuccess"]"#,
            r#"pc-5 | 94.23.185.83:9606 | address and port | scan.exe | ["ConnectionSuccess"]"#,
        ])
    );
    let names = [
        r#"10.20.30.40 | feersona.net | 2 | ["feersona.net","gw.FeerSona.NET."] | ["A","AAAA"]"#,
        r#"10.20.30.51 | bryonsad.net | 1 | ["a.b.bryonsad.net."] | ["A"]"#,
    ];
    for hunt in ["dns-events", "asim-dns"] {
        assert_eq!(rows(&answers, hunt, &["Client", "Indicator", "Events", "Names", "QueryTypes"]), names, "{hunt}");
    }
    assert_eq!(
        rows(&answers, "asim-network", &["Client", "Indicator", "Match", "Direction", "Events", "Actions", "Devices"]),
        sorted([
            r#"10.20.30.40 | 91.202.233.25:4888 | address and port | to the indicator | 2 | ["Allow","Deny"] | ["Firewall","VPC"]"#,
            r#"10.20.30.40 | 91.202.233.25 | address | from the indicator | 1 | ["Deny"] | ["Firewall"]"#,
        ])
    );
    for hunt in ["cef-addresses", "sensor-addresses", "sensor-names", "sensor-netsupport"] {
        assert_eq!(rows(&answers, hunt, &[]), [""; 0], "{hunt}, of an empty table");
    }
}

/// The hunt by process with the filter for one of the five cases enabled and filled in.
fn with_filter(query: &Query, case: usize, filled_in: &[(&str, &str)]) -> Query {
    let head = format!("// {case}. ");
    let (before, after) = query.text.split_once(&head).unwrap();
    let (comment, after) = after.split_once("\n// | where").unwrap();
    let (mut filter, after) = after.split_once('\n').map(|(filter, after)| (filter.to_owned(), after)).unwrap();
    for (place, value) in filled_in {
        assert!(filter.contains(place), "{filter}");
        filter = filter.replace(place, value);
    }
    Query::new(&format!("device-network {case}"), format!("{before}{head}{comment}\n| where{filter}\n{after}"))
}

#[test]
fn each_filter_for_lawful_use_leaves_out_its_own_case_once_it_is_filled_in() {
    let python = match engines::python() {
        Ok(python) => python,
        Err(reason) => {
            return skip(Need::Python, format_args!("no KQL engine ran the filters for lawful use: {reason}"));
        }
    };
    let hunt = printed(&["--only", "device-network"]).remove(0);
    let cases = lawful_use();
    let filled = cases.iter().enumerate().map(|(index, (_, filled_in))| with_filter(&hunt, index + 1, filled_in));
    let not_filled =
        (1..=cases.len()).map(|case| Query::new(&format!("empty {case}"), with_filter(&hunt, case, &[]).text));
    let queries = std::iter::once(hunt.clone()).chain(filled).chain(not_filled).collect();
    let answers = ask(&workspace(tables::common_security_log(&[])), &python, queries);
    let devices = |name: &str| rows(&answers, name, &["DeviceName"]);
    let all = devices("device-network");
    for (case, device) in [(1, "pc-1"), (2, "srv-2"), (3, "pc-3"), (4, "class-4"), (5, "pc-5")] {
        let others: Vec<_> = all.iter().filter(|name| *name != device).cloned().collect();
        assert_eq!(others.len() + 1, all.len());
        assert_eq!(devices(&format!("device-network {case}")), others);
        assert_eq!(devices(&format!("empty {case}")), all, "a filter that is not filled in leaves nothing out");
    }
}

#[test]
fn ipv6_addresses_are_found_in_small_letters_and_capitals() {
    let python = match engines::python() {
        Ok(python) => python,
        Err(reason) => {
            return skip(Need::Python, format_args!("no KQL engine ran the hunts for IPv6 addresses: {reason}"));
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("ipv6.txt");
    fs::write(&list, "[2001:db8::9]:443\n2001:db8::b\n").unwrap();
    let options = ["--no-builtin", "--only", "asim-network", "--indicators", list.to_str().unwrap()];
    let answers = ask(&workspace(tables::common_security_log(&[])), &python, printed(&options));
    assert_eq!(
        rows(&answers, "asim-network", &["Client", "Indicator", "Match", "Direction"]),
        sorted([
            "2001:DB8::41 | [2001:db8::9]:443 | address and port | to the indicator",
            "2001:db8::41 | 2001:db8::9 | address | from the indicator",
        ])
    );
}

/// More indicators than fit into a query: the listed ones among others.
fn long_list(folder: &Path) -> String {
    let mut list = String::new();
    for number in 0..600u16 {
        let [high, low] = number.to_be_bytes();
        list += &format!("45.95.{high}.{low}\nname-{number}.example.org\n");
    }
    let path = folder.join("long.txt");
    fs::write(&path, list).unwrap();
    path.into_os_string().into_string().unwrap()
}

#[test]
fn hunts_for_too_many_indicators_find_the_same_by_the_watchlist() {
    let python = match engines::python() {
        Ok(python) => python,
        Err(reason) => {
            return skip(Need::Python, format_args!("no KQL engine ran the hunts with a watchlist: {reason}"));
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let list = long_list(folder.path());
    let long = printed(&["--indicators", &list]);
    let csv = run(["hunt", "--format", "watchlist", "--indicators", &list]).out;
    let mut workspace = workspace(tables::common_security_log(&[]));
    let watchlist = workspace.tables.iter_mut().find(|table| table.name == "Watchlist").unwrap();
    let (head, items) = csv.split_once('\n').unwrap();
    assert_eq!(head, "Indicator,Kind,Match");
    let cells = |row: &str| row.split(',').map(|cell| cell.trim_matches('"').into()).collect();
    watchlist.rows = items.lines().map(cells).collect();
    assert_eq!(watchlist.rows.len(), 9 + 1_200);

    let expected = ask(&workspace, &python, printed(&[]));
    let answers = ask(&workspace, &python, long);
    for hunt in ["device-network", "dns-events", "asim-network", "asim-dns"] {
        let (query, _) = answers.iter().find(|(query, _)| query.name == hunt).unwrap();
        assert!(query.text.contains("_GetWatchlist(\"rattap\")"), "{}", query.text);
        let columns = ["Client", "Indicator", "Events"];
        assert!(!rows(&expected, hunt, &columns).is_empty());
        assert_eq!(rows(&answers, hunt, &columns), rows(&expected, hunt, &columns), "{hunt}");
    }
}

/// Indicators with text that no reader of lists would accept.
fn hostile() -> IndicatorSet {
    let names = [
        r#"a"]); CommonSecurityLog | take 1 //.example"#,
        r"ends-in-a-backslash\.example\",
        "new\nline: x\n---\nid: y.example",
        "\u{2028}\u{85}\u{feff}\u{202e}\u{0}\u{ffff}.example",
        "' \"\"\" ```~~~ ``` h\"x\" @\"y\".example",
        "{{Client}} {0} %s $(x).example",
        "bücher.example",
    ];
    let model = builtin().remove(0);
    let list = names.map(|name| Indicator { pattern: Pattern::Domain(name.to_owned()), ..model.clone() });
    IndicatorSet::new(list.to_vec())
}

/// Every variant of every hunt, for those that are only parsed.
fn all_variants() -> Vec<Query> {
    let folder = tempfile::tempdir().unwrap();
    let ranges = folder.path().join("ranges.txt");
    fs::write(
        &ranges,
        "203.0.113.0/24\n2001:db8:bad::/48\n2001:DB8::7\n[2001:db8::8]:443\nexample.org\na.b.example.net\n",
    )
    .unwrap();
    let ranges = ranges.to_str().unwrap();
    let long = long_list(folder.path());
    let long_ranges = [&["--indicators", ranges, "--indicators"][..], &[long.as_str()]].concat();
    let of = |variant: &str, queries: Vec<Query>| {
        let named = |query: Query| Query::new(&format!("{} ({variant})", query.name), query.text);
        queries.into_iter().map(named).collect::<Vec<_>>()
    };
    let plain = printed(&[]);
    let device = plain.iter().find(|query| query.name == "device-network").unwrap().clone();
    let filters =
        lawful_use().iter().enumerate().map(|(index, (_, filled))| with_filter(&device, index + 1, filled)).collect();
    let hostile = hunts::hunts(&hostile()).iter().map(|hunt| Query::new(hunt.name(), hunt.kql())).collect();
    [
        of("built-in", plain),
        of("filters", filters),
        of("IPv6 and ranges", printed(&["--no-builtin", "--indicators", ranges])),
        of("watchlist", printed(&long_ranges)),
        of("hostile", hostile),
    ]
    .concat()
}

#[test]
fn the_parser_of_microsoft_finds_no_fault_in_any_hunt() {
    let node = match engines::node() {
        Ok(node) => node,
        Err(reason) => return skip(Need::Node, format_args!("no parser of Microsoft's read the hunts: {reason}")),
    };
    let workspace = workspace(tables::common_security_log(&[]));
    let queries = all_variants();
    let literals = [r#""a\"\\b\u2028""#.to_owned()];
    let (diagnostics, read) = workspace.diagnose(&node, &queries, &literals);
    assert_eq!(read, ["a\"\\b\u{2028}"]);
    for (query, found) in queries.iter().zip(&diagnostics) {
        assert!(found.is_empty(), "{}: {found:#?}\n{}", query.name, query.text);
    }
    // A control: it does report faults.
    let faults = ["CommonSecurityLog | where NoSuchColumn == 1", "CommonSecurityLog | where", "NoSuchTable | take 1"];
    let (diagnostics, _) = workspace.diagnose(&node, &faults.map(|fault| Query::new("fault", fault)), &[]);
    assert!(diagnostics.iter().all(|found| !found.is_empty()), "{diagnostics:?}");

    let python = match engines::python() {
        Ok(python) => python,
        Err(reason) => {
            return skip(Need::Python, format_args!("which hunts a KQL engine runs was not asked: {reason}"));
        }
    };
    let (mut run, mut parsed) = (Vec::new(), Vec::new());
    for (query, answer) in ask(&workspace, &python, queries) {
        match answer {
            Answer::Rows(_) => run.push(query.name),
            Answer::Unsupported(reason) => {
                assert!(reason.contains("_is_in_any_range"), "{}: {reason}", query.name);
                parsed.push(query.name);
            }
        }
    }
    let [run, parsed] = [run, parsed].map(|names| names.join(", "));
    let _ = writeln!(io::stderr(), "hunts that a KQL engine ran: {run}\nhunts that were only parsed: {parsed}");
}

#[test]
fn hostile_text_is_read_back_from_every_literal() {
    let node = match engines::node() {
        Ok(node) => node,
        Err(reason) => {
            return skip(Need::Node, format_args!("no parser of Microsoft's read the hostile literals: {reason}"));
        }
    };
    let set = hostile();
    let hunts = hunts::hunts(&set);
    let query = hunts.iter().find(|hunt| hunt.name() == "dns-events").unwrap().query();
    let list =
        query.lines().next().unwrap().strip_prefix("let Domains = dynamic([").unwrap().strip_suffix("]);").unwrap();
    let literals: Vec<_> =
        list.split_inclusive("\", ").map(|literal| literal.trim_end_matches(", ").to_owned()).collect();
    let workspace = workspace(tables::common_security_log(&[]));
    let (_, read) = workspace.diagnose(&node, &[], &literals);
    let mut expected: Vec<_> = set.iter().map(|indicator| indicator.pattern.to_string().to_lowercase()).collect();
    expected.sort();
    assert_eq!(read, expected);
}

#[test]
fn a_yaml_reader_finds_a_whole_rule_in_each_document() {
    let python = match engines::python() {
        Ok(python) => python,
        Err(reason) => return skip(Need::Python, format_args!("no YAML reader read the rules: {reason}")),
    };
    let folder = tempfile::tempdir().unwrap();
    let long = long_list(folder.path());
    for (options, count) in [(&[][..], 8), (&["--indicators", &long], 8), (&["--only", "asim-dns"], 1)] {
        let run = run([&["hunt", "--format", "yaml"], options].concat());
        let documents = engines::yaml_documents(&python, &run.out);
        assert_eq!(documents.len(), count);
        for (document, query) in documents.iter().zip(printed(options)) {
            let (_, text) = query.text.split_once('\n').unwrap();
            assert_eq!(document["query"].as_str().unwrap().trim_end(), text.trim_end());
            whole_rule(document);
        }
    }
    for hunt in hunts::hunts(&hostile()) {
        let documents = engines::yaml_documents(&python, &hunt.yaml());
        let [document] = &documents[..] else { panic!("{} documents", documents.len()) };
        assert_eq!(document["query"], hunt.query());
        whole_rule(document);
    }
}

fn whole_rule(rule: &serde_json::Value) {
    let text = |key: &str| rule[key].as_str().unwrap_or_else(|| panic!("{key} of {rule}"));
    assert_eq!(text("id").len(), 36);
    assert!(text("name").starts_with("NetSupport RAT: ") && !text("description").is_empty());
    assert!(["High", "Medium"].contains(&text("severity")));
    assert_eq!((text("queryFrequency"), text("queryPeriod")), ("1h", "1h"));
    assert_eq!((text("triggerOperator"), &rule["triggerThreshold"]), ("gt", &0.into()));
    assert_eq!(rule["tactics"], serde_json::json!(["CommandAndControl"]));
    assert_eq!(rule["relevantTechniques"], serde_json::json!(["T1219", "T1071.001", "T1568"]));
    assert_eq!((text("version"), text("kind")), (env!("CARGO_PKG_VERSION"), "Scheduled"));
    let connectors = rule["requiredDataConnectors"].as_array().unwrap();
    assert!(!connectors.is_empty());
    assert!(connectors.iter().all(|one| one["connectorId"].is_string() && one["dataTypes"][0].is_string()), "{rule}");
    let entities = rule["entityMappings"].as_array().unwrap();
    assert!(!entities.is_empty());
    for entity in entities {
        let mapping = &entity["fieldMappings"][0];
        assert!(entity["entityType"].is_string() && mapping["identifier"].is_string(), "{entity}");
        assert!(text("query").contains(mapping["columnName"].as_str().unwrap()), "{entity}");
    }
}

#[test]
fn hunts_are_the_same_each_time_and_say_what_they_leave_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let forward = path("forward.txt", "192.0.2.1\n192.0.2.2:443\nexample.org\nexample.net\n");
    let backward = path("backward.txt", "example.net\nexample.org\n192.0.2.2:443\n192.0.2.1\n");
    for format in ["kql", "yaml", "watchlist"] {
        let [one, other] =
            [&forward, &backward].map(|list| run(["hunt", "--format", format, "--indicators", list]).out);
        assert!(!one.is_empty());
        assert_eq!(one, other, "{format}");
    }

    let domains = path("domains.txt", "example.org\n");
    let run_only = |only: &str, list: &str| run(["hunt", "--only", only, "--no-builtin", "--indicators", list]);
    let Run { code, out, err } = run_only("cef-addresses", &domains);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(
        err.contains("cef-addresses: omitted, because none of the indicators that it looks for are in force"),
        "{err}"
    );
    assert_eq!(run_only("dns-events", &domains).err, "");
    let Run { code, err, .. } = run_only("no-such-hunt", &domains);
    assert_eq!(code, 2);
    assert!(err.contains("sensor-netsupport"), "the possible names are told: {err}");

    let both = run(["hunt", "--format", "watchlist", "--only", "dns-events"]);
    assert_eq!(both.code, 2);
    assert!(both.err.contains("all hunts share one watchlist"), "{}", both.err);

    let long = run_only("dns-events", &long_list(folder.path()));
    assert!(long.err.contains("dns-events: with all indicators the query would be longer"), "{}", long.err);
    assert!(long.out.contains("_GetWatchlist(\"rattap\")"));
}
