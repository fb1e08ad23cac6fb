//! The paths of a run, and the check that nothing is overwritten: no file that is read may be
//! written, and no two options may write the same file.
//!
//! Files are compared by device and inode, so other spellings, symbolic links and hard links of a
//! file are found. A file that is yet to be created is known by its folder and its name.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::bail;
use rattap::atomic_file::file_written_by;
use rattap::capture::{Input, Inputs};

/// A path, with the option or the key of the settings that names it.
#[derive(Debug, Clone)]
pub struct NamedPath {
    pub option: String,
    pub path: PathBuf,
}

impl NamedPath {
    pub fn new(option: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { option: option.into(), path: path.into() }
    }
}

impl std::fmt::Display for NamedPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.option, self.path.display())
    }
}

/// The paths that a run reads and writes.
#[derive(Debug, Default)]
pub struct RunPaths {
    /// The files and folders that are read, without the captures.
    pub reads: Vec<NamedPath>,
    /// The lists in folders of lists.
    pub listed: Vec<NamedPath>,
    /// The files that are written.
    pub writes: Vec<NamedPath>,
    /// The options whose lines go to standard output.
    pub standard_output: Option<String>,
    /// The spool folder, which is read and written.
    pub spool: Option<NamedPath>,
    /// The followed folder.
    pub followed: Option<NamedPath>,
}

/// The identity of a file or folder: device and inode.
type Inode = (u64, u64);

/// The identity of something that can be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Identity {
    File(Inode),
    Folder(Inode),
    /// A file that does not exist yet, with the folder in which it would be created.
    Absent(Inode, OsString),
    /// A device or pipe, or a path of which nothing is known.
    Other(PathBuf),
}

impl Identity {
    /// The identity of a regular file that exists.
    fn of_file(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().filter(Metadata::is_file).map(|metadata| Self::File(inode(&metadata)))
    }

    fn of_metadata(metadata: &Metadata, path: &Path) -> Self {
        match inode(metadata) {
            inode if metadata.is_file() => Self::File(inode),
            inode if metadata.is_dir() => Self::Folder(inode),
            _ => Self::Other(path.to_owned()),
        }
    }

    fn of(path: &Path) -> Self {
        let resolved = file_written_by(path);
        if let Ok(metadata) = fs::metadata(path) {
            return Self::of_metadata(&metadata, &resolved);
        }
        let folder = resolved.parent().and_then(|folder| fs::metadata(folder).ok());
        match (folder, resolved.file_name()) {
            (Some(folder), Some(name)) => Self::Absent(inode(&folder), name.to_owned()),
            _ => Self::Other(resolved),
        }
    }

    /// The identity of a standard stream that is redirected to a file.
    fn of_stream(stream: impl AsFd) -> Option<Self> {
        let metadata = File::from(stream.as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
        metadata.is_file().then(|| Self::File(inode(&metadata)))
    }
}

fn inode(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

/// A file that is written, with its identity.
struct Written<'a> {
    /// The option and the path, for messages.
    name: String,
    /// `None` for standard output.
    path: Option<&'a Path>,
    identity: Identity,
}

impl RunPaths {
    /// Refuses paths with which the run would overwrite something that it reads or writes
    /// elsewhere. The captures are checked by [`RunPaths::check_captures`].
    pub fn check(&self) -> anyhow::Result<()> {
        let written = self.written();
        for (number, file) in written.iter().enumerate() {
            if let Some(first) = written[..number].iter().find(|first| first.identity == file.identity) {
                bail!("{}: is named twice, first as {}; give each output a file of its own", file.name, first.name);
            }
        }
        for read in &self.reads {
            self.check_read(read, &Identity::of(&read.path), &written)?;
        }
        for list in &self.listed {
            if let Some(identity) = Identity::of_file(&list.path) {
                self.check_read(list, &identity, &written)?;
            }
        }
        if let Some(spool) = &self.spool {
            self.check_spool(spool, &written)?;
        }
        if let Some(followed) = &self.followed {
            self.check_followed(followed, &written)?;
        }
        Ok(())
    }

    /// Refuses a run that would overwrite one of its captures.
    pub fn check_captures(&self, captures: &Inputs) -> anyhow::Result<()> {
        let written = self.written();
        for capture in &captures.list {
            let identity = match capture {
                Input::File(path) => Identity::of_file(path),
                Input::Stdin => Identity::of_stream(io::stdin()),
            };
            if let Some(identity) = identity {
                check_is_no_capture(capture, &identity, &written)?;
            }
        }
        Ok(())
    }

    /// All files that are written, without the spool.
    fn written(&self) -> Vec<Written<'_>> {
        let files = self.writes.iter().map(|file| Written {
            name: file.to_string(),
            path: Some(&file.path),
            identity: Identity::of(&file.path),
        });
        let standard_output = self.standard_output.iter().filter_map(|option| {
            let name = format!("{option} (standard output)");
            Some(Written { name, path: None, identity: Identity::of_stream(io::stdout())? })
        });
        files.chain(standard_output).collect()
    }

