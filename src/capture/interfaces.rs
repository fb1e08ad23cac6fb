//! Lists the interfaces of this host with libpcap.

use std::net::IpAddr;

use thiserror::Error;

/// An interface that can be captured from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The name, as `--interface` takes it.
    pub name: String,
    /// The description, if the system has one.
    pub description: Option<String>,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// True if it is administratively up.
    pub up: bool,
    /// True if it has a carrier.
    pub running: bool,
    /// True for a loopback interface.
    pub loopback: bool,
}

/// Listing the interfaces failed.
#[derive(Debug, Error)]
#[error("cannot list the interfaces of this host: {0}")]
pub struct InterfacesError(#[from] pcap::Error);

/// Lists the interfaces in libpcap's order: those that are up and running come first.
pub fn interfaces() -> Result<Vec<Interface>, InterfacesError> {
    let devices = pcap::Device::list()?;
    Ok(devices.into_iter().map(interface).collect())
}

fn interface(device: pcap::Device) -> Interface {
    Interface {
        up: device.flags.is_up(),
        running: device.flags.is_running(),
        loopback: device.flags.is_loopback(),
        name: device.name,
        description: device.desc.filter(|text| !text.is_empty()),
        addresses: device.addresses.into_iter().map(|address| address.addr).collect(),
    }
}

#[cfg(test)]
mod tests {
    use pcap::{Address, ConnectionStatus, Device, DeviceFlags, IfFlags};

    use super::*;

    #[test]
    fn a_device_keeps_its_name_addresses_and_flags() {
        let mut device = Device::from("eth1");
        device.desc = Some(String::new());
        device.flags =
            DeviceFlags { if_flags: IfFlags::UP | IfFlags::RUNNING, connection_status: ConnectionStatus::Connected };
        let addr: IpAddr = "2001:db8::1".parse().unwrap();
        device.addresses = vec![Address { addr, netmask: None, broadcast_addr: None, dst_addr: None }];
        let expected = Interface {
            name: "eth1".to_owned(),
            description: None,
            addresses: vec![addr],
            up: true,
            running: true,
            loopback: false,
        };
        assert_eq!(interface(device), expected);
    }
}
