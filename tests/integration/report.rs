//! The report: its facts are right and follow the schema, and the page only shows them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::browser::{browser, show};
use crate::golden::differ;
use crate::needs::{Need, skip};
use crate::python;
use crate::run::{Run, run, sample, sample_text};
use crate::samples::folder;
use crate::samples::generator::cast::{ALL_LISTED, RESOLVER};
use crate::samples::generator::dns::{A, query};
use crate::samples::generator::tape::{Tape, Tcp};

/// Samples with a golden report, each with its options: every kind of fact is in one of them.
pub const SAMPLES: [(&str, &[&str]); 13] = [
    ("story.pcap", &[]),
    ("exclusions/remote-support.pcap", &["--exclusions", "../packaging/exclusions.toml"]),
    ("exclusions/training.pcap", &["--exclusions", "../packaging/exclusions.toml", "--explain-exclusions"]),
    ("rotated", &[]),
    ("damaged/cut-in-a-frame.pcap", &[]),
    ("quiet/office-hour.pcap", &["--filter", "not port 9"]),
    ("endpoint/tcp-inbound.pcap", &[]),
    ("endpoint/repeats.pcap", &["--from", "2026-06-09 09:02", "--repeat-window", "2m"]),
    ("endpoint/address-icmp.pcap", &["--home", "192.0.2.0/24"]),
    ("netsupport/beacon.pcap", &[]),
    ("hostile/names-with-odd-bytes.pcap", &[]),
    ("hostile/markup.pcap", &[]),
    ("identity/all-sources.pcap", &[]),
];

/// The folder of the golden reports.
pub fn goldens() -> impl Iterator<Item = PathBuf> {
    SAMPLES.iter().map(|(sample, _)| folder().join("golden").join(format!("{sample}.report.json")))
}

/// Replays a sample and returns its reports of these kinds.
pub fn reports(options: &[&str], path: &str, kinds: &[&str]) -> (Run, Vec<String>) {
    let written = tempfile::tempdir().unwrap();
    let files: Vec<_> = kinds.iter().map(|kind| written.path().join(format!("report.{kind}"))).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rattap"));
    command.current_dir(folder()).env_remove("RUST_LOG").args(["replay", "-q", "-o", "/dev/null"]).args(options);
    files.iter().for_each(|file| {
        command.arg("--report").arg(file);
    });
    let run = Run::from(command.arg("--").arg(path).output().unwrap());
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap_or_else(|_| panic!("{}", run.err))).collect();
    (run, texts)
}

fn json(options: &[&str], path: &str) -> Value {
    let (run, reports) = reports(options, path, &["json"]);
    serde_json::from_str(&reports[0]).unwrap_or_else(|error| panic!("{path}: {error}: {}", run.err))
}

#[test]
fn samples_give_their_golden_reports() {
    let mut wrong = String::new();
    for ((sample, options), golden) in SAMPLES.iter().zip(goldens()) {
        let (run, reports) = reports(options, sample, &["json"]);
        assert_eq!(run.code, i32::from(sample.starts_with("damaged/")), "{sample}: {}", run.err);
        let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
        assert_eq!(reports[0].matches(&version).count(), 1, "{sample}");
        wrong += &differ(&golden, &reports[0].replace(&version, "\"version\": \"0.0.0\""));
    }
    assert!(wrong.is_empty(), "not the golden reports (- golden, + now):\n{wrong}");
}

#[test]
fn any_number_of_workers_gives_the_same_report() {
    for (sample, options) in SAMPLES {
        let expected = reports(options, sample, &["json", "html"]);
        for workers in ["1", "2", "3", "8"] {
            let options = [options, &["--workers", workers]].concat();
            assert_eq!(reports(&options, sample, &["json", "html"]), expected, "{sample} with {workers} workers");
        }
    }
}

