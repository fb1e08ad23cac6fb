//! `rattap man` and `rattap completions`: generated from the definition of the command line, so
//! that they always match it.

use std::io::Write;
use std::path::Path;
use std::{fs, io, iter, process};

use anyhow::{Context, bail};
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::command::args::Cli;

/// The manual page of rattap, or of the command that `page` names, such as `replay` or
/// `indicators-list`.
pub fn manual_page(page: Option<&str>) -> anyhow::Result<String> {
    let command = built_command();
    let name = match page {
        None => "rattap".to_owned(),
        Some(page) => format!("rattap-{}", page.trim_start_matches("rattap-").replace(' ', "-")),
    };
    let pages = pages(&command);
    match pages.iter().find(|(page, _)| *page == name) {
        Some((page, command)) => Ok(String::from_utf8(roff(page, command)?)?),
        None => {
            bail!(
                "no page {name}; the pages are: {}",
                pages.iter().map(|(page, _)| *page).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

/// Shows a manual page with the system's `man`, formatted and in a pager. Returns false if that is
/// not possible.
pub fn show_in_pager(page: &str) -> bool {
    let man = process::Command::new("man").args(["--local-file", "-"]).stdin(process::Stdio::piped()).spawn();
    let Ok(mut man) = man else { return false };
    // The user may quit the pager before it has read everything.
    let _ = man.stdin.take().map(|mut stdin| stdin.write_all(page.as_bytes()));
    man.wait().is_ok_and(|status| status.success())
}

/// Writes all manual pages to a folder, which is created if it does not exist.
pub fn write_manual(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot make this folder; name another one", folder.display()))?;
    for (page, command) in pages(&built_command()) {
        let path = folder.join(format!("{page}.1"));
        fs::write(&path, roff(page, command)?).with_context(|| format!("{}: cannot write the page", path.display()))?;
    }
    Ok(())
}

/// The completion script for a shell.
pub fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rattap", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn built_command() -> Command {
    // A page does not depend on the machine that prints it.
    let mut command = Cli::command().long_version(None);
    command.build();
    command
}

/// All pages by name. clap gives a command its display name, such as `rattap-replay`, when it is
/// built.
fn pages(command: &Command) -> Vec<(&str, &Command)> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let subcommands = command.get_subcommands().filter(|command| command.get_name() != "help");
    iter::once((name, command)).chain(subcommands.flat_map(pages)).collect()
}

fn roff(page: &str, command: &Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let source = concat!("rattap ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone().name(page.to_owned())).source(source).render(&mut text)?;
    Ok(text)
}
