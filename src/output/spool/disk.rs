//! The disk operations of a spool. A test with simulated faults makes them fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Writes all bytes at an offset.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(test)]
    if let Some((written, error)) = simulated::fault(bytes.len()) {
        file.write_all_at(&bytes[..written], offset)?;
        return Err(error);
    }
    file.write_all_at(bytes, offset)
}

/// Flushes a file's bytes to the disk.
pub fn sync(file: &File) -> io::Result<()> {
    check()?;
    file.sync_data()
}

/// Called before an operation that writes no bytes.
pub fn check() -> io::Result<()> {
    #[cfg(test)]
    if let Some((_, error)) = simulated::fault(0) {
        return Err(error);
    }
    Ok(())
}

/// Faults of the present thread.
#[cfg(test)]
pub mod simulated {
    use std::cell::RefCell;
    use std::io;

    /// Decides about one operation that writes so many bytes: `None`, or how many of them are
    /// written before which error.
    type Faults = Box<dyn FnMut(usize) -> Option<(usize, io::Error)>>;

    thread_local! {
        static FAULTS: RefCell<Option<Faults>> = const { RefCell::new(None) };
    }

    /// Asks `faults` before each operation of this thread.
    pub fn start(faults: Faults) {
        FAULTS.with_borrow_mut(|current| *current = Some(faults));
    }

    pub fn fault(bytes: usize) -> Option<(usize, io::Error)> {
        FAULTS.with_borrow_mut(|faults| faults.as_mut()?(bytes))
    }
}
