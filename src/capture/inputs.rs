//! Expands the paths on the command line: a folder is replaced by the files in it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

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
}

impl Inputs {
    /// Expands paths. `-` is standard input. A folder stands for all regular files in it and in its
    /// subfolders, each folder sorted by name. Symbolic links in a folder are not followed, so that
    /// no file is read twice and there are no loops. Pipes, sockets and devices in it are skipped.
    /// Errors of listing are reported.
    pub fn expand(paths: &[PathBuf], report: &mut dyn FnMut(CaptureError)) -> Self {
        let mut inputs = Self { list: Vec::new(), total: Some(ByteCount(0)) };
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
        let before = self.list.len();
        let mut failed = false;
        // The paths still to visit, the next one last. No link is followed, so the file system
        // limits the depth.
        let mut to_visit = vec![folder.to_owned()];
        while let Some(path) = to_visit.pop() {
            let entries = match path.symlink_metadata() {
                Ok(metadata) if metadata.is_file() => {
                    self.add_file(path, Some(metadata.len()));
                    continue;
                }
                // The given folder itself may be a link.
                Ok(metadata) if metadata.is_dir() || path == folder => names(&path),
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            match entries {
                Ok(names) => to_visit.extend(names.into_iter().rev().map(|name| path.join(name))),
                Err(error) => {
                    failed = true;
                    report(CaptureError::Open { path, error });
                }
            }
        }
        if self.list.len() == before && !failed {
            report(CaptureError::NoFile { path: folder.to_owned() });
        }
    }
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
        let _socket = UnixListener::bind(root.join("socket")).unwrap();

        let (inputs, errors) = expand(&[root]);
        assert_eq!(shown(&inputs, root), [".hidden", "a", "b/deep/x", "b/z", "c"]);
        assert_eq!(inputs.total, Some(ByteCount(8)));
        assert!(errors.is_empty(), "{errors:?}");
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
