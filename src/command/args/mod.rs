//! The definition of the command line. Nothing here opens a file or checks options against each
//! other: the plan does that.

mod cli;
mod exclusions;
mod hunt;
mod indicators;
mod live;
mod replay;
mod run;
mod values;

use cli::MORE;
pub use cli::{Cli, Command, ConfigArgs, ConfigCommand, SETTINGS_FILE};
pub use exclusions::ExclusionsCommand;
pub use hunt::{HuntArgs, HuntFormat};
pub use indicators::{FeedArgs, IndicatorArgs, IndicatorsCommand};
pub use live::{DirectionArg, KernelFilterArg, LiveArgs, ServiceArgs, all_arguments};
pub use replay::ReplayArgs;
pub use run::{ColorArg, ExclusionArgs, FormatArg, RunArgs, SpoolArgs};
