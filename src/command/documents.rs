//! Manual pages and completions, from the definition of the command line itself, so that they never say anything else.

use std::path::Path;
use std::{fs, io, iter};

use anyhow::{Context, bail};
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::command::args::Cli;

/// The manual page of the whole, or of one command by the name of its page: `replay`, `indicators-list`.
pub fn manual_page(page: Option<&str>) -> anyhow::Result<String> {
    let command = whole();
    let name = match page {
        None => "rattap".to_owned(),
        Some(page) => format!("rattap-{}", page.trim_start_matches("rattap-").replace(' ', "-")),
    };
    let pages = pages(&command);
    match pages.iter().find(|(page, _)| *page == name) {
        Some((page, command)) => Ok(String::from_utf8(roff(page, command)?)?),
        None => {
            bail!("no page {name}; there are: {}", pages.iter().map(|(page, _)| *page).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes every manual page into a folder, which is made where there is none.
pub fn write_manual(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (page, command) in pages(&whole()) {
        let path = folder.join(format!("{page}.1"));
        fs::write(&path, roff(page, command)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// What completes the command line in this shell.
pub fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rattap", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn whole() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// All pages by name: clap calls a command so once it is built.
fn pages(command: &Command) -> Vec<(&str, &Command)> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    iter::once((name, command)).chain(below.flat_map(pages)).collect()
}

fn roff(page: &str, command: &Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let source = concat!("rattap ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone().name(page.to_owned())).source(source).render(&mut text)?;
    Ok(text)
}
