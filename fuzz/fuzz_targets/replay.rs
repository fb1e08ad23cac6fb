//! Any sequence of events in different Blocks: the alerts must be the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::output::{Cef, Sensor};

#[path = "common/line.rs"]
mod line;
#[allow(dead_code, reason = "only the test of the crate uses floods: they take too long")]
#[path = "../../tests/integration/partitions/story.rs"]
mod story;

fuzz_target!(|data: &[u8]| {
    let result = story::Story::of(data).check();
    let cef = Cef::new(Sensor { host: "tap".to_owned(), id: None });
    let mut text = String::new();
    for alert in &result.alerts {
        text.clear();
        cef.write(alert, &mut text);
        line::check(&text);
    }
});
