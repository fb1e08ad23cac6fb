//! SHA-256 hashes of the inputs. Separate threads compute them from the start of the replay on, so
//! that a file that both read is read from the disk only once.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use ring::digest::{Context, SHA256};

use super::model;
use super::text::printable;
use crate::capture::Input;

/// The number of files hashed at a time: more would slow down the replay.
const THREADS: usize = 2;

/// The number of bytes read at a time.
const BUFFER: usize = 1 << 20;

/// The computation of the hashes.
pub struct Hashing {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    paths: Vec<Option<PathBuf>>,
    hashes: Mutex<Vec<Option<String>>>,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl Hashing {
    /// Starts to hash the inputs, in their order.
    pub fn start(inputs: &[Input]) -> Self {
        let path = |input: &Input| match input {
            // Reading a pipe would take its data from the replay.
            Input::File(path) => is_regular(path).then(|| path.clone()),
            Input::Stdin => None,
        };
        let shared = Arc::new(Shared {
            paths: inputs.iter().map(path).collect(),
            hashes: Mutex::new(vec![None; inputs.len()]),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let threads = (0..THREADS.min(inputs.len())).map(|_| {
            let shared = shared.clone();
            thread::spawn(move || shared.work())
        });
        Self { threads: threads.collect(), shared }
    }

    /// Waits for all hashes. `None` for an input that is not a regular file or could not be read to
    /// its end.
    pub fn finish(mut self) -> Vec<Option<String>> {
        for thread in self.threads.drain(..) {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        std::mem::take(&mut *self.shared.hashes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The file of the packets of all findings.
#[derive(Debug)]
pub struct EvidenceFile {
    path: PathBuf,
    sha256: Option<String>,
}

impl EvidenceFile {
    /// Hashes the file if `is_hashed` is true.
    pub fn new(path: &Path, is_hashed: bool) -> Self {
        let inputs = [Input::File(path.to_owned())];
        let sha256 = is_hashed.then(|| Hashing::start(&inputs).finish()).and_then(|mut hashes| hashes.pop()).flatten();
        Self { path: path.to_owned(), sha256 }
    }

    /// The file in the data model.
    pub(super) fn into_model(self) -> Option<model::File> {
        files(&[Input::File(self.path)], vec![self.sha256]).pop()
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn work(&self) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.paths.get(index) else { return };
            let hash = path.as_deref().and_then(|path| self.hash(path, &mut buffer));
            let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(slot) = hashes.get_mut(index) {
                *slot = hash;
            }
        }
    }

    fn hash(&self, path: &Path, buffer: &mut [u8]) -> Option<String> {
        let mut file = File::open(path).ok()?;
        let mut context = Context::new(&SHA256);
        while !self.stop.load(Ordering::Relaxed) {
            match file.read(buffer) {
                Ok(0) => return Some(hexadecimal(context.finish().as_ref())),
                Ok(length) => context.update(buffer.get(..length)?),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        None
    }
}

fn is_regular(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Converts the inputs into the data model.
pub(super) fn files(inputs: &[Input], hashes: Vec<Option<String>>) -> Vec<model::File> {
    let mut hashes = hashes.into_iter();
    let file = |input: &Input| {
        let sha256 = hashes.next().flatten();
        match input {
            Input::Stdin => model::File { path: "-".to_owned(), size: None, sha256 },
            Input::File(path) => {
                let size = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
                model::File { path: printable(&path.to_string_lossy()), size, sha256 }
            }
        }
    };
    inputs.iter().map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_hash_and_unreadable_inputs_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("abc"), "abc").unwrap();
        fs::write(path("empty"), "").unwrap();
        // Longer than the buffer, and not a multiple of it.
        fs::write(path("long"), vec![b'a'; 3 * BUFFER + 5]).unwrap();
        let inputs = ["abc", "gone", "empty", "long"].map(|name| Input::File(path(name)));
        let inputs: Vec<_> = inputs.into_iter().chain([Input::Stdin]).collect();
        let hashes = Hashing::start(&inputs).finish();
        // The example of FIPS 180-4, and the hash of an empty file.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!([&hashes[0], &hashes[2]].map(|hash| hash.as_deref().unwrap()), [abc, empty]);
        assert_eq!((&hashes[1], &hashes[4]), (&None, &None));
        let whole = ring::digest::digest(&SHA256, &vec![b'a'; 3 * BUFFER + 5]);
        assert_eq!(hashes[3].as_deref().unwrap(), hexadecimal(whole.as_ref()));
    }
}
