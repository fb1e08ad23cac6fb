//! The start of a live sensor: what it opens with the privileges that it then gives up.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::slice;

use rattap::output::{Mode, OpenedFile, SpoolSettings};
use rattap::privileges::{self, CaptureOpener, Confinement, PathError, PrepareError};

use crate::command::plan;
use crate::command::status::STATUS_SOCKET;

/// The files and the spool of a sensor, opened and made before it gives up its privileges.
pub(super) struct Prepared {
    /// The files of alerts and suppressed alerts.
    pub files: Vec<OpenedFile>,
    /// `None` also if the default folder cannot be used.
    pub spool: Option<SpoolSettings>,
    /// The socket on which `rattap status` asks, if the state folder exists.
    pub status: Option<UnixListener>,
}

impl Prepared {
    pub fn new(live: &plan::Live) -> anyhow::Result<Self> {
        let account = &live.service.account;
        let open = |path| {
            let open = || OpenedFile::open(path, Mode::Live);
            account.open_file(path, open, |file| OpenedFile::of(path, Some(file)))
        };
        let files = live.files().map(open).collect::<Result<_, PrepareError>>()?;
        let mut prepared = Self { files, spool: live.run.spool.clone(), status: None };
        if let Some(spool) = &live.run.spool {
            match account.make_folder(&spool.folder) {
                Err(PrepareError::Path(problem)) => prepared.refuse_spool(live, problem)?,
                made => made?,
            }
        }
        let socket = Path::new(STATUS_SOCKET);
        if socket.parent().is_some_and(Path::is_dir) {
            match account.listen_at(socket)? {
                Ok(listener) => prepared.status = Some(listener),
                Err(error) => log::info!("{STATUS_SOCKET}: {error}; `rattap status` can ask only with --metrics"),
            }
        }
        Ok(prepared)
    }

    /// Gives up the privileges that the sensor no longer needs. Checks that it can still do what it
    /// needs to do later.
    pub fn give_up_privileges(&mut self, live: &plan::Live) -> anyhow::Result<CaptureOpener> {
        let plan = live.privileges();
        let standing = privileges::drop_privileges(&plan)?;
        if let Some(problem) = privileges::check_paths(&plan.reads, &[]).into_iter().next() {
            return Err(problem.into());
        }
        for path in live.files() {
            if let Some(problem) = writing_problem(path) {
                let user = &standing.user;
                log::warn!(
                    "{}; it is open now, but after a rotation (SIGHUP) alerts still go to the old file: rotate with \
                     copytruncate, or name a file in a folder of user {user}",
                    problem.problem()
                );
            }
        }
        if let Some(problem) = self.spool.as_ref().and_then(|spool| writing_problem(&spool.folder)) {
            self.refuse_spool(live, problem)?;
        }
        let confined = match standing.confinement {
            Some(Confinement::Whole) => "confined to its own files",
            Some(Confinement::Partial) => "confined to its own files as far as this kernel supports it",
            Some(Confinement::None) => {
                log::warn!("not confined to its own files: this kernel does not support landlock");
                "not confined"
            }
            None => "not confined",
        };
        log::info!("runs as {}, {confined}", standing.user);
        Ok(standing.opener)
    }

    /// Continues without a spool on disk, unless the user named its folder.
    fn refuse_spool(&mut self, live: &plan::Live, problem: PathError) -> anyhow::Result<()> {
        if !live.has_default_spool {
            return Err(problem.into());
        }
        log::warn!(
            "{}; alerts for receivers wait in memory only and are lost if the sensor is killed: name a folder with \
             --spool",
            problem.problem()
        );
        self.spool = None;
        Ok(())
    }
}

fn writing_problem(path: &Path) -> Option<PathError> {
    privileges::check_paths(&[], slice::from_ref(&path.to_owned())).into_iter().next()
}
