//! The queries of the hunts.
//!
//! The queries work as follows:
//!
//! - An address is compared as a whole with `in`, a network with its function. `in` is
//!   case-sensitive, so `in~` is used if IPv6 addresses are listed. Only the canonical spelling of
//!   an IPv6 address is found.
//! - A name is split at its dots, and its last labels, as many as the listed domains have, are
//!   compared as a whole. So a listed domain and its subdomains are found, in any case and with the
//!   root dot. `xfeersona.net` and `feersona.net.example.org` are not found, unlike in a search by
//!   term or by suffix.
//! - Columns with sets are sorted and bounded by [`MAX_SET_SIZE`].

use std::fmt::Write;

use super::indicator_lists::{IndicatorLists, IndicatorSource};

/// The maximum number of values in a column with a set.
const MAX_SET_SIZE: u8 = 50;

/// Filters for the processes of lawful use, which a packet sensor cannot see. The user completes
/// them.
///
/// A line with `<…>` in it excludes nothing.
const LAWFUL_PROCESSES: &str = r#"// Lawful use: complete the lines that apply to you and remove their slashes. Keep each filter as narrow as possible.
// 1. Remote support by IT: the installed client with your own gateway.
// | where not(Process =~ "client32.exe" and Folder startswith @"C:\Program Files (x86)\NetSupport\" and Server in ("<gateway>"))
// 2. A scheduled maintenance job: its account at its hours (UTC).
// | where not(Parent in~ ("svchost.exe", "taskeng.exe") and Account =~ "<account>" and hourofday(TimeGenerated) between (1 .. 4))
// 3. Software deployment: started by the deployment agent, with its server.
// | where not(Parent in~ ("ccmexec.exe", "msiexec.exe") and Server in ("<deployment server>"))
// 4. Remote training: the tutor's console or the students' clients on the machines of the
//    classroom.
// | where not(Process in~ ("pcictlui.exe", "client32.exe") and DeviceName in~ ("<classroom machine>"))
// 5. Inventory: its agent with its server.
// | where not(Parent =~ "<inventory agent>" and Server in ("<inventory server>"))
"#;

/// The columns of a table with the two ends of a contact.
struct EndColumns {
    source: &'static str,
    source_port: &'static str,
    destination: &'static str,
    destination_port: &'static str,
}

/// A `make_set` in a reproducible order.
fn set(column: &str) -> String {
    format!("array_sort_asc(make_set({column}, {MAX_SET_SIZE}))")
}

/// Derives `Indicator` and `Match` from `Server` and `ServerPort`.
const MATCH_INDICATOR: &str = r#"| extend Server = tolower(Server)
| extend Endpoint = iff(Server contains ":", strcat("[", Server, "]:", ServerPort), strcat(Server, ":", ServerPort))
| extend Match = case(Endpoint in (Endpoints), "address and port", Server in (Addresses), "address", "range")
| extend Indicator = iff(Match == "address and port", Endpoint, Server)
"#;

/// The contacts of a table with listed addresses on either end.
fn contacts(lists: &IndicatorLists, source: IndicatorSource, table: &str, ends: &EndColumns, columns: &str) -> String {
    let EndColumns { source: src, source_port, destination: dst, destination_port } = ends;
    format!(
        "{lists}{table}\n\
         | where {destination_is_listed} or {source_is_listed}\n\
         | extend ToListed = {destination_is_listed}\n\
         | extend Client = iff(ToListed, {src}, {dst}), Server = iff(ToListed, {dst}, {src})\n\
         | extend ServerPort = iff(ToListed, {destination_port}, {source_port})\n\
         | extend Direction = iff(ToListed, \"to the indicator\", \"from the indicator\")\n\
         {MATCH_INDICATOR}\
         | summarize FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated), Events = count(),\n    \
             Ports = {ports}, {columns}\n    \
             by Client, Server, Indicator, Match, Direction\n\
         | sort by FirstSeen asc, Client asc, Indicator asc, Direction asc\n",
        lists = lists.define_addresses(source),
        destination_is_listed = lists.is_listed(dst),
        source_is_listed = lists.is_listed(src),
        ports = set("ServerPort"),
    )
}

/// `CommonSecurityLog` by address, from all devices.
pub(super) fn cef_addresses(lists: &IndicatorLists, source: IndicatorSource) -> String {
    let ends = EndColumns {
        source: "SourceIP",
        source_port: "SourcePort",
        destination: "DestinationIP",
        destination_port: "DestinationPort",
    };
    let columns = format!("Actions = {}, Devices = {}", set("DeviceAction"), set("DeviceVendor"));
    contacts(lists, source, "CommonSecurityLog", &ends, &columns)
}

/// ASIM network sessions by address. The parser's own address filter supports only IPv4, so it is
/// not used.
pub(super) fn asim_network(lists: &IndicatorLists, source: IndicatorSource) -> String {
    let ends = EndColumns {
        source: "SrcIpAddr",
        source_port: "SrcPortNumber",
        destination: "DstIpAddr",
        destination_port: "DstPortNumber",
    };
    let columns = format!("Actions = {}, Devices = {}", set("DvcAction"), set("EventProduct"));
    contacts(lists, source, "_Im_NetworkSession()", &ends, &columns)
}