#[test]
fn the_report_of_the_story_has_its_facts() {
    let report = json(&[], "story.pcap");
    let at = |path: &str| report.pointer(path).unwrap_or_else(|| panic!("{path}")).clone();
    assert_eq!(at("/verdict/level"), "command-and-control");
    assert_eq!(at("/verdict/title"), "1 host compromised, 1 attempted");
    let sentence = "10.20.30.40 held NetSupport sessions with two C2 servers for 57 min; 10.20.30.51 tried once to reach \
                    C2 server 194.180.191.223:443 and was refused. This was between 2026-06-09 09:05 and 10:02 UTC; it is \
                    listed with a confidence of up to 99 of 100.";
    assert_eq!(at("/verdict/sentence"), sentence);
    assert_eq!(at("/clients/0/address"), "10.20.30.40");
    assert_eq!(at("/clients/1/address"), "10.20.30.51");
    // The beacon of the second gateway: a request a minute over two connections.
    assert_eq!(at("/clients/0/chains/1/subject"), "5.252.177.201:443");
    assert_eq!(at("/clients/0/chains/1/beacon/is_regular"), true);
    assert_eq!(at("/clients/0/chains/1/beacon/intervals"), 61);
    let usual = at("/clients/0/chains/1/beacon/usual_seconds").as_f64().unwrap();
    assert!((55.0..65.0).contains(&usual), "{usual}");
    // From the question to the session, each with its packets.
    let first = |stage: &str| at(&format!("/clients/0/chains/0/{stage}/packets/first/number")).as_u64().unwrap();
    let order = ["asked", "resolved", "contacted", "spoke"].map(first);
    assert!(order.is_sorted(), "{order:?}");
    let lines = crate::run::replay(&[], &[sample("story.pcap")]).out;
    let alerts = |client: usize| at(&format!("/clients/{client}/alerts")).as_array().unwrap().clone();
    for alert in alerts(0).iter().chain(&alerts(1)) {
        let id = format!("externalId={}", alert["id"].as_str().unwrap());
        assert!(lines.contains(&id), "{alert}");
    }
    assert_eq!(alerts(0).len() + alerts(1).len(), lines.lines().count());
}

/// The packet that a report names has that number in the file.
#[test]
fn packet_numbers_include_packets_outside_filter_and_window() {
    let first = |options: &[&str]| {
        let report = json(options, "endpoint/repeats.pcap");
        let at = |path: &str| report.pointer(path).unwrap_or_else(|| panic!("{path}: {report}")).clone();
        (at("/clients/0/alerts/0/seen"), at("/clients/0/alerts/0/packets/first/number"))
    };
    let all = json(&["--repeat-window", "0"], "endpoint/repeats.pcap");
    let alerts: Vec<_> =
        all["clients"].as_array().unwrap().iter().flat_map(|client| client["alerts"].as_array().unwrap()).collect();
    for options in [
        &["--from", "2026-06-09 09:02"][..],
        &["--filter", "host 10.20.30.51"],
        &["--from", "2026-06-09 09:02", "--filter", "host 10.20.30.51"],
    ] {
        let (seen, number) = first(options);
        let same: Vec<_> = alerts.iter().filter(|alert| alert["seen"] == seen).collect();
        assert_eq!(same.first().map(|alert| &alert["packets"]["first"]["number"]), Some(&number), "{options:?}");
        assert!(number.as_u64() > Some(1), "{options:?}: {number}");
    }
}

