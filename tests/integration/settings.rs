//! The settings file as a user meets it, and the program's own documents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::golden::parse;
use crate::needs::Need;
use crate::run::{has_program, run, sample};

fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("rattap.toml");
    fs::write(&path, text).unwrap();
    path.into_os_string().into_string().unwrap()
}

#[test]
fn options_override_the_settings_file_of_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = folder.path().join("alerts.cef");
    let settings = file(
        folder.path(),
        &format!(
            "[sensor]\nhost = \"tap-02\"\nid = \"dmz\"\nworkers = 1\n[capture]\nfilter = \"udp\"\n[[output]]\nto = \"{}\"\n",
            alerts.display()
        ),
    );
    let capture = sample("endpoint/udp.pcap").into_os_string().into_string().unwrap();
    let said = run(["replay", "-q", "--config", &settings, &capture]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""));
    let typed = ["replay", "-q", "--sensor-host", "tap-02", "--sensor-id", "dmz", "--filter", "udp", &capture];
    assert_eq!(fs::read_to_string(&alerts).unwrap(), run(typed).out);

    // A file that a sensor with these settings wrote is not emptied.
    let said = run(["replay", "-q", "--config", &settings, &capture]);
    let why = format!("{settings}:8: output.to: {} holds alerts, which a replay would overwrite", alerts.display());
    assert!(said.code == 2 && said.err.contains(&why), "{}", said.err);

    let said = run(["replay", "-q", "--config", &settings, "-o", "-", "--sensor-host", "tap-03", &capture]);
    let line = parse(said.out.lines().next().unwrap());
    assert_eq!((line["dvchost"].as_str(), line["deviceExternalId"].as_str()), ("tap-03", "dmz"));
    let said = run(["replay", "-q", "--config", &settings, "-o", "-", "--filter", "tcp", &capture]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
}

#[test]
fn a_wrong_settings_file_is_refused_with_the_place_of_each_error() {
    let folder = tempfile::tempdir().unwrap();
    let capture = sample("endpoint/udp.pcap").into_os_string().into_string().unwrap();
    for (text, why) in [
        ("[sensor]\nhst = 1\n", ":2:1: unknown key sensor.hst: did you mean host?"),
        ("[sensor]\nworkers = 0\n", ":2:11: sensor.workers:"),
        ("[sensor]\nworkers = 33\n", ":2: sensor.workers 33: more than 32"),
        ("[capture]\nfilter = \"prot 1\"\n", ":2: capture.filter: "),
        ("[indicators]\nfiles = [\"gone.txt\"]\n", ":2: indicators.files: gone.txt: this list of indicators is absent"),
        ("[indicators]\nbuiltin = false\n", ":2: indicators.builtin: no indicators are left to look for"),
        ("[sensor\n", ":1:8: not TOML"),
    ] {
        let settings = file(folder.path(), text);
        for words in [&["replay", "--config", &settings, &capture][..], &["config", "check", &settings]] {
            let said = run(words);
            assert_eq!((said.code, said.out.as_str()), (2, ""), "{words:?}: {}", said.err);
            assert!(said.err.contains(&format!("{settings}{why}")), "{words:?}: {}", said.err);
        }
    }
    let said = run(["config", "check", &file(folder.path(), "[privileges]\nuser = \"no-such-account\"\n")]);
    assert!(said.code == 2 && said.err.contains(":2: privileges.user: no account no-such-account"), "{}", said.err);
    let said = run(["replay", "--config", "gone.toml", &capture]);
    assert!(said.code == 2 && said.err.contains("gone.toml: cannot read the settings"), "{}", said.err);
    fs::write(folder.path().join("rattap.toml"), [0xff]).unwrap();
    let said = run(["config", "check", folder.path().join("rattap.toml").to_str().unwrap()]);
    assert!(said.code == 2 && said.err.contains("it is not UTF-8 text"), "{}", said.err);
}

#[test]
fn a_check_prints_the_settings_in_force_as_a_settings_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[sensor]\nhome = [\"10.0.0.0/8\"]\n\n[metrics]\nlisten = 9100\n[privileges]\nuser = \"root\"\n";
    let first = run(["config", "check", &file(folder.path(), text)]);
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    for line in [
        "home = [\"10.0.0.0/8\"] # line 2",
        "repeat_window = \"10m\" # default",
        "listen = 9100 # line 5",
        "builtin = true # default",
        "# host is not set: this machine's host name",
    ] {
        assert!(first.out.lines().any(|told| told == line), "{line}: {}", first.out);
    }
    assert!(first.out.contains("becomes root; "), "{}", first.out);
    let again = run(["config", "check", &file(folder.path(), &first.out)]);
    assert_eq!(again.code, 0, "{}", again.err);
    let values = |text: &str| text.lines().map(|line| line.split(" # ").next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(values(&again.out), values(&first.out));
}

#[test]
fn the_example_of_the_package_is_checked() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/rattap.toml");
    let said = run(["config", "check", example.to_str().unwrap()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn manual_pages_and_completions_are_printed() {
    let whole = run(["man"]);
    assert!(whole.out.contains(".TH rattap 1") && whole.out.contains("rattap\\-replay(1)"), "{}", whole.out);
    let page = run(["man", "replay"]).out;
    assert!(page.contains(".TH rattap-replay 1") && page.contains("\\-\\-repeat\\-window"), "{page}");
    assert_eq!(run(["man", "config check"]).out, run(["man", "rattap-config-check"]).out);
    let said = run(["man", "no-such"]);
    assert!(said.code == 2 && said.err.contains("the pages are: rattap, rattap-replay,"), "{}", said.err);

    let folder = tempfile::tempdir().unwrap();
    for (shell, need) in [("bash", None), ("zsh", Some(Need::Zsh)), ("fish", Some(Need::Fish))] {
        let said = run(["completions", shell]);
        assert!(said.code == 0 && said.out.contains("repeat-window"), "{shell}");
        let script: PathBuf = folder.path().join(shell);
        fs::write(&script, &said.out).unwrap();
        if need.is_none_or(|need| has_program(need, shell)) {
            assert!(Command::new(shell).arg("-n").arg(&script).status().unwrap().success(), "{shell}");
        }
    }
}
