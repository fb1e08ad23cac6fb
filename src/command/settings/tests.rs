use std::collections::{BTreeMap, BTreeSet};

use std::ffi::OsString;

use clap::CommandFactory;

use super::file::{parse, texts};
use super::keys::{KEYS, argument_of, is_switch};
use super::load::with_defaults;
use super::origins::Setting;
use super::{Origins, in_force, load};
use crate::command::args;

/// The file that the package installs.
const EXAMPLE: &str = include_str!("../../../packaging/rattap.toml");

/// The page that lists the options without a key.
const PAGE: &str = include_str!("../../../docs/settings.md");

/// The options and arguments without a key, as the page lists them: `--names`, or `PATH`.
fn documented_without_key() -> BTreeSet<String> {
    let section = PAGE.split("\n## Options without a key\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells
        .flat_map(|cell| cell.split('`').filter(|word| word.starts_with("--") || *word == "PATH"))
        .map(str::to_owned)
        .collect()
}

fn errors(text: &str) -> Vec<String> {
    texts(parse(text, &args::all_arguments()).unwrap_err())
}

fn settings(text: &str) -> BTreeMap<&'static str, Setting> {
    parse(text, &args::all_arguments()).unwrap_or_else(|errors| panic!("{:?}: {text}", texts(errors)))
}

/// The example with every key uncommented.
fn uncommented() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_option_has_a_key_and_every_key_an_option() {
    let arguments = args::all_arguments();
    let cli = args::Cli::command();
    let commands = ["replay", "live"].map(|name| cli.find_subcommand(name).unwrap());
    let mut without_key = BTreeSet::new();
    for argument in cli.get_arguments().chain(commands.iter().flat_map(|command| command.get_arguments())) {
        let keys = KEYS.iter().filter(|key| key.argument == argument.get_id()).count();
        assert!(keys <= 1, "{keys} keys for {argument}");
        if keys == 0 {
            without_key.insert(argument.get_long().map_or("PATH".to_owned(), |long| format!("--{long}")));
        }
    }
    assert_eq!(without_key, documented_without_key(), "of the command line, and of docs/settings.md");
    for key in &KEYS {
        let argument = argument_of(&arguments, key).unwrap_or_else(|| panic!("{}.{}", key.section, key.name));
        assert!(!key.is_negated || is_switch(argument), "{}.{}", key.section, key.name);
    }
    let names: BTreeSet<_> = KEYS.iter().map(|key| (key.section, key.name)).collect();
    assert_eq!(names.len(), KEYS.len());
}

#[test]
fn the_example_has_every_key_with_its_default() {
    let arguments = args::all_arguments();
    let all = settings(&uncommented());
    // The only uncommented key: the package writes alerts to a file.
    let installed = settings(EXAMPLE);
    assert_eq!(installed.keys().collect::<Vec<_>>(), [&"output"]);
    for key in KEYS.iter().filter(|key| !installed.contains_key(key.argument)) {
        let name = format!("{}.{}", key.section, key.name);
        let setting = all.get(key.argument).unwrap_or_else(|| panic!("{name} is not in the example"));
        let argument = argument_of(&arguments, key).unwrap();
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        if is_switch(argument) {
            assert_eq!(setting.values, ["false"], "{name}: the default of a switch");
        } else if !defaults.is_empty() {
            assert_eq!(setting.values, defaults, "{name}: the default");
        }
    }
    // The output of `in_force` parses to the same settings.
    let matches = with_defaults(arguments, &all).try_get_matches_from(["rattap"]).unwrap();
    let shown = in_force(&matches, &Origins { file: "x".into(), settings: all.clone() });
    assert_eq!(settings(&shown).keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    assert_eq!(
        settings(&shown).values().map(|setting| &setting.values).collect::<Vec<_>>(),
        all.values().map(|setting| &setting.values).collect::<Vec<_>>()
    );
}

#[test]
fn arguments_override_the_file_and_lists_are_replaced_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rattap.toml");
    let text = "[sensor]\nhost = \"from file\"\nid = \"from file\"\nhome = [\"10.0.0.0/8\", \"172.16.0.0/12\"]\nrepeat_window = 90\n";
    std::fs::write(&file, text).unwrap();
    let load = |more: &[&str]| {
        let words = ["rattap", "replay", "x.pcap", "--config", file.to_str().unwrap()];
        let words: Vec<OsString> = words.iter().chain(more).map(OsString::from).collect();
        let (cli, origins) = load(&words).unwrap();
        let args::Command::Replay(args) = cli.command else { panic!("{cli:?}") };
        (args.run, origins)
    };
    let (args, origins) = load(&[]);
    assert_eq!((args.sensor_host.as_deref(), args.home.len()), (Some("from file"), 2));
    assert_eq!(args.repeat_window, std::time::Duration::from_secs(90));
    assert_eq!(origins.of("sensor_host"), format!("{}:2: sensor.host", file.display()));
    assert_eq!(origins.of("filter"), "--filter");
    let (args, origins) = load(&["--sensor-host", "typed", "--home", "192.168.0.0/16"]);
    assert_eq!((args.sensor_host.as_deref(), args.sensor_id.as_deref()), (Some("typed"), Some("from file")));
    assert_eq!(args.home, ["192.168.0.0/16".parse().unwrap()]);
    assert_eq!(origins.of("sensor_host"), "--sensor-host");
}

