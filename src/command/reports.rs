//! Reports of a replay: which files there are to be, what they say of the settings, and writing them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Context, bail};
use rattap::alert::exclusion::Exclusions;
use rattap::alert::sanitize;
use rattap::capture::{Input, Inputs};
use rattap::output::Output;
use rattap::report::model::{List, Moment};
use rattap::report::{self, Basis, Format, Gathered, Hashing, Problems, Settings};
use rattap::sensor::Outcome;

use crate::command::args::{FeedArgs, IndicatorArgs, ReplayArgs, SensorArgs};
use crate::command::plan::{Run, check_output, is_one_file};

/// The schema, for people and machines.
pub fn schema() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&report::schema())? + "\n")
}

/// The reports that a replay is to write.
pub struct Reports {
    files: Vec<(PathBuf, Format)>,
    with_hashes: bool,
    /// As far as the arguments say them.
    settings: Settings,
}

impl Reports {
    /// Checks the files' names.
    pub fn new(args: &ReplayArgs) -> anyhow::Result<Self> {
        if let (Some(path), Some(_)) = (args.report.first(), &args.follow) {
            bail!(
                "--report {}: needs a replay that ends by itself; give the captures instead of --follow",
                path.display()
            );
        }
        let mut files: Vec<(PathBuf, Format)> = Vec::new();
        for path in &args.report {
            let shown = path.display();
            let Some(format) = Format::of(path) else {
                bail!("--report {shown}: the name must end in .html or .json, which says what is written");
            };
            if files.iter().any(|(other, _)| other == path) {
                bail!("--report {shown}: is named twice");
            }
            files.push((path.clone(), format));
        }
        let settings = Settings {
            command: command(args),
            repeat_window_seconds: args.sensor.repeat_window.as_secs(),
            filter: args.sensor.filter.clone(),
            home: args.sensor.home.iter().map(ToString::to_string).collect(),
            ..Settings::default()
        };
        Ok(Self { files, with_hashes: !args.no_report_hashes, settings })
    }

    /// Refuses files that something else goes to.
    pub fn check_apart<'a>(
        &self,
        run: &'a Run,
        others: impl Iterator<Item = &'a PathBuf> + Clone,
    ) -> anyhow::Result<()> {
        for (path, _) in &self.files {
            let written = run.files().map(|(_, written)| written).chain(others.clone().map(PathBuf::as_path));
            if written.into_iter().any(|written| is_one_file(path, written)) {
                bail!("--report {}: something else goes there; give the report a file of its own", path.display());
            }
        }
        Ok(())
    }

    /// Refuses files that are among the inputs.
    pub fn check_inputs(&self, inputs: &Inputs) -> anyhow::Result<()> {
        self.files.iter().try_for_each(|(path, _)| check_output("--report", path, inputs))
    }

    /// Creates the files, so that hours of work do not end in "cannot create", and begins to gather what goes into them. Returns the
    /// outputs with what gathers in front of them.
    pub fn open(
        self,
        run: &Run,
        inputs: &[Input],
        output: Box<dyn Output>,
    ) -> anyhow::Result<(Option<Reporting>, Box<dyn Output>)> {
        let Self { files, with_hashes, mut settings } = self;
        if files.is_empty() {
            return Ok((None, output));
        }
        let create = |(path, format): (PathBuf, Format)| {
            let file = File::create(&path).with_context(|| format!("--report {}: cannot create it", path.display()))?;
            Ok((path, format, file))
        };
        let files = files.into_iter().map(create).collect::<anyhow::Result<_>>()?;
        settings.indicators = run.indicators.len() as u64;
        settings.with_builtin = run.with_builtin;
        let list = |feed: &rattap::indicator::FeedReport| List {
            path: feed.held.path.display().to_string(),
            format: feed.held.format.to_owned(),
            date: feed.held.date.map(Moment),
            used: feed.held.used(),
        };
        settings.lists = run.feeds.iter().map(list).collect();
        let gathered = Gathered::default();
        let output = gathered.over(output);
        let hashing = with_hashes.then(|| Hashing::start(inputs));
        Ok((Some(Reporting { files, inputs: inputs.to_vec(), gathered, hashing, settings }), output))
    }
}

/// Reports on their way.
pub struct Reporting {
    files: Vec<(PathBuf, Format, File)>,
    inputs: Vec<Input>,
    gathered: Gathered,
    hashing: Option<Hashing>,
    settings: Settings,
}

impl Reporting {
    /// Writes all of them. Returns whether all could be written; what is wrong goes to the log.
    pub fn finish(self, outcome: &Outcome, exclusions: &Exclusions, problems: Problems) -> bool {
        let basis = Basis {
            inputs: &self.inputs,
            hashes: self.hashing.map(Hashing::finish).unwrap_or_default(),
            totals: &outcome.totals,
            is_whole: outcome.output.is_ok(),
            problems,
            exclusions,
            settings: self.settings,
        };
        let report = report::report(&self.gathered, basis);
        let mut is_done = true;
        for (path, format, file) in self.files {
            let mut file = BufWriter::new(file);
            let written = format.write(&report, &mut file).and_then(|()| file.flush());
            if let Err(error) = written {
                log::error!("--report {}: {error}", path.display());
                is_done = false;
            }
        }
        is_done
    }
}

