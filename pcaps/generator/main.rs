//! Writes the sample captures of `pcaps/` and their README: `cargo run --example make-pcaps`, or
//! with `--out DIR` elsewhere.
//!
//! The bytes are the same each time. The content of each sample and its expected findings are
//! beside the code that makes it.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

#[path = "mod.rs"]
mod generator;

/// Writes the sample captures and their README.
#[derive(Parser)]
struct Arguments {
    /// The folder to write to.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/pcaps"))]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let out = Arguments::parse().out;
    let groups = generator::samples::groups();
    let mut count = 0;
    for sample in groups.iter().flat_map(|group| &group.samples) {
        let Some(make) = sample.make else { continue };
        let path = out.join(sample.path);
        let bytes = sample.packing.pack(&make()).with_context(|| format!("cannot compress {}", sample.path))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        count += 1;
    }
    let readme = out.join("README.md");
    fs::write(&readme, generator::readme::text(&groups))
        .with_context(|| format!("cannot write {}", readme.display()))?;
    eprintln!("{count} samples in {}", out.display());
    Ok(())
}
