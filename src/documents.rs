//! Manual pages and completions, from the definition of the command line itself, so that they never say anything else.

use anyhow::bail;
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;

/// The manual page of the whole, or of one command by the name of its page: `replay`, `indicators-list`.
pub fn manual_page(page: Option<&str>) -> anyhow::Result<String> {
    let mut command = Cli::command();
    command.build();
    let name = match page {
        None => "rattap".to_owned(),
        Some(page) => format!("rattap-{}", page.trim_start_matches("rattap-").replace(' ', "-")),
    };
    let Some(found) = find(&command, &name) else {
        bail!("no page {name}; there are: {}", names(&command).join(", "));
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(found.clone().name(name)).render(&mut text)?;
    Ok(String::from_utf8(text)?)
}

/// What completes the command line in this shell.
pub fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rattap", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The name of a command's page: clap calls it so once the command is built.
fn page_of(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn find<'a>(command: &'a Command, page: &str) -> Option<&'a Command> {
    if page_of(command) == page {
        return Some(command);
    }
    command.get_subcommands().find_map(|command| find(command, page))
}

fn names(command: &Command) -> Vec<String> {
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    std::iter::once(page_of(command).to_owned()).chain(below.flat_map(names)).collect()
}
