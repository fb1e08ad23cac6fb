//! The run of a live sensor, from opening the interfaces to the exit code.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use rattap::alert::Phase;
use rattap::capture::{OpenInterfaces, Source};
use rattap::metrics::{Lag, Listener, Server};
use rattap::output::{self, Mode, Output, SharedTally};
use rattap::sensor::{Control, Run};

use super::health::{FeedHealth, OutputHealth, locked, snapshot};
use super::start::Prepared;
use super::supervisor::Supervisor;
use crate::command::clock::now;
use crate::command::ending::{Ending, InputProblems};
use crate::command::plan;
use crate::command::signals::Signals;
use crate::command::terminal::console::{Console, log_output_events};
use crate::command::terminal::exit_code::Exit;
use crate::command::terminal::summary::RunKind;

/// Runs a live sensor until a signal stops it.
pub fn run(live: &plan::Live, console: &Console) -> anyhow::Result<Exit> {
    if live.capture.interfaces.is_empty() {
        bail!("no interface to capture from: name one with --interface, or as capture.interfaces in the settings");
    }
    live.warn_of_exposed_files();
    let signals = Signals::listen().context("cannot listen for signals")?;
    // `privileges` requires this order.
    let opened = OpenInterfaces::open(&live.capture)?;
    let listener = live.service.metrics.map(listen).transpose()?;
    let mut prepared = Prepared::new(live)?;
    let opener = prepared.give_up_privileges(live)?;
    let Prepared { files, spool, status } = prepared;
    let lag = Arc::new(Mutex::new(Lag::default()));
    let mut output = live.run.open_outputs_with(Mode::Live, &log_output_events(), spool.as_ref(), files)?;
    let tally = live.run.prints_table.then(SharedTally::default);
    if let Some(tally) = &tally {
        output = tally.observe(output);
    }
    let output = with_lag(output, lag.clone());
    let control = Control::new(live.in_force());
    let (interfaces, interface_events) = (opened.interfaces().to_vec(), opened.events());
    let outputs = OutputHealth { monitors: output.monitors(), spool, lag };
    let feeds = Arc::new(Mutex::new(FeedHealth::new(&live.run)));
    let snapshot = snapshot(control.clone(), interfaces.clone(), outputs.clone(), feeds.clone());
    let listeners = listener.map(Listener::Tcp).into_iter().chain(status.map(Listener::Unix));
    let servers = listeners.map(|listener| Server::start(listener, snapshot.clone()));
    let _servers = servers.collect::<io::Result<Vec<_>>>().context("metrics")?;
    let sources = opened.start(control.source_stop(), &opener);
    let sources = sources.into_iter().map(|source| Box::new(source) as Box<dyn Source>).collect();
    let mut supervisor = Supervisor::new(live, &control, signals, interfaces, interface_events, outputs.clone(), feeds);
    supervisor.started();
    let mut outcome =
        Run::controlled(&control, &live.run.settings)
            .go_on_without_output()
            .start_all(sources, output, &mut |event| supervisor.handle(event));
    supervisor.stopped();
    // In a live run outputs drop alerts without failing. Their status counts those alerts.
    outcome.totals.alerts_lost += outputs.lost();
    if let Some(tally) = &tally {
        console.print_table(tally, live.run.color);
    }
    let ending = Ending::new(outcome.totals, outcome.output, InputProblems::default());
    ending.print_summary(RunKind::Live, console, supervisor.exclusions(), supervisor.running_time());
    Ok(ending.exit(false))
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .with_context(|| format!("--metrics {address}: cannot listen; choose another address or port"))
}

/// Measures the time from a packet to its alert.
fn with_lag(output: Box<dyn Output>, lag: Arc<Mutex<Lag>>) -> Box<dyn Output> {
    Box::new(output::ObservedOutput::new(output, move |alert| {
        // An update is written when its window closes, so its lag says nothing about the sensor's
        // speed.
        if alert.phase == Phase::First && !alert.is_suppressed() {
            let passed = now().since(alert.seen);
            locked(&lag).observe(passed);
        }
    }))
}
