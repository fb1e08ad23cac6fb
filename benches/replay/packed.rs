//! A compressed capture: the replay compared with decompression alone, which is its lower bound.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::{env, iter};

use anyhow::Context;
use flate2::Compression;
use flate2::bufread::GzEncoder;

use crate::large::Kind;
use crate::{Measured, Program, hits_told, measure, megabytes, process, rattap, yardstick};

/// The default level of `gzip`.
const LEVEL: Compression = Compression::new(6);

/// Compresses a capture if that was not done yet, and returns the path.
pub fn make(capture: &Path, fresh: bool) -> anyhow::Result<PathBuf> {
    let path = capture.with_extension("pcap.gz");
    let is_newer = || Some(fs::metadata(&path).ok()?.modified().ok()? >= fs::metadata(capture).ok()?.modified().ok()?);
    if !fresh && is_newer() == Some(true) {
        return Ok(path);
    }
    println!("making {}", path.display());
    let unfinished = path.with_extension("unfinished");
    let plain = File::open(capture).with_context(|| format!("cannot open {}", capture.display()))?;
    let file = File::create(&unfinished).with_context(|| format!("cannot create {}", unfinished.display()))?;
    let mut encoder = GzEncoder::new(BufReader::with_capacity(1 << 20, plain), LEVEL);
    io::copy(&mut encoder, &mut BufWriter::with_capacity(1 << 20, file))
        .with_context(|| format!("cannot write {}", unfinished.display()))?;
    fs::rename(&unfinished, &path).with_context(|| format!("cannot rename to {}", path.display()))?;
    Ok(path)
}

/// Checks that the alerts match the planted hits here as well.
pub fn check(packed: &Path, folder: &Path) -> anyhow::Result<()> {
    let file = folder.join("packed.cef");
    process::time(rattap(packed, &file))?;
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let hits = hits_told(Kind::Mixed, &text)?;
    println!("mixed, gzip: all {hits} planted hits found, in {} lines", text.lines().count());
    Ok(())
}

/// Takes turns between decompression alone, the replay of the compressed capture and that of the
/// plain one. Rates are in decompressed bytes.
pub fn compare(plain: &Path, packed: &Path, folder: &Path, turns: u32) -> anyhow::Result<()> {
    let itself = env::current_exe().context("cannot tell where this program is")?;
    let alerts = folder.join("alerts.cef");
    let length = |path| fs::metadata(path).map(|metadata| metadata.len()).context("the capture has gone");
    let (bytes, stored) = (length(plain)?, length(packed)?);
    let programs: [Program; 3] = [
        ("decompressing alone, one thread", yardstick::program(&itself, "--unpack-only", packed)),
        ("**`rattap replay mixed.pcap.gz`**", Box::new(|| rattap(packed, &alerts))),
        ("`rattap replay mixed.pcap`", Box::new(|| rattap(plain, &alerts))),
    ];
    let titles = iter::once(format!("\nmixed with gzip -6: {} of {}\n", megabytes(stored), megabytes(bytes)));
    let titles = titles.chain([
        "| program | time | rate | against decompressing alone, by turns: median (lowest to highest) | peak memory |"
            .to_owned(),
        "|---|---:|---:|---:|---:|".to_owned(),
    ]);
    let rows = measure(&programs, turns)?.into_iter().map(|Measured { name, time, ratio, peak, .. }| {
        let rate = bytes as f64 / time / 1e6;
        format!("| {name} | {:.0} ms | {rate:.0} MB/s | {ratio} | {} |", time * 1000.0, megabytes(peak))
    });
    titles.chain(rows).for_each(|line| println!("{line}"));
    Ok(())
}
