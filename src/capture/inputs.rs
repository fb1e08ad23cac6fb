//! Expands the paths on the command line: a folder is replaced by the files in it.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;

use crate::capture::error::CaptureError;
use crate::units::ByteCount;

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file, or a named pipe.
    File(PathBuf),
}

/// The inputs of a run, in the order of reading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// The list of inputs.
    pub list: Vec<Input>,
    /// The sum of their sizes as stored. `None` if one of them is a pipe, whose length is unknown.
    pub total: Option<ByteCount>,
    /// The files in folders that were passed over, with the reason. None of them is a missing
    /// capture.
    pub passed_over: Vec<PassedOver>,
}

/// An entry of a folder that is not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: passed over: {reason}", path.display())]
pub struct PassedOver {
    /// The entry.
    pub path: PathBuf,
    /// The reason in words.
    pub reason: &'static str,
}

impl Inputs {
    /// Expands paths. `-` is standard input. A folder stands for all regular files in it and in its
    /// subfolders, each folder sorted by name. Symbolic links in a folder are followed, and each
    /// file is read once, under its own name if that is in the folder too. Pipes, sockets and
    /// devices in it are passed over. Errors of listing are reported.
    pub fn expand(paths: &[PathBuf], report: &mut dyn FnMut(CaptureError)) -> Self {
        let mut inputs = Self { list: Vec::new(), total: Some(ByteCount(0)), passed_over: Vec::new() };
        for path in paths {
            if path.as_os_str() == "-" {
                inputs.list.push(Input::Stdin);
                inputs.total = None;
                continue;
            }
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => inputs.add_folder(path, report),
                Ok(metadata) => inputs.add_file(path.clone(), metadata.is_file().then_some(metadata.len())),
                Err(error) => report(CaptureError::Open { path: path.clone(), error }),
            }
        }
        inputs
    }

    fn add_file(&mut self, path: PathBuf, length: Option<u64>) {
        self.list.push(Input::File(path));
        self.total = self.total.zip(length).map(|(total, length)| total + ByteCount(length));
    }

    fn add_folder(&mut self, folder: &Path, report: &mut dyn FnMut(CaptureError)) {
        let mut walk = Walk::default();
        walk.tree(folder.to_owned());
        walk.links();
        if walk.files.is_empty() && walk.errors.is_empty() {
            report(CaptureError::NoFile { path: folder.to_owned() });
        }
        // Paths are ordered by their names, component by component: each folder sorted by name.
        walk.files.sort();
        walk.errors.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (path, length) in walk.files {
            self.add_file(path, Some(length));
        }
        self.passed_over.append(&mut walk.passed_over);
        walk.errors.into_iter().for_each(|(path, error)| report(CaptureError::Open { path, error }));
    }
}

/// Device and inode.
type FileIdentity = (u64, u64);

/// A walk through a folder. The links are followed after all else, so that a file is read under its
/// own name rather than under that of a link.
#[derive(Default)]
struct Walk {
    /// The files found and their sizes.
    files: Vec<(PathBuf, u64)>,
    /// Links that are still to be followed, in the order of discovery.
    links: VecDeque<PathBuf>,
    /// The files and folders found. So each is visited once, and the walk ends.
    seen: HashSet<FileIdentity>,
    passed_over: Vec<PassedOver>,
    errors: Vec<(PathBuf, io::Error)>,
}

impl Walk {
    /// Visits a path and all that is below it, except for links.
    fn tree(&mut self, path: PathBuf) {
        let mut to_visit = vec![path.clone()];
        while let Some(entry) = to_visit.pop() {
            // The path itself may be a link.
            let metadata = if entry == path { entry.metadata() } else { entry.symlink_metadata() };
            let metadata = match metadata {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.errors.push((entry, error));
                    continue;
                }
            };
            if metadata.is_symlink() {
                self.links.push_back(entry);
            } else if metadata.is_file() {
                if self.seen.insert((metadata.dev(), metadata.ino())) {
                    self.files.push((entry, metadata.len()));
                }
            } else if !metadata.is_dir() {
                let reason = "it is a pipe, a socket or a device; name it by itself to read it";
                self.passed_over.push(PassedOver { path: entry, reason });
            } else if self.seen.insert((metadata.dev(), metadata.ino())) {
                match names(&entry) {
                    Ok(names) => to_visit.extend(names.into_iter().rev().map(|name| entry.join(name))),
                    Err(error) => self.errors.push((entry, error)),
                }
            }
        }
    }

    /// Follows the links found so far, and those found meanwhile.
    fn links(&mut self) {
        while let Some(link) = self.links.pop_front() {
            match fs::canonicalize(&link) {
                Ok(target) if leads_back(&link, &target) => {
                    let reason = "this symbolic link leads back to a folder that it is in";
                    self.passed_over.push(PassedOver { path: link, reason });
                }
                Ok(_) => self.tree(link),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let error = io::Error::new(error.kind(), "this symbolic link leads to nothing");
                    self.errors.push((link, error));
                }
                Err(error) => self.errors.push((link, error)),
            }
        }
    }
}

