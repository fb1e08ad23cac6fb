//! Pages of reports, checked by axe-core (npm) in a headless browser, and printed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::browser::{browser, show};
use crate::needs::{Need, skip};
use crate::node;
use crate::python;
use crate::report::reports;

/// The version that these tests were written for.
const AXE: [&str; 2] = ["axe-core", "4.11.0"];

/// Pages of each kind: with findings, clean, unread, partly read, with exclusions, and full of
/// hostile names.
const PAGES: [(&str, &[&str]); 7] = [
    ("story.pcap", &["--case", "INC-42"]),
    ("quiet/many-records.pcap", &[]),
    ("damaged/empty.pcap", &[]),
    ("quiet/many-records.pcap", &["nofile.pcap"]),
    ("damaged/cut-in-a-frame.pcap", &[]),
    ("exclusions/training.pcap", &["--exclusions", "../packaging/exclusions.toml"]),
    ("hostile/markup.pcap", &[]),
];

/// Runs axe-core in the page and shows its violations.
const RUN: &str = "<script>
document.querySelectorAll('details').forEach(part => part.open = true);
document.documentElement.dataset.dark = matchMedia('(prefers-color-scheme: dark)').matches;
axe.run().then(found => {
  const shown = document.createElement('pre');
  shown.id = 'axe';
  const places = rule => rule.nodes.map(node => node.target + ' ' + node.failureSummary).slice(0, 5).join('; ');
  const broken = found.violations.map(rule => rule.id + ': ' + places(rule));
  shown.textContent = ['passed ' + found.passes.length, ...broken, 'END'].join('\\n');
  document.body.append(shown);
});
</script>";

/// The result of axe-core for a page: the number of rules that passed, and its violations.
fn violations(browser: &str, page: &str, axe: &Path, options: &[&str]) -> (usize, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    // The policy of the page forbids all scripts.
    let page: String = page
        .lines()
        .filter(|line| !line.contains("Content-Security-Policy"))
        .fold(String::new(), |page, line| page + line + "\n");
    let scripts = format!("<script src=\"file://{}\"></script>{RUN}</body>", axe.display());
    fs::write(&path, page.replace("</body>", &scripts)).unwrap();
    let shown = show(browser, &path, options);
    let said = shown.document.split_once("<pre id=\"axe\">").map(|(_, said)| said.split("END").next().unwrap().trim());
    let said = said.unwrap_or_else(|| panic!("axe-core said nothing: {:?}", shown.console));
    let dark = options.iter().any(|option| option.contains("preferredColorScheme=0"));
    assert!(shown.document.contains(&format!("data-dark=\"{dark}\"")), "the style is not the one asked for");
    let (passed, violations) = said.split_once('\n').unwrap_or((said, ""));
    (passed.trim_start_matches("passed ").parse().unwrap(), violations.to_owned())
}

#[test]
fn pages_are_accessible() {
    let Some(browser) = browser() else { return };
    let node = match node::with_package("axe", AXE[0], AXE[1]) {
        Ok(node) => node,
        Err(reason) => return skip(Need::Node, format_args!("axe-core did not check the pages: {reason}")),
    };
    let axe = node.folder.join("node_modules/axe-core/axe.min.js");
    let dark = "--blink-settings=preferredColorScheme=0";
    let looks: [&[&str]; 3] =
        [&["--window-size=1280,900"], &["--window-size=400,900"], &["--window-size=1280,900", dark]];
    let mut wrong = String::new();
    for (sample, options) in PAGES {
        let (_, reports) = reports(options, sample, &["html"]);
        for look in looks {
            let (passed, violations) = violations(browser, &reports[0], &axe, look);
            assert!(passed > 15, "{sample}: only {passed} rules passed");
            if !violations.is_empty() {
                wrong += &format!("{sample} {look:?}: {violations}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    // A control: what is wrong is found.
    let (_, reports) = reports(&[], "story.pcap", &["html"]);
    let broken = reports[0].replace("<html lang=\"en\">", "<html>").replace("--soft: #5a6475", "--soft: #c0c4cc");
    let (_, violations) = violations(browser, &broken, &axe, looks[0]);
    assert!(violations.contains("html-has-lang") && violations.contains("color-contrast"), "{violations}");
}

/// The versions that this test was written for.
const PYTHON_PACKAGES: [&str; 2] = ["pypdfium2==5.15.2", "pillow==13.0.0"];

/// Prints the part of each page, but the last, down to its lowest ink, in percent. A page has 8 %
/// of margin.
const FILLED: &str = "
import sys, pypdfium2
from PIL import ImageOps
for page in list(pypdfium2.PdfDocument(sys.argv[1]))[:-1]:
    image = page.render(scale=0.5).to_pil().convert('L')
    box = ImageOps.invert(image).getbbox()
    print(100 * (box[3] if box else 0) // image.height)
";

#[test]
fn printed_pages_are_not_half_empty() {
    let Some(browser) = browser() else { return };
    let python = match python::with_packages("report-print", "pypdfium2, PIL", &PYTHON_PACKAGES) {
        Ok(python) => python,
        Err(reason) => return skip(Need::Python, format_args!("nothing read the printed pages: {reason}")),
    };
    let folder = tempfile::tempdir().unwrap();
    let (page, pdf) = (folder.path().join("page.html"), folder.path().join("page.pdf"));
    let mut pages = Vec::new();
    for (sample, options) in [PAGES[0], ("hostile/markup.pcap", &[]), ("exclusions/training.pcap", &[])] {
        let (_, reports) = reports(options, sample, &["html"]);
        fs::write(&page, &reports[0]).unwrap();
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.arg(format!("--print-to-pdf={}", pdf.display())).arg(format!("file://{}", page.display()));
        python::run(&mut command).unwrap();
        let output = Command::new(&python).args(["-c", FILLED]).arg(&pdf).output().unwrap();
        let filled = String::from_utf8(output.stdout).unwrap();
        let filled: Vec<u32> = filled.split_whitespace().map(|part| part.parse().unwrap()).collect();
        assert!(filled.iter().all(|part| *part > 70), "{sample}: {filled:?}");
        pages.push(filled.len() + 1);
    }
    // The story fits on few sheets.
    assert!((3..=6).contains(&pages[0]), "{pages:?}");
}
