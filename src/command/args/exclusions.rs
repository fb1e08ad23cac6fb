//! `rattap exclusions`.

use std::path::PathBuf;

use clap::Subcommand;

const RULES_HELP: &str = "\
A file holds rules in TOML:

  [[rule]]
  name = \"helpdesk\"
  # or maintenance, software-deployment, training, inventory, other
  scenario = \"remote-support\"
  owner = \"helpdesk@example.com\"
  reason = \"the help desk reaches its users through the gateway\"
  expires = 2027-06-30            # the last day
  effect = \"downgrade\"            # suppress, annotate
  # true: listed indicators too, for rules that expire within 7 days
  listed_indicators = false

  # Each key takes a value or a list of values.
  # source is required, and destination or server_name.
  [rule.match]
  source = \"10.20.31.0/24\"
  destination = \"203.0.113.80\"
  port = 443
  protocol = \"TCP\"
  vlan = 130
  server_name = \"gateway.example.com\"
  signature = [\"netsupport-gateway\", \"netsupport-geolocation\"]

  [rule.match.schedule]
  days = \"weekdays\"
  from = \"08:00\"
  to = \"18:00\"
  timezone = \"Europe/Amsterdam\"

Exit code: 0 all rules are valid; 1 a rule is invalid or a file cannot be read.
";

#[derive(Debug, Subcommand)]
pub enum ExclusionsCommand {
    /// Check files of rules: print each rule as it is understood, and report errors and rules that
    /// expire soon
    #[command(after_help = RULES_HELP)]
    Check {
        /// Files of rules, as for --exclusions; they are read in this order and checked together
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}
