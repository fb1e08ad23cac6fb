//! `RATTAP_REQUIRE` makes a test that lacks something fail.

use std::process::Command;

use crate::needs::{Need, VARIABLE, required};

#[test]
fn the_value_names_what_is_required() {
    let all = Need::ALL.map(|(need, _)| need);
    assert_eq!(required("").unwrap(), []);
    assert_eq!(required("all").unwrap(), all);
    assert_eq!(required("tshark, fish,").unwrap(), [Need::Tshark, Need::Fish]);
    let but_two = required("all,-captures,-root").unwrap();
    assert_eq!(
        but_two,
        all.into_iter().filter(|need| ![Need::Captures, Need::Root].contains(need)).collect::<Vec<_>>()
    );
    assert_eq!(required("all,-root,root").unwrap().len(), all.len());
    assert!(required("tsharq").unwrap_err().starts_with("there is no \"tsharq\"; known are all, captures, chromium"));
}

#[test]
fn a_test_that_lacks_what_is_required_fails() {
    let lacking = "captures::real_captures_are_read_to_the_last_packet";
    let with = |value: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", lacking]).env_remove("RATTAP_CAPTURES").env(VARIABLE, value);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (passed, said) = with("all,-captures");
    assert!(passed && said.contains("1 passed") && said.contains("SKIPPED (captures): "), "{said}");
    let (passed, said) = with("captures");
    assert!(!passed && said.contains("(RATTAP_REQUIRE=captures requires captures)"), "{said}");
    let (passed, said) = with("caps");
    assert!(!passed && said.contains("there is no \"caps\""), "{said}");
}

#[test]
fn the_value_in_this_environment_is_understood() {
    required(&std::env::var(VARIABLE).unwrap_or_default()).unwrap();
}