#[test]
fn what_one_option_needs_of_another_may_stand_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rattap.toml");
    std::fs::write(&file, uncommented()).unwrap();
    let all = settings(&uncommented());
    for argument in args::all_arguments().get_arguments() {
        let Some(setting) = all.get(argument.get_id().as_str()) else { continue };
        let long = argument.get_long().unwrap();
        let typed = if is_switch(argument) { format!("--{long}") } else { format!("--{long}={}", setting.values[0]) };
        let words = ["rattap", "live", "--config", file.to_str().unwrap(), &typed];
        let loaded = load(&words.map(OsString::from));
        assert!(loaded.is_ok(), "{typed}: {}", loaded.err().unwrap());
    }
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place_and_what_to_do() {
    let text = "[sensors]\nhost = 1\n[capture]\nfliter = \"x\"\nworkers = 3\nqqq = 1\n[sensor]\nworkers = 0\nrepeat_window = 1.5\n\
                home = [\"10.0.0.0/33\", true]\nid = []\n[indicators]\nbuiltin = \"no\"\n[output]\nto = \"x\"\n";
    assert_eq!(
        errors(text),
        [
            "1:2: unknown section sensors: did you mean sensor?",
            "4:1: unknown key capture.fliter: did you mean filter?",
            "5:1: unknown key capture.workers: it belongs in [sensor]",
            "6:1: unknown key capture.qqq: expected one of interfaces, promiscuous, snap_length, kernel_buffer, direction, filter, kernel_filter",
            "8:11: sensor.workers: \"0\": expected a number of threads, 1 or more; omit it to use all processor cores",
            "9:17: sensor.repeat_window: expected a string or a whole number, not a fraction",
            "10:9: sensor.home: \"10.0.0.0/33\": expected a network, such as 10.0.0.0/8 or fd00::/8",
            "11:6: sensor.id: expected one value, not a list",
            "13:11: indicators.builtin: expected true or false, not a string",
            "14:2: write [[output]]: it may occur several times",
        ]
    );
    assert_eq!(errors("workers = 2"), ["1:1: unknown section workers: the key belongs in [sensor]"]);
    assert_eq!(errors("sensor = 2"), ["1:1: write [sensor] with its keys below it"]);
    assert_eq!(errors("output = [1]"), ["1:11: write [[output]] with its keys below it"]);
    assert_eq!(
        errors("[sensor]\nworkers = 0x1_0000_0000_0000_0000_0000_0000_0000_0000")[0].split(": ").next(),
        Some("2:11")
    );
    let broken =
        "[sensor]\nhost = \"ä\" x\nid =\nwrokers = 2\n[capture\nfilter = 1\n[metrics]\nlisten = 1\nlisten = 2\n";
    let places: Vec<_> =
        errors(broken).iter().map(|error| error.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        places,
        ["2:12 not TOML", "3:5 not TOML", "4:1 unknown key sensor.wrokers", "5:9 not TOML", "9:1 not TOML"]
    );
    assert!(errors("[sensor]\nhost = 1\nhost = 2")[0].starts_with("3:1: not TOML"));
}

#[test]
fn an_empty_file_says_nothing() {
    assert_eq!(settings(""), BTreeMap::new());
    assert_eq!(settings("[sensor]\n[indicators]\n# nothing\n"), BTreeMap::new());
}

proptest::proptest! {
    /// Any text gives settings or errors.
    #[test]
    fn no_text_breaks_it(text in r#"((\[{1,2}(sensor|output|capture)\]{1,2}\n|(host|home|to|workers|builtin) = (1|"x"|true|\[1, \["x"\]\]|\{a=1\}|1e9|1979-05-27)\n|.){0,8})"#) {
        if let Err(errors) = parse(&text, &args::all_arguments()) {
            proptest::prop_assert!(!texts(errors).is_empty());
        }
    }
}