/// The command that finds the same in the same captures. What has no part in that is left out; a test knows of each option.
fn command(args: &ReplayArgs) -> String {
    let ReplayArgs { paths, from, to, sensor, .. } = args;
    let SensorArgs { filter, indicators, exclusions, explain_exclusions, repeat_window, home, .. } = sensor;
    let IndicatorArgs { indicators: lists, no_builtin, rules } = indicators;
    let FeedArgs { family, max_age: _, indicator_max_age, allow_broad } = rules;
    let mut words = vec!["rattap".to_owned(), "replay".to_owned()];
    let mut option = |name: &str, value: &OsStr| words.extend([name.to_owned(), quoted(value)]);
    let seconds = |time: &std::time::Duration| format!("{}s", time.as_secs());
    from.iter().for_each(|from| option("--from", Moment(*from).to_string().as_ref()));
    to.iter().for_each(|to| option("--to", Moment(*to).to_string().as_ref()));
    filter.iter().for_each(|filter| option("--filter", filter.as_ref()));
    lists.iter().for_each(|list| option("--indicators", list.as_os_str()));
    family.iter().for_each(|family| option("--family", family.as_ref()));
    indicator_max_age.iter().for_each(|age| option("--indicator-max-age", seconds(age).as_ref()));
    exclusions.exclusions.iter().for_each(|file| option("--exclusions", file.as_os_str()));
    option("--repeat-window", seconds(repeat_window).as_ref());
    home.iter().for_each(|network| option("--home", network.to_string().as_ref()));
    for (is_on, switch) in
        [(no_builtin, "--no-builtin"), (allow_broad, "--allow-broad"), (explain_exclusions, "--explain-exclusions")]
    {
        words.extend(is_on.then(|| switch.to_owned()));
    }
    if paths.iter().any(|path| path.as_os_str().as_encoded_bytes().starts_with(b"-") && path.as_os_str() != "-") {
        words.push("--".to_owned());
    }
    words.extend(paths.iter().map(|path| quoted(path.as_os_str())));
    words.join(" ")
}

/// A word for a shell. What would do something to a screen is escaped as the shells' `$'…'` (POSIX.1-2024) has it.
fn quoted(word: &OsStr) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-+=:,./@%".contains(character);
    let bytes = word.as_bytes();
    match word.to_str().filter(|word| *word == sanitize(bytes).to_string()) {
        Some(word) if !word.is_empty() && word.chars().all(is_plain) => word.to_owned(),
        Some(word) => format!("'{}'", word.replace('\'', r"'\''")),
        None => {
            let mut escaped = Vec::with_capacity(bytes.len());
            for byte in bytes {
                escaped.extend(matches!(byte, b'\\' | b'\'').then_some(b'\\'));
                escaped.push(*byte);
            }
            format!("$'{}'", sanitize(&escaped))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Args, Command, FromArgMatches};

    use super::*;

    /// Options that have no part in what is found.
    const LEFT_OUT: [&str; 18] = [
        "audit",
        "carve",
        "config",
        "exit_code",
        "follow",
        "json",
        "max_age",
        "names",
        "no_report_hashes",
        "output",
        "report",
        "sensor_host",
        "sensor_id",
        "spool",
        "spool_limit",
        "state",
        "summary",
        "workers",
    ];

    fn command_of(words: &[&str]) -> String {
        let matches = ReplayArgs::augment_args(Command::new("replay")).get_matches_from([&["replay"], words].concat());
        command(&ReplayArgs::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn what_matters_is_told_and_what_does_not_is_not() {
        let all = [
            "--from",
            "2026-06-01 12:00",
            "--to",
            "2026-06-02T00:00:00.5+02:00",
            "--filter",
            "not port 22",
            "--indicators",
            "a b.txt",
            "--no-builtin",
            "--family",
            "x",
            "--indicator-max-age",
            "1d",
            "--allow-broad",
            "--exclusions",
            "it's.toml",
            "--explain-exclusions",
            "--repeat-window",
            "5m",
            "--home",
            "10.0.0.0/8",
            "-w",
            "3",
            "-o",
            "out.cef",
            "--report",
            "r.html",
            "--sensor-id",
            "7",
            "one.pcap",
            "-",
        ];
        assert_eq!(
            command_of(&all),
            r"rattap replay --from 2026-06-01T12:00:00Z --to 2026-06-01T22:00:00.5Z --filter 'not port 22' --indicators 'a b.txt' --family x --indicator-max-age 86400s --exclusions 'it'\''s.toml' --repeat-window 300s --home 10.0.0.0/8 --no-builtin --allow-broad --explain-exclusions one.pcap -"
        );
        assert_eq!(command_of(&["--", "-odd.pcap"]), "rattap replay --repeat-window 600s -- -odd.pcap");
    }

    #[test]
    fn a_name_that_would_drive_a_screen_is_told_so_that_a_shell_still_reads_it() {
        let names: [(&[u8], &str); 4] = [
            (b"a\x1b[31m.pcap", r"$'a\x1b[31m.pcap'"),
            ("\u{202e}fdp.pcap".as_bytes(), r"$'\xe2\x80\xaefdp.pcap'"),
            (b"\xff\\x0a'.pcap", r"$'\xff\\x0a\'.pcap'"),
            (br"plain\x0a.pcap", r"'plain\x0a.pcap'"),
        ];
        for (name, told) in names {
            assert_eq!(quoted(OsStr::from_bytes(name)), told);
        }
    }

    #[test]
    fn every_option_is_either_told_or_left_out_on_purpose() {
        let told = [
            "allow_broad",
            "exclusions",
            "explain_exclusions",
            "family",
            "filter",
            "from",
            "home",
            "indicator_max_age",
            "indicators",
            "no_builtin",
            "paths",
            "repeat_window",
            "to",
        ];
        let known: BTreeSet<_> = told.iter().chain(&LEFT_OUT).copied().map(str::to_owned).collect();
        let command = ReplayArgs::augment_args(Command::new("replay"));
        let there: BTreeSet<_> = command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
        assert_eq!(there, known, "an option is new or gone: see the command that a report shows");
    }
}
