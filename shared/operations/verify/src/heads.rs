use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use cqrs::{Digest, StreamId};
use serde::{Deserialize, Serialize};

/// A stream's end at some time. It must be kept at a place where writers of the event store cannot write. Then it
/// reveals changes that a chain of hashes alone cannot: an end that was cut off, and a stream that was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The stream.
    pub stream_id: StreamId,
    /// The stream's last version.
    pub version: u64,
    /// The hash of the stream's last commit.
    pub hash: Digest,
}

/// The reason why heads cannot be read. Handling: name the right file.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    /// The file cannot be opened or read.
    #[error("the heads cannot be read")]
    File(#[from] std::io::Error),
    /// A line is not a head, or is not in the order of the streams' ids.
    #[error("line {line} of the heads does not have the form that verify writes")]
    Line {
        /// The line's number, from 1.
        line: u64,
    },
}

/// Heads from a file, with one JSON object in each line, in the order of the streams' ids.
pub struct HeadsFile {
    lines: std::io::Lines<BufReader<File>>,
    line: u64,
    last: Option<StreamId>,
}

impl HeadsFile {
    /// The heads in the file of this path.
    ///
    /// # Errors
    /// [`HeadsError::File`].
    pub fn open(path: &Path) -> Result<Self, HeadsError> {
        Ok(Self { lines: BufReader::new(File::open(path)?).lines(), line: 0, last: None })
    }
}

impl Iterator for HeadsFile {
    type Item = Result<Head, HeadsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = match self.lines.next()? {
            Ok(text) => text,
            Err(error) => return Some(Err(error.into())),
        };
        self.line += 1;
        let head = serde_json::from_str::<Head>(&text).ok().filter(|head| Some(head.stream_id) > self.last);
        self.last = head.map(|head| head.stream_id);
        Some(head.ok_or(HeadsError::Line { line: self.line }))
    }
}
