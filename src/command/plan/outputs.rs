//! The outputs of a run: alerts, the audit file and the spool.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context, bail};
use rattap::output::{LineFormat, SpoolSettings, Target, TextStyle};

use crate::command::args::{ColorArg, FormatArg, SpoolArgs};
use crate::command::settings::Origins;
use crate::command::terminal::color::{self as terminal, has_color};

/// The targets of alerts. Without any, alerts go to standard output: as lines for people on a
/// terminal, else as CEF. If only JSON targets are given, there is no other output.
pub fn alert_targets(
    outputs: &[OsString],
    json: &[OsString],
    (format, color): (Option<FormatArg>, ColorArg),
    origins: &Origins,
) -> anyhow::Result<Vec<Target>> {
    let stdout = io::stdout();
    let style = || TextStyle { width: terminal::width(&stdout), is_colored: has_color(color, &stdout) };
    let format = format.map(|format| match format {
        FormatArg::Cef => LineFormat::Cef,
        FormatArg::Json => LineFormat::Json,
        FormatArg::Text => LineFormat::Text(TextStyle::default()),
    });
    let is_text = matches!(format, Some(LineFormat::Text(_)));
    let parse = |targets: &[OsString], argument: &str| -> anyhow::Result<Vec<Target>> {
        targets.iter().map(|target| Target::parse(target).with_context(|| origins.of(argument))).collect()
    };
    let as_json = |target: Target| {
        let name = target.to_string();
        target.with_format(LineFormat::Json).with_context(|| {
            format!("{} {name}: syslog receivers take CEF only; name a file, or -", origins.of("json"))
        })
    };
    // The format of receivers is CEF; --format is for the other targets.
    let in_format = |target: Target| match (&target, format) {
        (_, None) | (Target::Receiver(_), _) => target,
        (Target::StandardOutput(_), _) if is_text => Target::StandardOutput(LineFormat::Text(style())),
        (Target::StandardOutput(_), Some(format)) => Target::StandardOutput(format),
        (Target::File(path, _), Some(format)) => Target::File(path.clone(), format),
    };
    let json = parse(json, "json")?.into_iter().map(as_json).collect::<anyhow::Result<Vec<_>>>()?;
    let mut targets: Vec<_> = parse(outputs, "output")?.into_iter().map(in_format).collect();
    targets.extend(json);
    if targets.is_empty() {
        let is_for_people = format.is_none() && stdout.is_terminal();
        let default = if is_for_people { LineFormat::Text(style()) } else { LineFormat::Cef };
        targets.push(in_format(Target::StandardOutput(default)));
    }
    for (index, target) in targets.iter().enumerate() {
        if let Some(other) = targets[..index].iter().find(|other| is_same_stream(other, target)) {
            let (option, first) = (option_of(target, origins), option_of(other, origins));
            match target {
                Target::StandardOutput(_) if option == first => {
                    bail!("{option} -: is given twice; standard output takes one output: give the other one a file")
                }
                Target::StandardOutput(_) => {
                    bail!("{option} -: {first} writes to standard output already; give one of them a file")
                }
                _ => bail!("{option} {target}: is given twice, so each alert would be sent twice; give it once"),
            }
        }
    }
    Ok(targets)
}

/// The target of suppressed alerts.
pub fn audit_target(audit: Option<PathBuf>, alerts: &[Target], origins: &Origins) -> anyhow::Result<Option<Target>> {
    let Some(audit) = audit else { return Ok(None) };
    let option = || origins.of("audit");
    let audit = match Target::parse(audit.as_os_str()).with_context(option)? {
        audit if audit.is_receiver() => {
            bail!("{} {audit}: is no file; name a file for the suppressed alerts", option())
        }
        audit => audit,
    };
    if alerts.iter().any(|alerts| is_same_stream(&audit, alerts)) {
        let name = if matches!(audit, Target::StandardOutput(_)) { "-".to_owned() } else { audit.to_string() };
        bail!("{} {name}: alerts are written there; name a file for the suppressed alerts", option());
    }
    Ok(Some(audit))
}

/// The option, or the key of the settings, that names an output.
pub fn option_of(output: &Target, origins: &Origins) -> String {
    match output {
        Target::StandardOutput(LineFormat::Json) | Target::File(_, LineFormat::Json) => origins.of("json"),
        _ if origins.is_from_file("output") => origins.of("output"),
        _ => "-o".to_owned(),
    }
}

/// Returns true if two targets are the same stream or receiver. Files are compared together with
/// all other files of the run.
pub fn is_same_stream(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::StandardOutput(_), Target::StandardOutput(_)) => true,
        (Target::Receiver(one), Target::Receiver(other)) => one == other,
        _ => false,
    }
}

/// The spool of alerts for syslog receivers.
pub fn spool(args: SpoolArgs, origins: &Origins) -> anyhow::Result<Option<SpoolSettings>> {
    let limit = args.spool_limit.unwrap_or(SpoolSettings::LIMIT);
    if limit < SpoolSettings::LEAST {
        bail!("{} {limit}: is too small; give {} or more", origins.of("spool_limit"), SpoolSettings::LEAST);
    }
    Ok(args.spool.map(|folder| SpoolSettings { folder, limit }))
}

/// Refuses a replay that would empty the output files of a sensor with the same settings: the
/// settings file names them for a sensor that appends to them.
pub fn check_not_emptied(argument: &str, outputs: &[Target], origins: &Origins) -> anyhow::Result<()> {
    for output in outputs.iter().filter(|_| origins.is_from_file(argument)) {
        if let Target::File(path, _) = output
            && fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0)
        {
            let origin = origins.of(argument);
            bail!(
                "{origin}: {output} holds alerts, which a replay would overwrite; name another file with --{argument}"
            );
        }
    }
    Ok(())
}