#[test]
fn every_report_follows_the_schema() {
    let schema = run(["report-schema"]);
    assert_eq!((schema.code, schema.err.as_str()), (0, ""));
    serde_json::from_str::<Value>(&schema.out).unwrap();
    let python = match python::with_packages("report-schema", "jsonschema", &["jsonschema==4.26.0"]) {
        Ok(python) => python,
        Err(reason) => return skip(Need::Python, format_args!("jsonschema did not read the reports: {reason}")),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json");
    fs::write(&path, &schema.out).unwrap();
    let valid = "import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
# As it is documented, and nothing that is not.
for part in [schema, *schema['$defs'].values()]:
    if part.get('type') == 'object':
        part['additionalProperties'] = False
validator = jsonschema.Draft202012Validator(schema)
for name in sys.argv[2:]:
    report = json.load(open(name))
    validator.validate(report)
    del report['verdict']
    assert not validator.is_valid(report), 'what is wrong is not refused'
";
    let reports: Vec<_> = goldens().collect();
    python::run(Command::new(python).args(["-c", valid]).arg(&path).args(reports)).unwrap();
}

/// Markup that must never come from a capture.
const ELEMENTS: [&str; 6] = ["<script", "<img", "<iframe", "<svg onload", "<object", " onmouseover="];

#[test]
fn a_page_full_of_hostile_names_runs_nothing_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    // The names on the wire, the name of the capture, and the text of a rule are hostile.
    let name = folder.path().join("<script>document.title='owned'<");
    fs::create_dir(&name).unwrap();
    let capture = name.join("script>\"'><img src=x onerror=document.title=1>\u{202e}\u{1b}[31m.pcap");
    fs::copy(sample("hostile/markup.pcap"), &capture).unwrap();
    let rules = folder.path().join("<b>rules.toml");
    let reason = "</td></table><script>document.title='owned'</script><img src=x onerror='console.log(1)'>";
    let rule = format!(
        "[[rule]]\nname = \"a\"\nscenario = \"training\"\nowner = \"{reason}\"\nreason = \"{reason}\"\nexpires = 2027-06-30\n\
         effect = \"annotate\"\n[rule.match]\nsource = \"10.20.30.0/24\"\ndestination = \"203.0.113.66\"\n"
    );
    fs::write(&rules, rule).unwrap();
    let options = ["--exclusions", rules.to_str().unwrap(), "--filter", "not host 192.0.2.99 or ip[0] < 255"];
    let (run, reports) = reports(&options, capture.to_str().unwrap(), &["html"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let page = &reports[0];
    assert!(page.matches("document").count() > 10, "the names are not even there");
    // The policy is the second line of defense: without it nothing may run either.
    let policy = "<meta http-equiv=\"Content-Security-Policy\"";
    let bare: String = page.lines().filter(|line| !line.starts_with(policy)).map(|line| format!("{line}\n")).collect();
    assert_eq!(bare.lines().count() + 1, page.lines().count());
    let Some(browser) = browser() else { return };
    for (text, file) in [(page, "with.html"), (&bare, "without.html")] {
        let path = folder.path().join(file);
        fs::write(&path, text).unwrap();
        let shown = show(browser, &path, &[]);
        assert_eq!(shown.console, [""; 0], "{file}");
        assert!(shown.document.contains("<title>rattap report: 1 host"), "{}", shown.document);
        assert!(shown.document.contains("</footer>"), "{}", shown.document);
        for element in ELEMENTS {
            assert!(!shown.document.contains(element), "{file}: {element}: {}", shown.document);
        }
        assert_eq!(shown.document.matches("<style").count(), 1, "{file}");
    }
    // A control: a browser that runs no scripts would pass, too.
    let path = folder.path().join("control.html");
    fs::write(&path, bare.replace("</main>", "<script>document.title='owned'; console.log('ran')</script></main>"))
        .unwrap();
    let shown = show(browser, &path, &[]);
    assert!(shown.document.contains("<title>owned</title>") && shown.console.len() == 1, "{:?}", shown.console);
}

#[test]
fn the_pages_of_all_samples_say_nothing_on_the_console() {
    let browser = browser();
    let folder = tempfile::tempdir().unwrap();
    for (sample, options) in SAMPLES {
        let (_, reports) = reports(options, sample, &["html"]);
        let path = folder.path().join("report.html");
        fs::write(&path, &reports[0]).unwrap();
        if let Some(browser) = browser {
            assert_eq!(show(browser, &path, &[]).console, [""; 0], "{sample}");
        }
        // Nothing is fetched: the only link says that there is no icon.
        let places = reports[0].matches("src=").count()
            + reports[0].matches("url(").count()
            + reports[0].matches("@import").count();
        let links = reports[0].matches("href=").count() - reports[0].matches("href=\"#").count();
        assert_eq!((places, links), (usize::from(sample.contains("markup")) * places, 1), "{sample}");
    }
}

#[test]
fn a_report_goes_into_a_file_of_its_own_that_can_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let capture = path("one.json");
    fs::copy(sample("story.pcap"), &capture).unwrap();
    let (out, html) = (path("alerts.html"), path("r.html"));
    let story = sample_text("story.pcap");
    let cases: [(&[&str], &str); 7] = [
        (&["--report", &path("r.txt"), &story], "must end in .html or .json"),
        (&["--report", &path("none/r.html"), &story], "cannot create it"),
        (&["--report", &html, "--report", &html, &story], "is named twice"),
        (&["--report", &capture, &capture], "is one of the captures"),
        (&["-o", &out, "--report", &out, &story], "is named twice, first as"),
        (&["--names", &out, "--report", &out, &story], "is named twice, first as"),
        (&["--report", &html, "--follow", &path("")], "give the captures instead of --follow"),
    ];
    for (arguments, why) in cases {
        let run = run(["replay", "-q"].iter().chain(arguments));
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(why), "{arguments:?}: {}", run.err);
    }
    assert_eq!(fs::read(&capture).unwrap(), fs::read(sample("story.pcap")).unwrap());
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("r.html");
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    let run = run(["replay", "--report", link.to_str().unwrap(), &sample_text("story.pcap")]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("r.html: No space left on device"), "{}", run.err);
    assert!(!run.out.is_empty());
}

