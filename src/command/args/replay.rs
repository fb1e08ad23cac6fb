//! `rattap replay`.

use std::path::PathBuf;

use clap::Args;
use rattap::units::Timestamp;

use super::MORE;
use super::values::timestamp;
use super::{ConfigArgs, RunArgs};

/// Read captures and write an alert for each finding.
///
/// Reads pcap and pcapng files, also compressed with gzip or zstd; the format is detected from the
/// content. All captures are read in the given order as one continuous capture.
#[derive(Debug, Args)]
#[command(after_help = MORE, after_long_help = "\
With --follow: SIGTERM and SIGINT stop the replay when the capture being read has ended (a second SIGINT stops it at once); \
SIGHUP reopens the output files. Alerts are appended to the output files. Syslog targets need --spool.

Exit code: 0 success; 1 an input could not be read or was damaged (the others were still processed), or alerts could not be \
written; 2 wrong usage or settings; 10 with --exit-code, if there were alerts.

A syslog target accepts these parameters after '?', joined by '&': format=rfc3164|rfc5424, facility=local4, severity=warning, \
host=NAME, tag=NAME; for tcp and tls framing=newline|octets; for tls ca=FILE, cert=FILE, key=FILE, name=SERVER; for unix \
kind=datagram|stream.

With --names each name is one line of nine tab-separated columns: time, client, client port, server, server port, protocol, \
source of the name (dns-query, dns-answer, tls-server-name, quic-server-name, http-host, http-target, http-connect, socks), the \
name, and the port given with it. Absent values are -.

Examples:
  rattap replay incident.pcapng
  rattap replay -o 'tls://log.example?ca=/etc/ssl/log-ca.pem' \\\n    --spool /var/spool/rattap incident.pcapng
  rattap replay -o alerts.cef --filter 'not port 22' /captures/2026-06-01/
  rattap replay -o alerts.cef --report week.html --carve week.pcapng week.pcap
  rattap replay -o alerts.cef --names - week.pcap | cut -f 8 | sort | uniq -c
  rattap replay --summary --from 2026-06-01 --to '2026-06-02 18:00' week.pcap.gz
  rattap replay --follow /captures/ -o /var/log/rattap/alerts.cef
  tcpdump -i eth1 -w - | rattap replay -")]
pub struct ReplayArgs {
    /// Capture files; folders, which are read recursively in name order; - for standard input
    #[arg(required_unless_present_any = ["follow", "read"], conflicts_with = "follow", value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Read this capture before the others, as tcpdump -r does (repeatable)
    #[arg(
        short,
        long,
        conflicts_with = "follow",
        value_name = "FILE",
        help_heading = "Packets",
        hide_short_help = true
    )]
    pub read: Vec<PathBuf>,

    /// Follow this folder until stopped: read each capture once, when tcpdump, dumpcap or a similar
    /// program has finished it
    #[arg(long, value_name = "DIR", help_heading = "Packets")]
    pub follow: Option<PathBuf>,

    /// The file that records which captures --follow has read [default: one file per folder in
    /// ~/.local/state/rattap]
    #[arg(long, value_name = "FILE", requires = "follow", help_heading = "Packets", hide_short_help = true)]
    pub state: Option<PathBuf>,

    /// Process only packets from this time on: 2026-06-01, '2026-06-01 12:00' (both UTC),
    /// 2026-06-01T12:00:00+02:00, or seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = timestamp, help_heading = "Packets")]
    pub from: Option<Timestamp>,

    /// Process only packets before this time
    #[arg(long, value_name = "TIME", value_parser = timestamp, help_heading = "Packets")]
    pub to: Option<Timestamp>,

    #[command(flatten)]
    pub config: ConfigArgs,

    #[command(flatten)]
    pub run: RunArgs,

    /// Also write all names that hosts ask for to this file, listed or not; - for standard output
    /// (needs -o). The file is emptied first; with --follow it is appended to
    #[arg(long, value_name = "FILE", help_heading = "Output", hide_short_help = true)]
    pub names: Option<PathBuf>,

    /// Write a report of all findings to this file: a page to read (.html), or data for programs
    /// (.json; see `rattap report-schema`). - writes the page to standard output, and json:- the
    /// data (both need -o). Repeatable
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Vec<PathBuf>,

    /// The title of the case, which the report states
    #[arg(long, value_name = "TITLE", requires = "report")]
    pub case: Option<String>,

    /// Do not compute the captures' SHA-256 for the report
    #[arg(long, requires = "report", help_heading = "Output", hide_short_help = true)]
    pub no_report_hashes: bool,

    /// Write all packets of every alerted conversation and DNS exchange to this pcapng file,
    /// including those before the detection
    #[arg(long, value_name = "FILE.pcapng", help_heading = "Output", hide_short_help = true)]
    pub carve: Option<PathBuf>,

    /// Exit with 10 if there were alerts
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    pub exit_code: bool,
}
