//! `rattap live`: a sensor on network interfaces, until a signal stops it.

mod health;
mod run;
mod start;
mod supervisor;

pub use run::run;
