//! Files that are replaced as a whole: reports and carved evidence.
//!
//! The new content is written to a temporary file in the same folder, which is renamed when it is
//! complete. So a run that fails leaves the old file as it was, and nobody reads half a file.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// The prefix of temporary names. Names that begin with a dot are skipped in folders of lists and
/// in followed folders.
const PREFIX: &str = ".rattap-";

/// The paths of open file descriptors. Whoever redirected one keeps the file open, so it must not
/// be replaced by another file.
const DESCRIPTORS: [&str; 4] = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];

/// The most symbolic links that are followed from one path: the limit of Linux.
const MAX_LINKS: usize = 40;

/// A file that will be replaced. Until [`AtomicFile::start`] it is only known that this is
/// possible.
#[derive(Debug)]
pub enum AtomicFile {
    /// A device, a pipe or a file descriptor, which cannot be replaced: it is written directly.
    Special(File),
    /// The path of a regular file, without symbolic links. The file may be absent.
    Regular(PathBuf),
}

impl AtomicFile {
    /// Checks that the file can be replaced, without changing it.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) => {
                // A file that this user may not write must not be replaced either.
                let file = OpenOptions::new().write(true).open(path)?;
                if !metadata.is_file() || DESCRIPTORS.iter().any(|descriptors| path.starts_with(descriptors)) {
                    return Ok(Self::Special(file));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(error) => return Err(error),
        }
        let path = file_written_by(path);
        temporary_file(&path)?;
        Ok(Self::Regular(path))
    }

    /// Starts to write the new content.
    pub fn start(self) -> io::Result<AtomicWriter> {
        Ok(match self {
            Self::Special(file) => {
                if file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                AtomicWriter::Special(file)
            }
            Self::Regular(path) => AtomicWriter::Regular { new: temporary_file(&path)?, path },
        })
    }
}

/// Writes the new content of an [`AtomicFile`]. If it is dropped without [`AtomicWriter::commit`],
/// the old file stays as it is.
#[derive(Debug)]
pub enum AtomicWriter {
    /// A device, a pipe or a file descriptor.
    Special(File),
    /// A regular file.
    Regular {
        /// The temporary file.
        new: NamedTempFile,
        /// The path that it will have.
        path: PathBuf,
    },
}

impl AtomicWriter {
    /// Replaces the old file, if there is one. The new file gets its permissions, and its owner if
    /// this user may set that.
    pub fn commit(self) -> io::Result<()> {
        let Self::Regular { new, path } = self else { return Ok(()) };
        if let Ok(old) = fs::metadata(&path) {
            copy_access(&old, new.as_file())?;
        }
        // A network file system may report only now that it is full.
        new.as_file().sync_all()?;
        new.persist(&path).map(drop).map_err(|failed| {
            // Hours of work must not be lost, for example because something is mounted at the path.
            match failed.file.keep() {
                Ok((_, kept)) => {
                    io::Error::other(format!("{}; the new content is in {}", failed.error, kept.display()))
                }
                Err(_) => failed.error,
            }
        })
    }
}

impl Write for AtomicWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Special(file) => file.write(bytes),
            Self::Regular { new, .. } => new.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Special(file) => file.flush(),
            Self::Regular { new, .. } => new.flush(),
        }
    }
}

/// A temporary file in the folder of `path`, with the permissions of any new file.
fn temporary_file(path: &Path) -> io::Result<NamedTempFile> {
    Builder::new().prefix(PREFIX).permissions(Permissions::from_mode(0o666)).tempfile_in(folder_of(path))
}

/// Gives a new file the owner, group and mode of the old one. If the group cannot be set, the group
/// gets no access: it would be another group.
fn copy_access(old: &Metadata, new: &File) -> io::Result<()> {
    let has_group =
        fchown(new, Some(old.uid()), Some(old.gid())).or_else(|_| fchown(new, None, Some(old.gid()))).is_ok();
    let mode = old.mode() & 0o777;
    new.set_permissions(Permissions::from_mode(if has_group { mode } else { mode & !0o070 }))
}

/// The path of the file that is created or changed when `path` is written: absolute, without
/// symbolic links, and without `.` and `..` as far as its folder exists.
pub fn file_written_by(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        // A link to an absent file is followed, too: a write creates that file.
        let Ok(link) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(link);
    }
    if let Ok(path) = fs::canonicalize(&path) {
        return path;
    }
    match (fs::canonicalize(folder_of(&path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => std::path::absolute(&path).unwrap_or(path),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<AtomicWriter> {
        let mut writer = AtomicFile::open(path)?.start()?;
        writer.write_all(text.as_bytes())?;
        Ok(writer)
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let [path, link, dangling] = ["report.html", "link.html", "dangling.html"].map(|name| folder.path().join(name));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        drop(write(&path, "half").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");

        symlink("report.html", &link).unwrap();
        write(&link, "new").unwrap().commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        symlink("created.html", &dangling).unwrap();
        write(&dangling, "new").unwrap().commit().unwrap();
        assert_eq!(names(folder.path()), ["created.html", "dangling.html", "link.html", "report.html"]);
        // As any other program creates files.
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode();
        assert_eq!(mode(&folder.path().join("created.html")), mode(&plain));
    }

    #[test]
    fn what_cannot_be_written_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(AtomicFile::open(folder.path()).is_err());
        assert!(AtomicFile::open(&folder.path().join("absent/report.html")).is_err());
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_device_is_written_directly() {
        write(Path::new("/dev/null"), "all of it").unwrap().commit().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn spellings_of_a_path_lead_to_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(root.join("a")).unwrap();
        for spelling in ["x", "./x", "a/../x", "a/./../x"] {
            assert_eq!(file_written_by(&folder.path().join(spelling)), root.join("x"), "{spelling}");
        }
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(file_written_by(&root.join("loop")), root.join("loop"));
    }
}
