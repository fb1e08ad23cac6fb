//! Evidence: the packets of what was alerted, carved out of the captures into a pcapng file.
//!
//! Which conversations are alerted is known only when all was read, and their packets come before the moment of detection, too. So the
//! captures are read twice. The first time is the replay, which keeps an [`Index`]: for each Block where it lies and which flows its
//! pieces may hold. The second time, here, the pieces that may hold what is wanted are read again, and the packets of the alerted
//! conversations written in the order of reading. A compressed file is decompressed again from its start.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use thiserror::Error;

use crate::alert::Evidence;
use crate::capture::{Block, BlockRereader, CaptureError, Filter, Input, Origin, TimeWindow};

mod index;
mod plan;
mod selection;
mod write;

pub use index::Index;

use plan::Plan;
use selection::Wanted;
use write::Writer;

/// How much is gathered before it is written.
const BUFFER: usize = 256 << 10;

/// What was carved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carved {
    /// Packets written.
    pub packets: u64,
    /// Conversations with at least one of them.
    pub conversations: u64,
}

/// What can go wrong with carving.
#[derive(Debug, Error)]
pub enum CarveError {
    /// Standard input or a pipe.
    #[error("{}: cannot be read twice: write it to a file first", .0.display())]
    Stream(PathBuf),
    /// The file cannot be created. Nothing was read.
    #[error("{}: cannot create the file: {error}; choose a path that can be written", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// The file cannot be written.
    #[error("{}: cannot write: {error}; the rest of the evidence is missing", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// What the first pass kept cannot be kept or read.
    #[error("{}: cannot keep the index beside it, which takes four bytes for each packet: {error}; choose a folder with room", path.display())]
    Index {
        /// The file that was to be carved.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// A capture cannot be read again.
    #[error("{0}; its packets are missing in the evidence")]
    Capture(CaptureError),
    /// A capture is not what it was when it was replayed.
    #[error("{}: changed after it was replayed: the evidence may lack packets of it, or hold others", .0.display())]
    Changed(PathBuf),
}

/// A file of evidence in the making: opened before the replay, written after it.
pub struct Carving {
    path: PathBuf,
    file: File,
    index: Arc<Index>,
    inputs: Vec<Input>,
    states: Vec<State>,
    filter: Option<Filter>,
    window: Option<TimeWindow>,
}

/// What tells that a file has changed.
type State = Option<(u64, SystemTime)>;

impl Carving {
    /// Creates the file, emptied where it exists, and makes sure that the inputs can be read twice. `filter` and
    /// `window` are those of the replay.
    pub fn open(
        path: &Path,
        inputs: Vec<Input>,
        filter: Option<Filter>,
        window: Option<TimeWindow>,
    ) -> Result<Self, CarveError> {
        let mut states = Vec::with_capacity(inputs.len());
        for input in &inputs {
            match input {
                Input::Standard => return Err(CarveError::Stream("-".into())),
                Input::File(path) => {
                    let metadata = fs::metadata(path).ok();
                    if metadata.is_some_and(|metadata| !metadata.is_file()) {
                        return Err(CarveError::Stream(path.clone()));
                    }
                    states.push(state(path));
                }
            }
        }
        let failed = |error| CarveError::Create { path: path.to_owned(), error };
        let file = File::create(path).map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let index = Index::new(folder).map_err(|error| CarveError::Index { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), file, index: Arc::new(index), inputs, states, filter, window })
    }

    /// What the replay is to fill.
    pub fn index(&self) -> Arc<Index> {
        self.index.clone()
    }

    /// Reads again what may hold evidence, and writes it. What is wrong with a capture is handed to `report`, and the others go on.
    pub fn finish(self, evidence: &Evidence, report: &mut dyn FnMut(CarveError)) -> Result<Carved, CarveError> {
        let Self { path, file, index, inputs, states, filter, window } = self;
        let unwritten = |error| CarveError::Write { path: path.clone(), error };
        let unindexed = |error| CarveError::Index { path: path.clone(), error };
        let mut writer = Writer::new(BufWriter::with_capacity(BUFFER, file)).map_err(unwritten)?;
        let mut wanted = Wanted::new(evidence);
        let mut again = BlockRereader::new(inputs.clone(), filter, window);
        let mut carved = Carved::default();
        let mut block = Block::new(Arc::new(Origin::default()), Arc::default());
        let mut comments = Vec::new();
        let blocks = index.blocks().map_err(unindexed)?;
        let mut next = 0;
        while next < blocks {
            let plan = Plan::new(next, blocks, &index, &wanted).map_err(unindexed)?;
            next = plan.end;
            let mut is_changed = false;
            'input: for (number, pieces) in &plan.blocks {
                let entry = index.entry(*number).map_err(unindexed)?;
                for piece in plan.readings(*number, &entry.part, *pieces) {
                    let read = again.read(&entry.part, piece, &mut block);
                    let is_whole = block.frames.len() == entry.frames(piece);
                    // What could not be read the first time is not missing now.
                    if let Err(error) = read
                        && !is_whole
                    {
                        report(CarveError::Capture(error));
                        break 'input;
                    }
                    is_changed |= !is_whole || (piece.is_none() && block.part.start != entry.part.start);
                    for frame in block.frames.iter().filter(|_| *pieces != 0) {
                        let captured = block.captured(frame);
                        if wanted.takes(frame, captured, &mut comments) {
                            let from = (plan.input, block.origin.name.as_str());
                            writer.packet(from, frame, captured, &comments).map_err(unwritten)?;
                            carved.packets += 1;
                        }
                    }
                }
            }
            let number = plan.input as usize;
            if !plan.blocks.is_empty()
                && let Some(Input::File(path)) = inputs.get(number)
                && (is_changed || states.get(number).is_some_and(|known| *known != state(path)))
            {
                report(CarveError::Changed(path.clone()));
            }
        }
        carved.conversations = wanted.seen();
        let file = writer.finish().map_err(unwritten)?.into_inner().map_err(|error| unwritten(error.into_error()))?;
        // A disk over a network may tell only now that it is full.
        file.sync_all().map_err(unwritten)?;
        Ok(carved)
    }
}

fn state(path: &Path) -> State {
    fs::metadata(path).and_then(|metadata| Ok((metadata.len(), metadata.modified()?))).ok()
}