#[test]
fn hashes_are_those_of_the_files_and_can_be_turned_off() {
    let hash = |options: &[&str]| json(options, "story.pcap")["capture"]["files"][0]["sha256"].clone();
    assert_eq!(hash(&["--no-report-hashes"]), Value::Null);
    let output = Command::new("sha256sum").arg(sample("story.pcap")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(hash(&[]).as_str(), text.split_whitespace().next());
}

/// The memory limit of the process with a report in KiB, as docs/report.md names it. The kernel
/// refuses more, which would end the process.
const MOST_MEMORY: u32 = 256 << 10;

#[test]
fn a_flood_of_sightings_of_many_hosts_stays_within_the_bound_of_memory() {
    // More hosts than are counted. They do something worse later, so that hosts gain and lose their
    // places.
    const HOSTS: u32 = 70_000;
    // A million sightings in an optimized program, otherwise a quarter of that: without
    // optimization a million take minutes.
    const LISTED: usize = if cfg!(debug_assertions) { 2 } else { 7 };
    const ROUNDS: u16 = if cfg!(debug_assertions) { 200 } else { 3000 };
    let mut tape = Tape::new();
    let host = |n: u32, port: u16| (std::net::Ipv4Addr::from_bits(0x0a80_0000 + n), port).into();
    let question = query("gw.feersona.net", A).bytes();
    for n in 0..HOSTS {
        tape.udp(host(n, 53_000), RESOLVER, &question);
    }
    for n in 0..HOSTS {
        for (port, listed) in (20_000..).zip(ALL_LISTED).take(LISTED) {
            Tcp::new(host(n, port), listed).syn(&mut tape);
        }
    }
    // Hosts that go on for a day.
    for round in 0..ROUNDS {
        for n in 0..150 {
            Tcp::new(host(n, 30_000 + round), ALL_LISTED[usize::from(round) % 7]).syn(&mut tape);
        }
        tape.wait(35_000);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("flood.pcap"), tape.pcap()).unwrap();
    drop(tape);
    let bounded = format!("ulimit -d {MOST_MEMORY} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &bounded,
        env!("CARGO_BIN_EXE_rattap"),
        "replay",
        "-q",
        "--repeat-window",
        "0",
        "-o",
        "/dev/null",
    ]);
    command.args(["--report", &path("r.html"), "--report", &path("r.json"), &path("flood.pcap")]);
    let run = Run::from(command.output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&fs::read_to_string(path("r.json")).unwrap()).unwrap();
    let count = |value: &Value| value.as_u64().unwrap();
    let sightings: u64 = report["signatures"].as_array().unwrap().iter().map(|found| count(&found["sightings"])).sum();
    assert_eq!(sightings, u64::from(HOSTS) * (1 + LISTED as u64) + u64::from(ROUNDS) * 150);
    let clients = report["clients"].as_array().unwrap();
    assert_eq!(clients.len(), 100);
    let further = &report["further_clients"];
    let told: u64 = clients.iter().map(|client| count(&client["sightings"])).sum();
    assert_eq!(told + count(&further["sightings"]), sightings);
    assert_eq!((count(&further["clients"]), &further["are_more"]), (65_536 - 100, &Value::Bool(true)));
    for client in clients {
        assert!(client["alerts"].as_array().unwrap().len() <= 100);
    }
    // The page is small enough to be shown.
    let size = fs::metadata(path("r.html")).unwrap().len();
    assert!(size < 32 << 20, "{size} bytes");
}