    /// Refuses outputs that are the same file as `read`, or in it if it is a folder.
    fn check_read(&self, read: &NamedPath, identity: &Identity, written: &[Written<'_>]) -> anyhow::Result<()> {
        if let Identity::Other(_) = identity {
            return Ok(());
        }
        for file in written {
            if file.identity == *identity {
                bail!("{}: is the file of {read}, which it would overwrite; name another file", file.name);
            }
            if let (Identity::Folder(folder), Some(path)) = (identity, file.path)
                && lies_in(path, *folder)
            {
                bail!("{}: lies in the folder of {read}, which is read as a whole; put it elsewhere", file.name);
            }
        }
        if let (Identity::Folder(folder), Some(spool)) = (identity, &self.spool)
            && (lies_in(&spool.path, *folder) || Identity::of(&spool.path) == *identity)
        {
            bail!("{spool}: lies in the folder of {read}, which is read as a whole; put it elsewhere");
        }
        Ok(())
    }

    /// Refuses outputs, and files to read, in the spool folder.
    fn check_spool(&self, spool: &NamedPath, written: &[Written<'_>]) -> anyhow::Result<()> {
        let Identity::Folder(folder) = Identity::of(&spool.path) else {
            // An absent folder can only be the same as an absent file.
            let same = written.iter().find(|file| file.path.is_some_and(|path| is_below(path, &spool.path)));
            return match same {
                Some(file) => bail!("{}: lies in the folder of {spool}; put it elsewhere", file.name),
                None => Ok(()),
            };
        };
        for file in written {
            if file.path.is_some_and(|path| lies_in(path, folder))
                || (has_hard_links(file) && holds(&spool.path, &file.identity))
            {
                bail!("{}: lies in the folder of {spool}; put it elsewhere", file.name);
            }
        }
        if let Some(read) = self.reads.iter().find(|read| lies_in(&read.path, folder)) {
            bail!("{read}: lies in the folder of {spool}, where alerts are written; put it elsewhere");
        }
        Ok(())
    }

    /// Refuses outputs that would be read as captures, or are captures already.
    fn check_followed(&self, followed: &NamedPath, written: &[Written<'_>]) -> anyhow::Result<()> {
        let identity = Identity::of(&followed.path);
        for file in written {
            let parent = file.path.and_then(|path| file_written_by(path).parent().map(Identity::of));
            if parent.as_ref() == Some(&identity) {
                bail!("{}: lies in the followed folder and would be read as a capture; put it elsewhere", file.name);
            }
        }
        if let Some(spool) = self.spool.as_ref().filter(|spool| Identity::of(&spool.path) == identity) {
            bail!("{spool}: is the folder of {followed}; put the spool elsewhere");
        }
        // A followed folder may hold very many captures.
        if !written.iter().any(has_hard_links) {
            return Ok(());
        }
        for entry in fs::read_dir(&followed.path).into_iter().flatten().flatten() {
            if let Ok(metadata) = entry.metadata() {
                let path = entry.path();
                check_is_no_capture(&Input::File(path.clone()), &Identity::of_metadata(&metadata, &path), written)?;
            }
        }
        Ok(())
    }
}

fn check_is_no_capture(capture: &Input, identity: &Identity, written: &[Written<'_>]) -> anyhow::Result<()> {
    let Some(file) = written.iter().find(|file| file.identity == *identity) else { return Ok(()) };
    let capture = match capture {
        Input::File(path) => path.display().to_string(),
        Input::Stdin => "-".to_owned(),
    };
    bail!("{}: is one of the captures ({capture}), which it would overwrite; name another file", file.name);
}

/// Returns true if the file has further names, so that it can lie in a folder that its path does
/// not lead to.
fn has_hard_links(file: &Written<'_>) -> bool {
    match file.path {
        Some(path) => fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.nlink() > 1),
        None => true,
    }
}

/// Returns true if writing to `path` changes something in a folder or below it.
fn lies_in(path: &Path, folder: Inode) -> bool {
    let is_folder = |path: &Path| fs::metadata(path).is_ok_and(|metadata| inode(&metadata) == folder);
    file_written_by(path).ancestors().any(is_folder)
}

/// As [`lies_in`], for a folder that does not exist yet.
fn is_below(path: &Path, folder: &Path) -> bool {
    file_written_by(path).starts_with(file_written_by(folder))
}

/// Returns true if a file has a name in a folder or below it. Links are not followed.
fn holds(folder: &Path, file: &Identity) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let path = entry.path();
        match entry.metadata().map(|metadata| Identity::of_metadata(&metadata, &path)) {
            Ok(Identity::Folder(_)) => holds(&path, file),
            Ok(identity) => identity == *file,
            Err(_) => false,
        }
    })
}
