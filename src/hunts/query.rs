//! What each hunt asks.
//!
//! How the queries find their way:
//!
//! - An address is compared whole (`in`); a range by its function. `in` tells capitals from small letters, so where IPv6
//!   addresses are listed it is `in~`. Other spellings of an IPv6 address than the canonical one are not found.
//! - A name is cut at its dots, and its last two, three, … labels, as many as the listed domains have, are compared whole. So
//!   a listed domain and all below it are found, in any case and with the root dot, but neither `xfeersona.net` nor
//!   `feersona.net.example.org`, both of which a search by term or by ending gives.
//! - `set` columns are sorted, and bounded by [`MOST_IN_A_SET`].

use std::fmt::Write;

use super::listed::{Listed, Source};

/// How many values a row shows of a column that has several.
const MOST_IN_A_SET: u8 = 50;

/// The processes of lawful use, each a filter to be filled in: what a packet sensor cannot see.
///
/// As long as `<…>` stands in a line it leaves nothing out.
const LAWFUL_PROCESSES: &str = r#"// Lawful use: fill in what is yours, take the slashes of that line away. None of them should be wider than your case.
// 1. Remote support by IT: the installed client, to your own gateway.
// | where not(Process =~ "client32.exe" and Folder startswith @"C:\Program Files (x86)\NetSupport\" and Server in ("<gateway>"))
// 2. A scheduled maintenance job: its account, in its hours (UTC).
// | where not(Parent in~ ("svchost.exe", "taskeng.exe") and Account =~ "<account>" and hourofday(TimeGenerated) between (1 .. 4))
// 3. Software deployment: started by the deployment agent, to its server.
// | where not(Parent in~ ("ccmexec.exe", "msiexec.exe") and Server in ("<deployment server>"))
// 4. Remote training: the tutor's console or the pupils' clients, on the machines of the classroom.
// | where not(Process in~ ("pcictlui.exe", "client32.exe") and DeviceName in~ ("<classroom machine>"))
// 5. Inventory: its agent, to its server.
// | where not(Parent =~ "<inventory agent>" and Server in ("<inventory server>"))
"#;

/// Where a table has the two ends of a contact.
struct Ends {
    source: &'static str,
    source_port: &'static str,
    destination: &'static str,
    destination_port: &'static str,
}

/// A `make_set` in a fixed order.
fn set(column: &str) -> String {
    format!("array_sort_asc(make_set({column}, {MOST_IN_A_SET}))")
}

/// From `Server` and `ServerPort` to `Indicator` and `Match`.
const NAME_INDICATOR: &str = r#"| extend Server = tolower(Server)
| extend Endpoint = iff(Server contains ":", strcat("[", Server, "]:", ServerPort), strcat(Server, ":", ServerPort))
| extend Match = case(Endpoint in (Endpoints), "address and port", Server in (Addresses), "address", "range")
| extend Indicator = iff(Match == "address and port", Endpoint, Server)
"#;

/// The contacts of a table with listed addresses, whichever end they are on.
fn contacts(listed: &Listed, source: Source, table: &str, ends: &Ends, columns: &str) -> String {
    let Ends { source: src, source_port, destination: dst, destination_port } = ends;
    format!(
        "{lists}{table}\n\
         | where {destination_is_listed} or {source_is_listed}\n\
         | extend ToListed = {destination_is_listed}\n\
         | extend Client = iff(ToListed, {src}, {dst}), Server = iff(ToListed, {dst}, {src})\n\
         | extend ServerPort = iff(ToListed, {destination_port}, {source_port})\n\
         | extend Direction = iff(ToListed, \"to the indicator\", \"from the indicator\")\n\
         {NAME_INDICATOR}\
         | summarize FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated), Events = count(),\n    \
             Ports = {ports}, {columns}\n    \
             by Client, Server, Indicator, Match, Direction\n\
         | sort by FirstSeen asc, Client asc, Indicator asc, Direction asc\n",
        lists = listed.define_addresses(source),
        destination_is_listed = listed.is_listed(dst),
        source_is_listed = listed.is_listed(src),
        ports = set("ServerPort"),
    )
}

