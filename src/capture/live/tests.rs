use super::*;
use crate::units::ByteCount;

#[test]
fn errors_and_events_say_what_and_where() {
    let error = LiveError::LinkType { interface: "n0".to_owned(), number: 253, name: Some("NETLINK".to_owned()) };
    let text = error.to_string();
    assert!(
        text.starts_with("n0: cannot capture: its frames are of link type 253 (NETLINK), which is not supported"),
        "{text}"
    );
    assert!(text.contains("EN10MB") && text.contains("LINUX_SLL2"), "{text}");
    let event =
        InterfaceEvent { interface: "eth1".to_owned(), change: InterfaceChange::Failed("no more memory".to_owned()) };
    assert_eq!(event.to_string(), "eth1: cannot capture: no more memory; trying again");
}

#[test]
fn what_is_not_there_cannot_be_opened() {
    let settings = LiveSettings {
        interfaces: vec!["no-such-link".to_owned()],
        is_promiscuous: true,
        snap_length: MAX_SNAP_LENGTH,
        kernel_buffer: ByteCount(1 << 20),
        filter: None,
        leaves_out: false,
        direction: Direction::Both,
    };
    assert!(
        matches!(OpenInterfaces::open(&settings), Err(LiveError::NoInterface { interface }) if interface == "no-such-link")
    );
}