/// `DeviceNetworkEvents` by the address of the other end, which may be an IPv4-mapped IPv6 address.
pub(super) fn device_network(lists: &IndicatorLists, source: IndicatorSource) -> String {
    format!(
        "{lists}DeviceNetworkEvents\n\
         | extend Server = replace_string(RemoteIP, \"::ffff:\", \"\"), ServerPort = RemotePort\n\
         | where {is_listed}\n\
         | extend Process = InitiatingProcessFileName, Folder = InitiatingProcessFolderPath, Parent = InitiatingProcessParentFileName, Account = InitiatingProcessAccountName\n\
         {LAWFUL_PROCESSES}\
         {MATCH_INDICATOR}\
         | summarize FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated), Events = count(),\n    \
             Actions = {actions}, Accounts = {accounts}, Parents = {parents}\n    \
             by DeviceName, Client = LocalIP, Server, Indicator, Match, Process, Folder\n\
         | sort by FirstSeen asc, DeviceName asc, Client asc, Indicator asc, Process asc, Folder asc\n",
        lists = lists.define_addresses(source),
        is_listed = lists.is_listed("Server"),
        actions = set("ActionType"),
        accounts = set("Account"),
        parents = set("Parent"),
    )
}

/// Derives `Indicator` from the name in a column: the longest listed domain that equals the name or
/// is a parent of it.
fn match_labels(lists: &IndicatorLists, column: &str) -> String {
    let mut lines = format!("| extend Labels = split(trim_end(@\"\\.\", tolower({column})), \".\")\n");
    let mut cases = String::new();
    for count in lists.label_counts() {
        // Writing to a `String` cannot fail.
        let _ = writeln!(lines, "| extend Last{count} = strcat_array(array_slice(Labels, -{count}, -1), \".\")");
    }
    for count in lists.label_counts().rev() {
        let _ = write!(cases, "Last{count} in (Domains), Last{count}, ");
    }
    let _ = writeln!(lines, "| extend Indicator = case({cases}\"\")\n| where isnotempty(Indicator)");
    lines
}

/// `DnsEvents` by name. If the domains are included in the query, a search by term precedes, which
/// uses the index.
pub(super) fn dns_events(lists: &IndicatorLists, source: IndicatorSource) -> String {
    let prefilter = match source {
        IndicatorSource::Inline => "| where Name has_any (Domains)\n",
        IndicatorSource::Watchlist => "",
    };
    format!(
        "{lists}DnsEvents\n\
         {prefilter}{labels}\
         | summarize FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated), Events = count(),\n    \
             Names = {names}, QueryTypes = {types}, Answers = {answers}, Resolvers = {resolvers}\n    \
             by Client = ClientIP, Indicator\n\
         | sort by FirstSeen asc, Client asc, Indicator asc\n",
        lists = lists.define_domains(source),
        labels = match_labels(lists, "Name"),
        names = set("Name"),
        types = set("QueryType"),
        answers = set("IPAddresses"),
        resolvers = set("Computer"),
    )
}

/// ASIM DNS events by name, preceded by the parser's own search by term.
pub(super) fn asim_dns(lists: &IndicatorLists, source: IndicatorSource) -> String {
    let prefilter = match source {
        IndicatorSource::Inline => "domain_has_any=Domains",
        IndicatorSource::Watchlist => "",
    };
    format!(
        "{lists}_Im_Dns({prefilter})\n\
         {labels}\
         | summarize FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated), Events = count(),\n    \
             Names = {names}, QueryTypes = {types}, Answers = {answers}, Devices = {devices}\n    \
             by Client = SrcIpAddr, Indicator\n\
         | sort by FirstSeen asc, Client asc, Indicator asc\n",
        lists = lists.define_domains(source),
        labels = match_labels(lists, "DnsQuery"),
        names = set("DnsQuery"),
        types = set("DnsQueryTypeName"),
        answers = set("DnsResponseName"),
        devices = set("EventProduct"),
    )
}

/// The sensor's own alerts with these signatures, each alert once, in packet time.
///
/// The column `ExtID` has `externalId` as text; `ExternalID` is a number and cannot have it. If a
/// collector leaves it empty, time and message distinguish the alerts. Otherwise all of them would
/// count as one.
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

/// Contacts with listed addresses, and with addresses that listed domains resolved to.
pub(super) fn sensor_addresses(_: &IndicatorLists, _: IndicatorSource) -> String {
    let columns = format!("Signatures = {}, Outcomes = {}", set("DeviceEventClassID"), set("EventOutcome"));
    sensor(r#""c2-endpoint", "c2-address", "c2-resolved-address""#, "Indicator = DeviceCustomString1", &columns)
}

/// Queries and requests for listed names.
pub(super) fn sensor_names(_: &IndicatorLists, _: IndicatorSource) -> String {
    let columns = format!(
        "Signatures = {}, Names = {}, Answers = {}",
        set("DeviceEventClassID"),
        set("DestinationDnsDomain"),
        set("DeviceCustomString4")
    );
    sensor(r#""c2-domain-query", "c2-domain-answer", "c2-server-name""#, "Indicator = DeviceCustomString1", &columns)
}

/// NetSupport sessions. If a server is not listed, the server itself takes the place of the
/// indicator.
pub(super) fn sensor_netsupport(_: &IndicatorLists, _: IndicatorSource) -> String {
    let columns = format!("Agents = {}", set("RequestClientApplication"));
    sensor(
        r#""netsupport-session", "netsupport-gateway", "netsupport-geolocation""#,
        "Indicator = iff(isempty(DeviceCustomString1), Server, DeviceCustomString1), Listed = isnotempty(DeviceCustomString1), Signature = DeviceEventClassID",
        &columns,
    )
}
