use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use verify::Head;

/// Writes heads beside the file that is named, and puts them in its place only in the end: so that the anchor that is
/// there is never lost to a run that was cut off, or that found something.
pub(crate) struct HeadsWriter {
    path: PathBuf,
    partial_path: PathBuf,
    file: BufWriter<File>,
}

impl HeadsWriter {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut partial_path = path.as_os_str().to_owned();
        partial_path.push(".partial");
        let partial_path = PathBuf::from(partial_path);
        let file = BufWriter::new(File::create(&partial_path)?);
        Ok(Self { path: path.to_owned(), partial_path, file })
    }

    pub(crate) fn write(&mut self, head: &Head) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, head)?;
        self.file.write_all(b"\n")
    }

    /// Into their place.
    pub(crate) fn keep(self) -> io::Result<()> {
        self.file.into_inner()?.sync_all()?;
        std::fs::rename(&self.partial_path, &self.path)
    }

    /// Nothing was written.
    pub(crate) fn discard(self) -> io::Result<()> {
        std::fs::remove_file(&self.partial_path)
    }
}
