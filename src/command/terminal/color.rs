//! Colors and width of the terminal.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use crate::command::args::ColorArg;

/// Returns true if output to this stream has colors. With `auto`: on a terminal, unless the
/// environment says otherwise (<https://no-color.org/>, <https://bixense.com/clicolors/>).
pub fn has_color(color: ColorArg, stream: &impl IsTerminal) -> bool {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match color {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto if variable("NO_COLOR").is_some() => false,
        ColorArg::Auto => variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") || stream.is_terminal(),
    }
}

/// The number of columns of the terminal that this stream is. `None` if it is none.
pub fn width(stream: &impl AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}