/// A page without findings is an all-clear only if all packets were examined.
#[test]
fn what_was_not_examined_is_never_shown_as_an_all_clear() {
    let span = "captured from 2026-06-09T09:01:02.007Z to 2026-06-09T10:13:03.48964Z";
    let gone = "nofile.pcap: cannot open";
    let cases: [(&[&str], &str, &str, &str, &str); 8] = [
        (&[], "quiet/many-records.pcap", "all", "Nothing found", ""),
        (&[], "nofile.pcap", "none", "Not examined", gone),
        (&[], "damaged/empty.pcap", "none", "Not examined", "it is empty"),
        (&[], "damaged/not-a-capture.pcap", "none", "Not examined", "it looks like text"),
        (&[], "format/no-frames.pcap", "none", "Not examined", "the captures hold no packets"),
        (&["--from", "2030-01-01"], "story.pcap", "none", "Not examined", span),
        (&["--filter", "port 9"], "story.pcap", "none", "Not examined", span),
        (&["nofile.pcap"], "quiet/many-records.pcap", "part", "Nothing found in the part examined", gone),
    ];
    for (options, sample, examined, title, missing) in cases {
        let (run, reports) = reports(options, sample, &["json", "html"]);
        let report: Value = serde_json::from_str(&reports[0]).unwrap();
        let verdict = &report["verdict"];
        assert_eq!(
            (&verdict["level"], &verdict["examined"]),
            (&"nothing".into(), &examined.into()),
            "{sample}: {}",
            run.err
        );
        let page = &reports[1];
        let color = match examined {
            "all" => "none",
            "part" => "raised",
            _ => "unknown",
        };
        assert!(page.contains(&format!("<section class=\"verdict {color}\">\n  <h2>{title}</h2>")), "{sample}: {page}");
        let shown = page.split_once("</section>").unwrap().0;
        assert!(shown.contains(missing), "{sample}: {shown}");
        assert_eq!(shown.contains("class=\"missing\""), examined != "all", "{sample}: {shown}");
    }
}

#[test]
fn the_page_of_the_story_states_each_fact_once() {
    let (_, reports) = reports(&[], "story.pcap", &["html"]);
    let page = &reports[0];
    // Alerts are folded, with the first alert and its updates together.
    assert_eq!(page.matches("<details class=\"alert\">").count(), 10, "{page}");
    // Times to the millisecond.
    assert!(page.contains("<time>2026-06-09 09:05:00.217</time>"), "{page}");
    assert!(page.contains("<b>Did not resolve</b>") && page.contains("did not resolve (NXDOMAIN)"), "{page}");
    assert!(page.contains("for bryonsad.net: did not resolve (NXDOMAIN)</b>"), "{page}");
    assert!(!page.contains("bryonsad.net: no address"), "{page}");
    // One figure for the beacon, and a histogram only of the chain with 61 intervals.
    let figure = "median 59.5 s, spread 18.3 s";
    assert_eq!(page.matches(figure).count(), 4, "{page}");
    assert!(!page.contains("requests every"), "{page}");
    assert_eq!(page.matches("Histogram of the intervals").count(), 1);
}

