//! Alerts arrive: over every way, whoever dies meanwhile.

mod forms;
mod kills;
mod receiver;
