use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use verify::Head;

/// Writes heads to a file beside the named file, and puts it in its place only at the end. So a run that is cut off or
/// has findings never loses the existing file of earlier heads.
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

    /// Puts the new file in the place of the named file.
    pub(crate) fn keep(self) -> io::Result<()> {
        self.file.into_inner()?.sync_all()?;
        std::fs::rename(&self.partial_path, &self.path)
    }

    /// Removes the new file and leaves the named file unchanged.
    pub(crate) fn discard(self) -> io::Result<()> {
        std::fs::remove_file(&self.partial_path)
    }
}
