//! The second pass over the captures.

use std::fs;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::alert::Evidence;
use crate::atomic_file::{AtomicFile, AtomicWriter};
use crate::capture::{Block, BlockRereader, Filter, Input, Origin, TimeWindow};
use crate::carve::error::CarveError;
use crate::carve::index::BlockIndex;
use crate::carve::pcapng_writer::{InputName, PcapngWriter};
use crate::carve::plan::RereadPlan;
use crate::carve::selection::EvidenceSelection;

/// The size of the write buffer.
const BUFFER_SIZE: usize = 256 << 10;

/// The counters of carving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CarveCounts {
    /// Packets written.
    pub packets: u64,
    /// Conversations with at least one of them.
    pub conversations: u64,
}

/// Carves evidence into a file. It checks the file before the replay and writes it after the
/// replay.
pub struct EvidenceCarver {
    path: PathBuf,
    file: AtomicFile,
    index: Arc<BlockIndex>,
    inputs: Vec<Input>,
    /// The states of the inputs before the replay.
    states: Vec<Option<InputState>>,
    filter: Option<Filter>,
    window: Option<TimeWindow>,
}

/// Length and modification time of an input, which show whether it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InputState {
    length: u64,
    modified: SystemTime,
}

impl InputState {
    /// The present state of a file. `None` if the system does not report it.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { length: metadata.len(), modified: metadata.modified().ok()? })
    }
}

impl EvidenceCarver {
    /// Makes sure that the file can be written, without changing it, and that the inputs can be
    /// read twice. `filter` and `window` must be those of the replay.
    pub fn open(
        path: &Path,
        inputs: Vec<Input>,
        filter: Option<Filter>,
        window: Option<TimeWindow>,
    ) -> Result<Self, CarveError> {
        let mut states = Vec::with_capacity(inputs.len());
        for input in &inputs {
            match input {
                Input::Stdin => return Err(CarveError::Stream("-".into())),
                Input::File(path) => {
                    let metadata = fs::metadata(path).ok();
                    if metadata.is_some_and(|metadata| !metadata.is_file()) {
                        return Err(CarveError::Stream(path.clone()));
                    }
                    states.push(InputState::of(path));
                }
            }
        }
        let failed = |error| CarveError::Create { path: path.to_owned(), error };
        let file = AtomicFile::open(path).map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let index = BlockIndex::new(folder).map_err(|error| CarveError::BlockIndex { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), file, index: Arc::new(index), inputs, states, filter, window })
    }

    /// The index that the replay must fill.
    pub fn index(&self) -> Arc<BlockIndex> {
        self.index.clone()
    }

    /// Rereads the Blocks that may hold evidence, and writes the evidence. A problem with one
    /// capture is reported, and the other captures are still read.
    pub fn finish(self, evidence: &Evidence, report: &mut dyn FnMut(CarveError)) -> Result<CarveCounts, CarveError> {
        let Self { path, file, index, inputs, states, filter, window } = self;
        let index_failed = |error| CarveError::BlockIndex { path: path.clone(), error };
        let write_failed = |error| CarveError::Write { path: path.clone(), error };
        let file = file.start().map_err(write_failed)?;
        let writer = PcapngWriter::new(BufWriter::with_capacity(BUFFER_SIZE, file)).map_err(write_failed)?;
        let mut pass = SecondPass {
            path: &path,
            index: &index,
            selection: EvidenceSelection::new(evidence),
            rereader: BlockRereader::new(inputs.clone(), filter, window),
            block: Block::new(Arc::new(Origin::default()), Arc::default()),
            writer,
            comments: Vec::new(),
            packets: 0,
        };
        let blocks = index.blocks().map_err(index_failed)?;
        let mut next = 0;
        while next < blocks {
            let plan = RereadPlan::new(next, blocks, &index, pass.selection.flows()).map_err(index_failed)?;
            next = plan.end;
            let differs = pass.carve_input(&plan, report)?;
            let number = plan.input as usize;
            if !plan.blocks.is_empty()
                && let Some(Input::File(path)) = inputs.get(number)
                && (differs || states.get(number).is_some_and(|before| *before != InputState::of(path)))
            {
                report(CarveError::Changed(path.clone()));
            }
        }
        pass.finish()
    }
}

/// The second pass over the captures.
struct SecondPass<'a> {
    path: &'a Path,
    index: &'a BlockIndex,
    selection: EvidenceSelection,
    rereader: BlockRereader,
    block: Block,
    writer: PcapngWriter<BufWriter<AtomicWriter>>,
    /// The comments of the current packet.
    comments: Vec<String>,
    packets: u64,
}

impl SecondPass<'_> {
    /// Rereads one input and writes its selected packets. Returns true if the input differs from
    /// the first pass.
    fn carve_input(&mut self, plan: &RereadPlan, report: &mut dyn FnMut(CarveError)) -> Result<bool, CarveError> {
        let mut differs = false;
        for block in &plan.blocks {
            let entry = self
                .index
                .entry(block.number)
                .map_err(|error| CarveError::BlockIndex { path: self.path.into(), error })?;
            for piece in plan.reads(block, &entry.location) {
                let read = self.rereader.read(&entry.location, piece, &mut self.block);
                let is_complete = self.block.frames.len() == entry.frames(piece);
                // If the first pass had the same error, nothing is missing.
                if let Err(error) = read
                    && !is_complete
                {
                    report(CarveError::Capture(error));
                    return Ok(differs);
                }
                differs |= !is_complete || (piece.is_none() && self.block.location.start != entry.location.start);
                if block.pieces != 0 {
                    self.write_selected(plan.input).map_err(|error| self.write_failed(error))?;
                }
            }
        }
        Ok(differs)
    }

    /// Writes the selected packets of the Block.
    fn write_selected(&mut self, input: u32) -> io::Result<()> {
        let Self { selection, block, writer, comments, packets, .. } = self;
        let input = InputName { number: input, name: &block.origin.name };
        for frame in &block.frames {
            let captured = block.captured(frame);
            if selection.select(frame, captured, comments) {
                writer.write_packet(input, frame, captured, comments)?;
                *packets += 1;
            }
        }
        Ok(())
    }

    /// Replaces the file and returns the counters.
    fn finish(self) -> Result<CarveCounts, CarveError> {
        let failed = |error| CarveError::Write { path: self.path.to_owned(), error };
        let carved = CarveCounts { packets: self.packets, conversations: self.selection.conversations_seen() };
        let file = self.writer.finish().map_err(failed)?.into_inner().map_err(|error| failed(error.into_error()))?;
        file.commit().map_err(failed)?;
        Ok(carved)
    }

    fn write_failed(&self, error: io::Error) -> CarveError {
        CarveError::Write { path: self.path.to_owned(), error }
    }
}
