//! Lists of indicators as a user meets them: the messages about good and bad lists, and their
//! fields in alerts.

use std::fs;
use std::path::Path;

use crate::golden::parse;
use crate::run::{Run, replay, run, sample};

const CONTACT: &str = "resolved/through-cname-to-indicator.pcap";
const QUIET: &str = "quiet/reverse-lookups.pcap";

const THREATFOX: &str = "# Last updated: 2026-07-04 22:50:12 UTC\n\
# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\"malware_alias\",\"malware_printable\",\
\"last_seen_utc\",\"confidence_level\",\"is_compromised\",\"reference\",\"tags\",\"anonymous\",\"reporter\"\n\
\"2026-07-04 21:46:30\", \"1\", \"203.0.113.70:443\", \"ip:port\", \"botnet_cc\", \"win.a\", \"One,Other\", \"Family A\", \"\", \"75\", \"True\", \
\"https://example.org/a\", \"None\", \"0\", \"x\"\n\
\"2026-07-04 21:46:30\", \"2\", \"www.example.com\", \"domain\", \"botnet_cc\", \"win.b\", \"None\", \"Family B\", \"\", \"100\", \"False\", \
\"None\", \"None\", \"0\", \"x\"\n\
\"2026-07-04 21:46:30\", \"3\", \"10.0.0.1:443\", \"ip:port\", \"botnet_cc\", \"win.b\", \"None\", \"Family B\", \"\", \"100\", \"False\", \
\"None\", \"None\", \"0\", \"x\"\n";

fn put(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path.into_os_string().into_string().unwrap()
}

fn values(run: &Run) -> Vec<String> {
    let rows: Vec<serde_json::Value> = serde_json::from_str(&run.out).unwrap();
    rows.iter().map(|row| row["value"].as_str().unwrap().to_owned()).collect()
}

fn list(options: &[&str]) -> Run {
    run(["indicators", "list", "--json", "--no-builtin"].iter().chain(options))
}

#[test]
fn absent_unreadable_empty_and_stale_lists_have_messages_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = sample(QUIET);
    let of = |path: &str| run(["replay", quiet.to_str().unwrap(), "--max-age", "30d", "--indicators", path]);
    let absent = of(folder.path().join("gone.csv").to_str().unwrap());
    let no_file = of(folder.path().to_str().unwrap());
    let unreadable = of(&put(folder.path(), "cut.json", "{\"1\": [{\"ioc_value\": \"203.0"));
    let empty = of(&put(folder.path(), "empty.csv", THREATFOX.lines().nth(1).unwrap()));
    let stale = of(&put(folder.path(), "stale.csv", THREATFOX));
    for (run, code, said) in [
        (&absent, 2, "gone.csv: this list of indicators is absent: no such file"),
        (&no_file, 2, "this list of indicators is absent: no file in this folder"),
        (
            &unreadable,
            2,
            "cut.json: this list of indicators is unreadable: not a complete ThreatFox JSON export: line 1: EOF",
        ),
        (&empty, 0, "empty.csv: this list of indicators is empty"),
        (&stale, 0, "stale.csv: this list of indicators is stale: it is "),
    ] {
        assert_eq!(run.code, code, "{}", run.err);
        assert!(run.err.contains(said), "{}", run.err);
        assert_eq!(run.err.matches("this list of indicators is").count(), 1, "{}", run.err);
    }
    // All unusable lists are reported at once.
    let both = run(["replay", quiet.to_str().unwrap(), "--indicators", "gone-1", "--indicators", "gone-2"]);
    assert!(both.code == 2 && both.err.contains("gone-1") && both.err.contains("gone-2"), "{}", both.err);
    // `--max-age 0` turns the warning off.
    let path = folder.path().join("stale.csv");
    let told = run(["replay", quiet.to_str().unwrap(), "--indicators", path.to_str().unwrap(), "--max-age", "0"]);
    assert!(!told.err.contains("stale:"), "{}", told.err);
}