/// Returns true if a link's target is one of the folders that the link is in.
fn leads_back(link: &Path, target: &Path) -> bool {
    let folder = link.parent().map(fs::canonicalize);
    folder.is_some_and(|folder| folder.is_ok_and(|folder| folder.starts_with(target)))
}

/// Returns the names in a folder, sorted.
fn names(folder: &Path) -> std::io::Result<Vec<OsString>> {
    let mut names =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn expand(paths: &[&Path]) -> (Inputs, Vec<String>) {
        let mut errors = Vec::new();
        let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
        let inputs = Inputs::expand(&paths, &mut |error| errors.push(error.to_string()));
        (inputs, errors)
    }

    fn shown(inputs: &Inputs, root: &Path) -> Vec<String> {
        let name = |input: &Input| match input {
            Input::Stdin => "-".to_owned(),
            Input::File(path) => path.strip_prefix(root).unwrap_or(path).display().to_string(),
        };
        inputs.list.iter().map(name).collect()
    }

    #[test]
    fn a_folder_is_read_by_name_all_the_way_down() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("b/deep")).unwrap();
        for (name, content) in [("c", "12"), ("a", "1"), (".hidden", "1"), ("b/z", "1"), ("b/deep/x", "123")] {
            fs::write(root.join(name), content).unwrap();
        }
        symlink(root, root.join("b/circle")).unwrap();
        symlink(root.join("a"), root.join("again")).unwrap();
        symlink(root.join("b/deep"), root.join("0")).unwrap();
        let _socket = UnixListener::bind(root.join("socket")).unwrap();

        let (inputs, errors) = expand(&[root]);
        assert_eq!(shown(&inputs, root), [".hidden", "a", "b/deep/x", "b/z", "c"]);
        assert_eq!(inputs.total, Some(ByteCount(8)));
        assert!(errors.is_empty(), "{errors:?}");
        let passed_over: Vec<_> = inputs.passed_over.iter().map(ToString::to_string).collect();
        assert_eq!(passed_over.len(), 2, "{passed_over:?}");
        assert!(passed_over[0].contains("socket: passed over: it is a pipe, a socket"), "{passed_over:?}");
        assert!(passed_over[1].contains("b/circle: passed over: this symbolic link leads back"), "{passed_over:?}");
    }

    #[test]
    fn links_in_a_folder_are_followed_and_each_file_is_read_once() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (root, other) = (folder.path(), elsewhere.path());
        fs::create_dir(other.join("day")).unwrap();
        fs::write(other.join("day/one"), "1").unwrap();
        fs::write(other.join("two"), "12").unwrap();
        fs::write(root.join("m"), "123").unwrap();
        // Two ways to the same folder, a circle by way of another folder, and two dead ends.
        symlink(other.join("day"), root.join("a")).unwrap();
        symlink(other.join("day"), root.join("b")).unwrap();
        symlink(root, other.join("day/back")).unwrap();
        symlink(other.join("two"), root.join("z")).unwrap();
        symlink(other.join("gone"), root.join("dead")).unwrap();
        symlink(root.join("self"), root.join("self")).unwrap();

        let (inputs, errors) = expand(&[root]);
        assert_eq!(shown(&inputs, root), ["a/one", "m", "z"]);
        assert_eq!(inputs.total, Some(ByteCount(6)));
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].contains("dead: cannot open: this symbolic link leads to nothing"), "{errors:?}");
        assert!(errors[1].contains("self: cannot open"), "{errors:?}");
    }

    #[test]
    fn given_paths_keep_their_order_and_links_among_them_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("real")).unwrap();
        fs::write(root.join("real/b"), "").unwrap();
        symlink(root.join("real"), root.join("link")).unwrap();
        fs::write(root.join("a"), "").unwrap();

        let (inputs, errors) = expand(&[&root.join("link"), Path::new("-"), &root.join("a")]);
        assert_eq!(shown(&inputs, root), ["link/b", "-", "a"]);
        assert_eq!(inputs.total, None);
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn what_is_not_there_is_said_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("empty")).unwrap();
        fs::write(root.join("a"), "").unwrap();

        let (inputs, errors) = expand(&[&root.join("gone"), &root.join("empty"), &root.join("a")]);
        assert_eq!(shown(&inputs, root), ["a"]);
        assert_eq!(errors.len(), 2);
        assert!(errors[0].contains("gone: cannot open"), "{errors:?}");
        assert!(errors[1].contains("empty: no file"), "{errors:?}");
    }
}
