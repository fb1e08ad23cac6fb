use super::super::block::Frame;
use super::*;

/// A source whose threads capture nothing but hand on so many Blocks each, of one frame.
fn of_threads(blocks: u32) -> Live {
    let (filled, from_threads) = bounded(2 * BLOCKS);
    let mut live = Live { filled: Some(from_threads), threads: Vec::new(), watched: Vec::new(), stop: Stop::default() };
    for number in 0..2 {
        let (back, free) = bounded::<Block>(BLOCKS);
        for _ in 0..BLOCKS {
            back.send(Block::new(Arc::new(Origin { name: format!("eth{number}") }), Arc::default())).unwrap();
        }
        let filled = filled.clone();
        let thread = thread::spawn(move || {
            for time in 0..blocks {
                let Ok(mut block) = free.recv() else { return };
                assert_eq!(block.origin.name, format!("eth{number}"));
                block.frames.clear();
                block.frames.push(Frame {
                    time: Timestamp::from_nanos(time.into()),
                    offset: 0,
                    captured: 0,
                    original: 0,
                    link: LinkType::ETHERNET,
                });
                if filled.send((number, block)).is_err() {
                    return;
                }
            }
        });
        live.threads.push(Thread { back, thread });
    }
    live
}

#[test]
fn blocks_go_round_until_all_threads_have_ended() {
    let mut live = of_threads(100);
    let mut block = Block::new(Arc::default(), Arc::default());
    let mut latest = [None, None];
    while live.fill(&mut block, &mut |_| ()) == Fill::Filled {
        let interface = usize::from(block.origin.name == "eth1");
        let time = block.frames[0].time;
        assert!(latest[interface] < Some(time), "a thread's Blocks come in their order");
        latest[interface] = Some(time);
    }
    assert_eq!(latest, [Some(Timestamp::from_nanos(99)); 2]);
    assert!(block.frames.is_empty());
    assert_eq!(live.fill(&mut block, &mut |_| ()), Fill::End);
}

#[test]
fn a_source_that_is_dropped_ends_its_threads() {
    let mut live = of_threads(u32::MAX);
    let mut block = Block::new(Arc::default(), Arc::default());
    live.fill(&mut block, &mut |_| ());
    let stop = live.stop.clone();
    drop(live);
    assert!(stop.is_ordered());
}

#[test]
fn errors_and_news_say_what_and_where() {
    let error = LiveError::LinkType { interface: "n0".to_owned(), number: 253, name: Some("NETLINK".to_owned()) };
    let text = error.to_string();
    assert!(
        text.starts_with("n0: cannot capture: its frames are of link type 253 (NETLINK), which is not read"),
        "{text}"
    );
    assert!(text.contains("EN10MB") && text.contains("LINUX_SLL2"), "{text}");
    let news = News { interface: "eth1".to_owned(), change: Change::Failed("no more memory".to_owned()) };
    assert_eq!(news.to_string(), "eth1: cannot capture: no more memory; trying again");
}

#[test]
fn what_is_not_there_cannot_be_opened() {
    let settings = LiveSettings {
        interfaces: vec!["no-such-link".to_owned()],
        is_promiscuous: true,
        snap_length: LONGEST_SNAP,
        kernel_buffer: ByteCount(1 << 20),
        filter: None,
        direction: Direction::Both,
    };
    assert!(
        matches!(Opened::open(&settings), Err(LiveError::NoInterface { interface }) if interface == "no-such-link")
    );
}
