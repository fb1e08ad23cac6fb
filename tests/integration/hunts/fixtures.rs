//! The other tables of a workspace: rows that must be found, and rows that must not.

use super::tables::Table;

/// The tables of other products, with rows that must be found and rows that must not.
pub fn other_tables() -> Vec<Table> {
    let devices = Table::new(
        "DeviceNetworkEvents",
        "TimeGenerated:datetime, DeviceName:string, ActionType:string, LocalIP:string, LocalPort:int, RemoteIP:string, RemotePort:int, \
         RemoteUrl:string, Protocol:string, InitiatingProcessFileName:string, InitiatingProcessFolderPath:string, \
         InitiatingProcessParentFileName:string, InitiatingProcessAccountName:string",
    )
    // An infection: to the listed port and, as IPv4 within IPv6, to another.
    .with(r"TimeGenerated=2026-06-09T09:05:00|DeviceName=pc-40|ActionType=ConnectionSuccess|LocalIP=10.20.30.40|RemoteIP=5.252.177.201|RemotePort=443|InitiatingProcessFileName=client32.exe|InitiatingProcessFolderPath=C:\Users\a\AppData\Roaming\x\client32.exe|InitiatingProcessParentFileName=powershell.exe|InitiatingProcessAccountName=a")
    .with(r"TimeGenerated=2026-06-09T09:06:00|DeviceName=pc-40|ActionType=ConnectionFailed|LocalIP=10.20.30.40|RemoteIP=::ffff:5.252.177.201|RemotePort=8080|InitiatingProcessFileName=client32.exe|InitiatingProcessFolderPath=C:\Users\a\AppData\Roaming\x\client32.exe|InitiatingProcessParentFileName=explorer.exe|InitiatingProcessAccountName=a")
    // Neighboring addresses.
    .with("TimeGenerated=2026-06-09T09:05:00|DeviceName=pc-41|LocalIP=10.20.30.41|RemoteIP=5.252.177.20|RemotePort=443")
    .with("TimeGenerated=2026-06-09T09:05:00|DeviceName=pc-41|LocalIP=10.20.30.41|RemoteIP=15.252.177.201|RemotePort=443")
    .with("TimeGenerated=2026-06-09T09:05:00|DeviceName=pc-41|LocalIP=5.252.177.201|RemoteIP=10.20.30.41|RemotePort=443")
    .with("TimeGenerated=2026-06-09T09:05:00|DeviceName=pc-41|LocalIP=10.20.30.41|RemotePort=443");
    let devices = lawful_use().into_iter().fold(devices, |table, (row, _)| table.with(&row));

    let names = [
        ("10.20.30.40", "gw.FeerSona.NET.", "A", "203.0.113.66"),
        ("10.20.30.40", "feersona.net", "AAAA", ""),
        ("10.20.30.51", "a.b.bryonsad.net.", "A", ""),
        // Look-alikes.
        ("10.20.30.52", "xfeersona.net", "A", "192.0.2.1"),
        ("10.20.30.52", "not-bryonsad.net", "A", "192.0.2.1"),
        ("10.20.30.52", "feersona.net.example.org", "A", "192.0.2.1"),
        ("10.20.30.52", "feersona.network", "A", "192.0.2.1"),
        ("10.20.30.52", "feersona.net.x", "A", "192.0.2.1"),
        ("10.20.30.52", "feersona_net.feersona.org", "A", ""),
        ("10.20.30.52", "net", "A", ""),
        ("10.20.30.52", "", "A", ""),
    ];
    let dns = Table::new(
        "DnsEvents",
        "TimeGenerated:datetime, Computer:string, ClientIP:string, Name:string, QueryType:string, IPAddresses:string, SubType:string",
    );
    let asim_dns = Table::new(
        "AsimDns",
        "TimeGenerated:datetime, EventProduct:string, SrcIpAddr:string, DnsQuery:string, DnsQueryTypeName:string, DnsResponseName:string",
    );
    let add = |(dns, asim): (Table, Table), (client, name, kind, answer): &(&str, &str, &str, &str)| {
        (
            dns.with(&format!("TimeGenerated=2026-06-09T09:05:00|Computer=dc-1|ClientIP={client}|Name={name}|QueryType={kind}|IPAddresses={answer}")),
            asim.with(&format!("TimeGenerated=2026-06-09T09:05:00|EventProduct=DNS Server|SrcIpAddr={client}|DnsQuery={name}|DnsQueryTypeName={kind}|DnsResponseName={answer}")),
        )
    };
    let (dns, asim_dns) = names.iter().fold((dns, asim_dns), add);

    let sessions = Table::new(
        "AsimNetworkSessions",
        "TimeGenerated:datetime, EventProduct:string, DvcAction:string, SrcIpAddr:string, SrcPortNumber:int, DstIpAddr:string, DstPortNumber:int",
    )
    .with("TimeGenerated=2026-06-09T09:05:00|EventProduct=Firewall|DvcAction=Allow|SrcIpAddr=10.20.30.40|SrcPortNumber=50000|DstIpAddr=91.202.233.25|DstPortNumber=4888")
    .with("TimeGenerated=2026-06-09T09:06:00|EventProduct=VPC|DvcAction=Deny|SrcIpAddr=10.20.30.40|SrcPortNumber=50001|DstIpAddr=91.202.233.25|DstPortNumber=4888")
    .with("TimeGenerated=2026-06-09T09:07:00|EventProduct=Firewall|DvcAction=Deny|SrcIpAddr=91.202.233.25|SrcPortNumber=50002|DstIpAddr=10.20.30.40|DstPortNumber=22")
    .with("TimeGenerated=2026-06-09T09:05:00|EventProduct=Firewall|DvcAction=Allow|SrcIpAddr=10.20.30.41|SrcPortNumber=4888|DstIpAddr=91.202.233.26|DstPortNumber=4888")
    .with("TimeGenerated=2026-06-09T09:05:00|EventProduct=Firewall|DvcAction=Allow|SrcIpAddr=2001:DB8::41|DstIpAddr=2001:DB8::9|DstPortNumber=443")
    .with("TimeGenerated=2026-06-09T09:06:00|EventProduct=Firewall|DvcAction=Allow|SrcIpAddr=2001:db8::41|DstIpAddr=2001:db8::a|DstPortNumber=443")
    .with("TimeGenerated=2026-06-09T09:07:00|EventProduct=Firewall|DvcAction=Allow|SrcIpAddr=2001:db8::9|DstIpAddr=2001:db8::41|DstPortNumber=22");

    let watchlist = Table::new("Watchlist", "Indicator:string, Kind:string, Match:string");
    vec![devices, dns, asim_dns, sessions, watchlist]
}