#[test]
fn folders_families_and_guards() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "feeds/b/threatfox.csv", THREATFOX);
    put(folder.path(), "feeds/a.txt", "203.0.113.9\n");
    put(folder.path(), "feeds/.a.txt.swp", [0u8; 10]);
    std::os::unix::fs::symlink(folder.path().join("feeds"), folder.path().join("feeds/b/circle")).unwrap();
    let feeds = folder.path().join("feeds").into_os_string().into_string().unwrap();
    let all = list(&["--indicators", &feeds]);
    assert_eq!(values(&all), ["203.0.113.9", "203.0.113.70:443", "www.example.com"]);
    assert!(
        all.err.contains("threatfox.csv: not used: line 5: 10.0.0.1:443: too broad: in 10.0.0.0/8, private"),
        "{}",
        all.err
    );
    let broad = list(&["--indicators", &feeds, "--allow-broad"]);
    assert_eq!(values(&broad).last().map(String::as_str), Some("10.0.0.1:443"));
    let family = list(&["--indicators", &feeds, "--family", "OTHER"]);
    assert_eq!(values(&family), ["203.0.113.9", "203.0.113.70:443"]);
    let none = list(&["--indicators", &feeds, "--family", "win.c"]);
    assert_eq!(values(&none), ["203.0.113.9"]);
    assert!(none.err.contains("empty") && none.err.contains("begin with win.a, win.b"), "{}", none.err);
    let old = list(&["--indicators", &feeds, "--indicator-max-age", "1h"]);
    assert_eq!(values(&old), ["203.0.113.9"]);
}

#[test]
fn lists_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let feed = put(folder.path(), "feed.csv", THREATFOX);
    let good = put(folder.path(), "good.txt", "203.0.113.9\nhttp://evil.example/x\n");
    let check = |options: &[&str]| run(["indicators", "check"].iter().chain(options));
    let told = check(&[&feed, &good]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    for line in [
        "feed.csv: ThreatFox CSV of 2026-07-04T22:50:12Z: 2 used, 1 refused",
        "feed.csv: ip:port: 1",
        "feed.csv: domain: 1",
        "feed.csv: line 5: 10.0.0.1:443: too broad: in 10.0.0.0/8, private (RFC 1918) (--allow-broad accepts it)",
        "good.txt: plain list: 2 used",
        "good.txt: url: 1",
    ] {
        assert!(told.out.lines().any(|told| told.ends_with(line)), "{line}: {}", told.out);
    }
    assert_eq!(check(&["--strict", &good]).code, 0);
    assert_eq!(check(&["--strict", &feed]).code, 1);
    assert_eq!(check(&["--strict", "--allow-broad", "--max-age", "0", &feed]).code, 0);
    assert_eq!(check(&["--strict", "--allow-broad", &feed]).code, 1, "it is stale");
    let gone = check(&["gone.txt", &good]);
    assert_eq!(gone.code, 1);
    assert!(
        gone.out.contains("gone.txt: this list of indicators is absent") && gone.out.contains("good.txt: plain"),
        "{}",
        gone.out
    );
    assert_eq!(check(&[]).code, 2);
}

#[test]
fn alerts_keep_the_mark_of_compromised_sites_and_of_urls() {
    let folder = tempfile::tempdir().unwrap();
    let feed = put(folder.path(), "feed.csv", THREATFOX);
    let told = replay(&["--no-builtin", "--indicators", &feed], &[sample(CONTACT)]);
    let (mut marked, mut others) = (0, 0);
    for line in told.out.lines() {
        let keys = parse(line);
        let is_marked = keys.get("flexNumber1").map(String::as_str) == Some("1");
        assert_eq!(is_marked, keys["cs1"] == "203.0.113.70:443", "{line}");
        assert_eq!(keys["msg"].contains("compromised site"), is_marked, "{line}");
        if is_marked {
            marked += 1;
            assert_eq!(
                (keys["cs2"].as_str(), keys["cs3"].as_str(), keys["cn1"].as_str()),
                ("Family A", "https://example.org/a", "75")
            );
        } else {
            others += 1;
        }
    }
    assert!(marked > 0 && others > 0, "{}", told.out);
    let urls = put(folder.path(), "urls.txt", "hxxp://www[.]example[.]com/payload\n");
    let told = replay(&["--no-builtin", "--indicators", &urls], &[sample(CONTACT)]);
    assert!(
        !told.out.is_empty() && told.out.lines().all(|line| line.contains("the host of a listed URL")),
        "{}",
        told.out
    );
}

#[test]
fn an_entry_that_is_built_in_is_merged_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mine = put(folder.path(), "mine.txt", "94.23.185.83:9606\n");
    let all = run(["indicators", "list", "--json", "--indicators", &mine]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&all.out).unwrap();
    let joined = rows.iter().find(|row| row["value"] == "94.23.185.83:9606").unwrap();
    assert_eq!((rows.len(), &joined["confidence"]), (9, &100.into()));
    assert_eq!(joined["reference"], "mine.txt line 1, ThreatFox 2026-05-27");
    assert_eq!(joined["malware_family"], "NetSupportManager RAT");
    assert_eq!(joined["first_seen"], "2026-05-27T00:00:00Z");
}