/// `CommonSecurityLog` by address, whoever wrote the line.
pub(super) fn cef_addresses(listed: &Listed, source: Source) -> String {
    let ends = Ends {
        source: "SourceIP",
        source_port: "SourcePort",
        destination: "DestinationIP",
        destination_port: "DestinationPort",
    };
    let columns = format!("Actions = {}, Devices = {}", set("DeviceAction"), set("DeviceVendor"));
    contacts(listed, source, "CommonSecurityLog", &ends, &columns)
}

/// ASIM's network sessions by address. The parser's own address filter knows IPv4 alone, so it is not used.
pub(super) fn asim_network(listed: &Listed, source: Source) -> String {
    let ends = Ends {
        source: "SrcIpAddr",
        source_port: "SrcPortNumber",
        destination: "DstIpAddr",
        destination_port: "DstPortNumber",
    };
    let columns = format!("Actions = {}, Devices = {}", set("DvcAction"), set("EventProduct"));
    contacts(listed, source, "_Im_NetworkSession()", &ends, &columns)
}

/// `DeviceNetworkEvents` by the other end's address, which may be written as IPv4 within IPv6.
pub(super) fn device_network(listed: &Listed, source: Source) -> String {
    format!(
        "{lists}DeviceNetworkEvents\n\
         | extend Server = replace_string(RemoteIP, \"::ffff:\", \"\"), ServerPort = RemotePort\n\
         | where {is_listed}\n\
         | extend Process = InitiatingProcessFileName, Folder = InitiatingProcessFolderPath, Parent = InitiatingProcessParentFileName, Account = InitiatingProcessAccountName\n\
         {LAWFUL_PROCESSES}\
         {NAME_INDICATOR}\
         | summarize FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated), Events = count(),\n    \
             Actions = {actions}, Accounts = {accounts}, Parents = {parents}\n    \
             by DeviceName, Client = LocalIP, Server, Indicator, Match, Process, Folder\n\
         | sort by FirstSeen asc, DeviceName asc, Client asc, Indicator asc, Process asc, Folder asc\n",
        lists = listed.define_addresses(source),
        is_listed = listed.is_listed("Server"),
        actions = set("ActionType"),
        accounts = set("Account"),
        parents = set("Parent"),
    )
}

/// From the name in a column to `Indicator`: the longest listed domain that it is or lies below.
fn match_labels(listed: &Listed, column: &str) -> String {
    let mut lines = format!("| extend Labels = split(trim_end(@\"\\.\", tolower({column})), \".\")\n");
    let mut cases = String::new();
    for count in listed.label_counts() {
        // A `String` takes everything.
        let _ = writeln!(lines, "| extend Last{count} = strcat_array(array_slice(Labels, -{count}, -1), \".\")");
    }
    for count in listed.label_counts().rev() {
        let _ = write!(cases, "Last{count} in (Domains), Last{count}, ");
    }
    let _ = writeln!(lines, "| extend Indicator = case({cases}\"\")\n| where isnotempty(Indicator)");
    lines
}

/// `DnsEvents` by name. Where the domains stand in the query, a search by term goes before, which an index answers.
pub(super) fn dns_events(listed: &Listed, source: Source) -> String {
    let sieve = match source {
        Source::Inline => "| where Name has_any (Domains)\n",
        Source::Watchlist => "",
    };
    format!(
        "{lists}DnsEvents\n\
         {sieve}{labels}\
         | summarize FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated), Events = count(),\n    \
             Names = {names}, QueryTypes = {types}, Answers = {answers}, Resolvers = {resolvers}\n    \
             by Client = ClientIP, Indicator\n\
         | sort by FirstSeen asc, Client asc, Indicator asc\n",
        lists = listed.define_domains(source),
        labels = match_labels(listed, "Name"),
        names = set("Name"),
        types = set("QueryType"),
        answers = set("IPAddresses"),
        resolvers = set("Computer"),
    )
}