#[test]
fn the_report_says_which_machine_a_host_is() {
    let (_, reports) = reports(&[], "identity/all-sources.pcap", &["json", "html"]);
    let report: Value = serde_json::from_str(&reports[0]).unwrap();
    let identity = &report["clients"][0]["identity"];
    let facts = |key: &str| {
        let text = |fact: &Value| format!("{} {}", fact["source"].as_str().unwrap(), fact["value"].as_str().unwrap());
        identity[key].as_array().unwrap().iter().map(text).collect::<Vec<_>>()
    };
    let names = [
        "dhcp FRONTDESK-7",
        "netbios FRONTDESK-7",
        "kerberos FRONTDESK-7",
        "llmnr frontdesk-7",
        "mdns frontdesk-7.local",
    ];
    assert_eq!(facts("names"), names);
    assert_eq!(facts("accounts"), ["kerberos j.doe@CORP.EXAMPLE"]);
    let macs: Vec<_> =
        identity["macs"].as_array().unwrap().iter().map(|mac| (&mac["address"], &mac["source"])).collect();
    assert_eq!(macs, [(&"00:00:5e:00:53:40".into(), &"dhcp".into()), (&"3c:52:82:14:1e:28".into(), &"frames".into())]);
    assert!(reports[1].contains("<dt>Account</dt><dd>j.doe@CORP.EXAMPLE (kerberos, 2026-06-09 09:00:00)</dd>"));
    assert!(reports[1].contains("<b>10.20.30.40</b> FRONTDESK-7<br>"), "{}", reports[1]);
    // The names of others are not the client's.
    let report = json(&[], "identity/of-others.pcap");
    let identity = &report["clients"][0]["identity"];
    assert_eq!((&identity["names"], &identity["accounts"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    // VLANs come from the frames.
    let report = json(&[], "link/vlan-qinq.pcap");
    assert_eq!(report["clients"][0]["identity"]["vlans"][0].as_str().unwrap().matches('.').count(), 1, "{report}");
}

#[test]
fn the_report_names_the_case_and_the_evidence() {
    let (run, reports) = reports(&["--case", "INC-42 <b>front desk</b>"], "story.pcap", &["json", "html"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&reports[0]).unwrap();
    assert_eq!((&report["case"], &report["evidence"]), (&"INC-42 <b>front desk</b>".into(), &Value::Null));
    assert!(reports[1].contains("<h1>INC-42 &#60;b&#62;front desk&#60;/b&#62;</h1>"), "{}", reports[1]);
    // Without the evidence, the command that writes it.
    let command = ": rattap replay --carve evidence.pcapng --repeat-window 600s story.pcap";
    assert!(report["next_steps"][1].as_str().unwrap().ends_with(command), "{}", report["next_steps"]);

    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence.pcapng");
    let (run, reports) = self::reports(&["--carve", evidence.to_str().unwrap()], "story.pcap", &["json", "html"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&reports[0]).unwrap();
    let output = Command::new("sha256sum").arg(&evidence).output().unwrap();
    let hash = String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(report["evidence"]["sha256"].as_str(), Some(hash.as_str()));
    let named = format!("The packets of these findings are in {} (SHA-256 {hash}).", evidence.display());
    assert!(report["next_steps"][1].as_str().unwrap().ends_with(&named), "{}", report["next_steps"]);
    assert!(reports[1].contains(&named) && !reports[1].contains("--carve"), "{}", reports[1]);
    assert!(reports[1].contains("<h1>rattap report</h1>"));
    // A case without a report would be ignored.
    let refused = crate::run::run(["replay", "--case", "x", &sample_text("story.pcap")]);
    assert_eq!(refused.code, 2, "{}", refused.err);
}

#[test]
fn a_gap_in_a_beacon_of_hours_is_visible() {
    let mut tape = Tape::new();
    let host = (std::net::Ipv4Addr::new(10, 20, 30, 40), 50_000);
    for beat in 0..480 {
        Tcp::new((host.0, host.1 + beat).into(), ALL_LISTED[0]).syn(&mut tape);
        tape.wait(if beat == 200 { 420_000 } else { 60_000 });
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gap.pcap");
    fs::write(&path, tape.pcap()).unwrap();
    let (_, reports) = reports(&[], path.to_str().unwrap(), &["html"]);
    let picture = reports[0].split_once("<section id=\"overview\">").unwrap().1.split_once("</section>").unwrap().0;
    // Seven minutes without a beat, rounded to the buckets of 128 seconds. One gap between two
    // bars.
    assert!(picture.contains("contacted; longest gap 6 min"), "{picture}");
    let path_of = |class: &str| {
        picture.split_once(&format!("<path class=\"{class}\" d=\"")).unwrap().1.split('"').next().unwrap().to_owned()
    };
    assert_eq!([path_of("contacted"), path_of("contacted gap")].map(|path| path.matches('M').count()), [2, 1]);
}

#[test]
fn the_bytes_over_time_are_those_of_the_host() {
    for (sample, options) in SAMPLES {
        for client in json(options, sample)["clients"].as_array().unwrap() {
            let buckets = client["traffic"]["buckets"].as_array().unwrap();
            let sum = |key: &str| buckets.iter().map(|bucket| bucket[key].as_u64().unwrap()).sum::<u64>();
            assert_eq!(
                (sum("sent"), sum("received")),
                (client["sent"].as_u64().unwrap(), client["received"].as_u64().unwrap())
            );
            let starts: Vec<_> = buckets.iter().map(|bucket| bucket["start"].as_str().unwrap()).collect();
            assert!(starts.is_sorted() && starts.len() <= 64, "{sample}: {starts:?}");
        }
    }
    // Nobody needs the picture for that.
    let (_, reports) = reports(&[], "story.pcap", &["html"]);
    let label = "aria-label=\"Bytes over time: 20.2 kB sent, at most 850 B in 1 min; 4.4 kB received, at most 315 B\"";
    assert!(reports[0].contains(label), "{}", reports[0]);
}

#[test]
fn the_next_steps_follow_the_verdict() {
    let steps = |sample| json(&[], sample)["next_steps"].as_array().unwrap().clone();
    assert_eq!(steps("quiet/many-records.pcap"), [""; 0]);
    assert!(steps("nofile.pcap")[0].as_str().unwrap().starts_with("Replay again"));
    assert!(steps("story.pcap")[0].as_str().unwrap().starts_with("Isolate"));
    let report = json(&[], "story.pcap");
    let found: Vec<_> =
        report["indicators"].as_array().unwrap().iter().map(|found| found["value"].as_str().unwrap()).collect();
    assert_eq!(found, ["194.180.191.223:443", "5.252.177.201:443", "bryonsad.net", "feersona.net"]);
    for hunt in report["hunts"].as_array().unwrap() {
        let query = hunt["query"].as_str().unwrap();
        assert!(query.contains("194.180.191.223") || query.contains("feersona.net"), "{query}");
        assert!(!query.contains("91.202.233.25"), "not found, but in the query: {query}");
    }
    let (_, reports) = reports(&[], "story.pcap", &["html"]);
    let page = &reports[0];
    // Both hosts are in the picture, whose axis begins with the first of them and ends with the
    // last.
    let picture = page.split_once("<section id=\"overview\">").unwrap().1.split_once("</section>").unwrap().0;
    assert_eq!(picture.matches("<svg role=\"img\"").count(), 2);
    assert!(picture.contains("<span>2026-06-09 09:05:00</span>") && picture.contains("10:03:08</span>"), "{picture}");
    assert!(page.contains("client32.ini") && page.contains("List to block"));
}