/// Contacts with the one listed address that may be a lawful gateway, by process: a row for each of
/// the five cases, and the values that fill in its filter.
pub fn lawful_use() -> [(String, &'static [(&'static str, &'static str)]); 5] {
    let row = |device: &str, process: &str, folder: &str, parent: &str, account: &str, hour: u8| {
        format!(
            r"TimeGenerated=2026-06-09T0{hour}:30:00|DeviceName={device}|ActionType=ConnectionSuccess|LocalIP=10.20.30.60|RemoteIP=94.23.185.83|RemotePort=9606|InitiatingProcessFileName={process}|InitiatingProcessFolderPath={folder}{process}|InitiatingProcessParentFileName={parent}|InitiatingProcessAccountName={account}"
        )
    };
    let installed = r"C:\Program Files (x86)\NetSupport\NetSupport Manager\";
    let elsewhere = r"C:\Tools\";
    [
        (row("pc-1", "client32.exe", installed, "services.exe", "system", 9), &[("<gateway>", "94.23.185.83")]),
        (row("srv-2", "job.exe", elsewhere, "svchost.exe", "svc-maint", 3), &[("<account>", "svc-maint")]),
        (row("pc-3", "setup.exe", elsewhere, "CcmExec.exe", "system", 9), &[("<deployment server>", "94.23.185.83")]),
        (row("class-4", "PCICTLUI.EXE", elsewhere, "explorer.exe", "tutor", 9), &[("<classroom machine>", "class-4")]),
        (
            row("pc-5", "scan.exe", elsewhere, "inventory.exe", "system", 9),
            &[("<inventory agent>", "inventory.exe"), ("<inventory server>", "94.23.185.83")],
        ),
    ]
}

/// Lines of other devices in `CommonSecurityLog`.
pub fn with_other_devices(table: Table) -> Table {
    table
        .with("TimeGenerated=2026-06-09T10:00:00|DeviceVendor=Firewall|Activity=TRAFFIC|DeviceAction=allow|SourceIP=10.9.9.9|SourcePort=50000|DestinationIP=65.109.104.71|DestinationPort=443")
        .with("TimeGenerated=2026-06-09T10:05:00|DeviceVendor=Proxy|Activity=TRAFFIC|DeviceAction=deny|SourceIP=10.9.9.9|SourcePort=50001|DestinationIP=65.109.104.71|DestinationPort=443")
        .with("TimeGenerated=2026-06-09T10:00:00|DeviceVendor=Firewall|Activity=TRAFFIC|DeviceAction=deny|SourceIP=209.99.186.75|SourcePort=5555|DestinationIP=10.9.9.9|DestinationPort=22")
        // Neighboring addresses, and devices whose name only resembles the sensor's.
        .with("TimeGenerated=2026-06-09T10:00:00|DeviceVendor=Firewall|Activity=TRAFFIC|SourceIP=10.9.9.8|SourcePort=443|DestinationIP=65.109.104.7|DestinationPort=443")
        .with("TimeGenerated=2026-06-09T10:00:00|DeviceVendor=Firewall|Activity=TRAFFIC|SourceIP=165.109.104.71|SourcePort=443|DestinationIP=10.9.9.8|DestinationPort=443")
        .with("TimeGenerated=2026-06-09T10:00:00|DeviceVendor=Firewall|Activity=TRAFFIC|SourceIP=10.9.9.8|DestinationDnsDomain=xfeersona.net")
        // Not listed, but the public hunt for names matches it by term.
        .with("TimeGenerated=2026-06-09T10:00:00|DeviceVendor=Firewall|Activity=TRAFFIC|SourceIP=10.9.9.8|DestinationDnsDomain=feersona.net.example.org")
        .with("TimeGenerated=2026-06-09T10:00:00|DeviceVendor=Rattap2|DeviceEventClassID=c2-endpoint|SourceIP=10.9.9.8|DestinationIP=10.9.9.7|DeviceCustomString1=x|EventCount=1|ExtID=1")
        .with("TimeGenerated=2026-06-09T10:00:00|DeviceVendor=Rattap|DeviceEventClassID=other|SourceIP=10.9.9.8|DestinationIP=10.9.9.7|DeviceCustomString1=x|EventCount=1|ExtID=2")
}