/// ASIM's DNS by name, with the parser's own search by term before, as above.
pub(super) fn asim_dns(listed: &Listed, source: Source) -> String {
    let sieve = match source {
        Source::Inline => "domain_has_any=Domains",
        Source::Watchlist => "",
    };
    format!(
        "{lists}_Im_Dns({sieve})\n\
         {labels}\
         | summarize FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated), Events = count(),\n    \
             Names = {names}, QueryTypes = {types}, Answers = {answers}, Devices = {devices}\n    \
             by Client = SrcIpAddr, Indicator\n\
         | sort by FirstSeen asc, Client asc, Indicator asc\n",
        lists = listed.define_domains(source),
        labels = match_labels(listed, "DnsQuery"),
        names = set("DnsQuery"),
        types = set("DnsQueryTypeName"),
        answers = set("DnsResponseName"),
        devices = set("EventProduct"),
    )
}

/// What the sensor wrote with these signatures, each line once, in packet time.
///
/// `ExtID` is the column that holds `externalId` as text; `ExternalID` is a number and cannot. Should a collector leave it
/// empty, time and message tell lines apart: else all of them would be taken for one.
fn sensor(signatures: &str, indicator: &str, columns: &str) -> String {
    format!(
        "CommonSecurityLog\n\
         | where DeviceVendor == \"Rattap\" and DeviceEventClassID in ({signatures})\n\
         | extend Line = iff(isempty(ExtID), strcat(ReceiptTime, \" \", Message), ExtID)\n\
         | summarize arg_min(TimeGenerated, *) by Line\n\
         | extend Seen = coalesce(datetime(1970-01-01) + tolong(ReceiptTime) / 1000 * 1s, TimeGenerated)\n\
         | extend Ended = coalesce(datetime(1970-01-01) + tolong(extract(@\"(^|;)end=(\\d+)\", 2, AdditionalExtensions)) / 1000 * 1s, Seen)\n\
         | extend Server = iff(DestinationIP contains \":\", strcat(\"[\", DestinationIP, \"]\"), DestinationIP)\n\
         | extend Server = iff(isnull(DestinationPort), DestinationIP, strcat(Server, \":\", DestinationPort))\n\
         | summarize FirstSeen = min(Seen), LastSeen = max(Ended), Sightings = sum(EventCount),\n    \
             SentBytes = sum(SentBytes), ReceivedBytes = sum(ReceivedBytes), Severity = max(toint(LogSeverity)),\n    \
             Servers = {servers}, {columns},\n    \
             Sensors = {sensors}\n    \
             by Client = SourceIP, {indicator}\n\
         | extend AlertSeverity = case(Severity >= 7, \"High\", Severity >= 4, \"Medium\", \"Low\")\n\
         | sort by FirstSeen asc, Client asc, Indicator asc, Severity desc\n",
        servers = set("Server"),
        sensors = set("DeviceName"),
    )
}

/// Contacts with listed addresses, and with those that listed domains resolved to.
pub(super) fn sensor_addresses(_: &Listed, _: Source) -> String {
    let columns = format!("Signatures = {}, Outcomes = {}", set("DeviceEventClassID"), set("EventOutcome"));
    sensor(r#""c2-endpoint", "c2-address", "c2-resolved-address""#, "Indicator = DeviceCustomString1", &columns)
}

/// Names that were asked for.
pub(super) fn sensor_names(_: &Listed, _: Source) -> String {
    let columns = format!(
        "Signatures = {}, Names = {}, Answers = {}",
        set("DeviceEventClassID"),
        set("DestinationDnsDomain"),
        set("DeviceCustomString4")
    );
    sensor(r#""c2-domain-query", "c2-domain-answer", "c2-server-name""#, "Indicator = DeviceCustomString1", &columns)
}

/// Whoever speaks NetSupport. A server that is not listed stands for itself.
pub(super) fn sensor_netsupport(_: &Listed, _: Source) -> String {
    let columns = format!("Agents = {}", set("RequestClientApplication"));
    sensor(
        r#""netsupport-session", "netsupport-gateway", "netsupport-geolocation""#,
        "Indicator = iff(isempty(DeviceCustomString1), Server, DeviceCustomString1), Listed = isnotempty(DeviceCustomString1), Signature = DeviceEventClassID",
        &columns,
    )
}
